#!/bin/bash
# time limit: 600 s
# Signals from mosixctl kill and from kill to mosix-run reach a job once each, whatever happens to
# its move and to the daemons meanwhile. The job's home is n1; it is moved from n2 to n3 and back.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced
requires "needs a build with -Dfailpoints=true" lab sh n1 grep -qa /run/mosix-fail /usr/sbin/mosixd

for n in n1 n2 n3; do on_exit "lab sh $n rm -rf /run/mosix-fail"; done >/dev/null 2>&1

sent=$test_tmp/sent # one line per signal: its distance from RTMIN
: >"$sent"

# by_mosixctl I COUNT: in one go on n1
by_mosixctl() {
	local i
	lab sh n1 sh -c "for i in \$(seq $2); do mosixctl kill -RTMIN+$1 $(job_id signals) || exit; done"
	for ((i = 0; i < $2; i++)); do echo "$1" >>"$sent"; done
}

by_kill() { # I
	lab sh n1 kill "-RTMIN+$1" "$(job_field signals pid)"
	echo "$1" >>"$sent"
}

arrived() {
	lab sh n1 sed -n 's/^signal //p' /home/alice/work/signals/out | sort >"$test_tmp/arrived"
	sort "$sent" | diff - "$test_tmp/arrived"
}

begin() {
	payload_install
	job_dir signals
	job_start signals -- /home/alice/payload/signals.py
	wait_for 10 lab sh n1 grep -q ready /home/alice/work/signals/out
	job_move signals n2
	by_mosixctl 1 3
	by_kill 2
	wait_for 10 arrived
}
try_or_end "a job on n2 counts its signals" begin

at_n2() { [ "$(job_field signals node)" = 2 ] || job_move signals n2; }
running_at() { [ "$(job_field signals node) $(job_field signals state)" = "$1 running" ]; }
move_ended() { ! kill -0 "$1" 2>/dev/null; }

# paused NODE POINT WHERE COMMAND...: runs COMMAND while the move from n2 to n3 waits at a fail point;
# the job then is at node WHERE, with every signal
paused() {
	local node=$1 point=$2 where=$3 move
	shift 3
	wait_for 30 at_n2
	lab sh "$node" sh -c "mkdir -p /run/mosix-fail && echo pause >/run/mosix-fail/$point"
	timeout 100 "$lab_command" sh n1 mosixctl migrate "$(job_id signals)" n3 >"$test_tmp/move" 2>&1 &
	move=$!
	wait_for 10 worker_waits "$node"
	"$@"
	lab sh "$node" rm -f "/run/mosix-fail/$point"
	wait_for 60 move_ended $move
	wait_for 60 running_at "$where" || {
		cat "$test_tmp/move"
		return 1
	}
	wait_for 20 arrived
}

# worker_waits NODE: in a fail point, which looks for its file every now and then
worker_waits() {
	lab sh "$1" sh -c 'for p in $(pgrep -x mosix-ckpt); do
		grep -q nanosleep /proc/$p/wchan /proc/$p/stack && exit
	done; exit 1'
}

some_signals() {
	by_mosixctl 1 5
	by_kill 2
	by_mosixctl 3 2
}

signals_and_home_killed() {
	some_signals
	lab sh n1 systemctl kill --kill-whom=main -s KILL mosixd
	wait_for 20 lab sh n1 mosixctl status
}

signals_and_worker_killed() { # NODE
	some_signals
	lab sh "$1" pkill -KILL -x mosix-ckpt
}

for point in ckpt.seized ckpt.frozen-again; do
	try "signals while the source waits at $point" paused n2 $point 3 some_signals
done
for point in ckpt.received ckpt.pre-resume; do
	try "signals while the destination waits at $point" paused n3 $point 3 some_signals
done
try "signals before a move fails at the source" paused n2 ckpt.seized 2 signals_and_worker_killed n2
try "signals before a move fails at the destination" paused n3 ckpt.received 2 signals_and_worker_killed n3
try "signals, and then the home's mosixd is killed" paused n2 ckpt.frozen-again 2 signals_and_home_killed

killed_daemon() { # NODE POINT
	wait_for 30 at_n2
	lab sh "$1" sh -c "mkdir -p /run/mosix-fail && echo kill >/run/mosix-fail/$2"
	timeout 100 "$lab_command" sh n1 mosixctl migrate "$(job_id signals)" n3 >"$test_tmp/move" 2>&1 &
	wait_for 30 fails lab sh "$1" test -e "/run/mosix-fail/$2"
	wait_for 20 lab sh n1 mosixctl status
	some_signals
	wait $! || true
	wait_for 20 arrived
}
try "signals right after the source's mosixd was killed" killed_daemon n2 daemon.source.begin
try "signals right after the destination's mosixd was killed" killed_daemon n3 daemon.destination.decision-told
try "signals right after the home's mosixd was killed" killed_daemon n1 daemon.move.commit-persisted

unreachable() {
	wait_for 30 at_n2
	lab net n2 cut
	some_signals
	lab net n2 heal
	wait_for 60 arrived
}
on_exit "lab net n2 heal" >/dev/null 2>&1
try "signals while the job's node is cut off" unreachable

storm() {
	local node
	for node in n3 n1 n2 n3 n1; do
		by_mosixctl 4 10 &
		job_move signals $node
		by_kill 2
		wait $!
	done
	wait_for 20 arrived
}
try "signals all the time over five moves" storm

the_end() {
	lab sh n1 mosixctl kill "$(job_id signals)"
	job_wait signals 20
	assert_eq "$(lab sh n1 tail -n 1 /home/alice/work/signals/out)" \
		"counted$(for i in 1 2 3 4; do printf ' %s' "$(grep -cx $i "$sent")"; done)" "the job's count"
}
try "the job ends and has counted them all" the_end
try "nothing is left" wait_for 10 no_leftovers
