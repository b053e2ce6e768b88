#!/bin/bash
# time limit: 1200 s
# Something dies, hangs or is cut off at each step of a move; exactly one copy of the job goes on and
# its output is right. Two jobs, one for each half of the test; their home is n1, and they are moved
# from n2 to n3 again and again.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced
requires "needs a build with -Dfailpoints=true" lab sh n1 sh -c 'strings -a /usr/sbin/mosixd 2>/dev/null | grep -q /run/mosix-fail || grep -qa /run/mosix-fail /usr/sbin/mosixd'

for n in n1 n2 n3; do on_exit "lab net $n heal; lab thaw $n; lab sh $n rm -rf /run/mosix-fail"; done >/dev/null 2>&1

job=faults

# copies: one line "NODE JOB.GEN" for each copy that is able to run
copies() {
	local n id
	id=$(job_id $job) || return
	for n in n1 n2 n3; do
		# shellcheck disable=SC2016
		lab sh $n sh -c 'for g in $(find /sys/fs/cgroup -regex ".*/jobs/'"$id"'[.][0-9]*/cgroup.freeze"); do
			d=${g%/*}
			grep -q "populated 1" $d/cgroup.events && grep -q "frozen 0" $d/cgroup.events && echo '$n' ${d##*/}
		done; true'
	done
}

one_copy() {
	local found
	found=$(copies)
	assert_eq "$(wc -l <<<"$found")" 1 "copies that can run: $found" && [ -n "$found" ]
}

rounds() { lab sh n1 sh -c "cat /home/alice/work/$job/*.log | wc -l"; }

progresses() {
	local before
	before=$(rounds)
	wait_for 30 more_than "$before"
}
more_than() { [ "$(rounds)" -gt "$1" ]; }

# settled: one copy, where the home node says it is, running and making progress
settled() {
	wait_for 90 one_copy
	wait_for 60 state_is running
	progresses
	one_copy
	assert_eq "$(copies | cut -d' ' -f1)" "n$(job_field $job node)" "the node that home names"
}
state_is() { assert_eq "$(job_field $job state)" "$1" state; }

at_n2() { [ "$(job_field $job node)" = 2 ] || job_move $job n2; }

# fault NODE POINT ACTION: arm the fail point, move n2 -> n3, see that the job goes on
fault() {
	local node=$1 point=$2 action=$3
	wait_for 60 at_n2
	lab sh "$node" sh -c "mkdir -p /run/mosix-fail && echo $action >/run/mosix-fail/$point"
	timeout 60 "$lab_command" sh n1 mosixctl migrate "$(job_id $job)" n3 >"$test_tmp/move" 2>&1 || true
	if [ "$action" != pause ] && lab sh "$node" test -e "/run/mosix-fail/$point"; then
		lab sh "$node" rm -f "/run/mosix-fail/$point"
		echo "the fail point $point was not reached on $node: $(cat "$test_tmp/move")"
		return 1
	fi
	settled || {
		cat "$test_tmp/move"
		return 1
	}
}

# at_pause NODE POINT COMMAND... : stop the move at a point, do something to the cluster, let it go on
at_pause() {
	local node=$1 point=$2
	shift 2
	wait_for 60 at_n2
	lab sh "$node" sh -c "mkdir -p /run/mosix-fail && echo pause >/run/mosix-fail/$point"
	timeout 100 "$lab_command" sh n1 mosixctl migrate "$(job_id $job)" n3 >"$test_tmp/move" 2>&1 &
	wait_for 20 lab sh "$node" test -e "/run/mosix-fail/$point.reached"
	"$@"
	lab sh "$node" rm -f "/run/mosix-fail/$point" "/run/mosix-fail/$point.reached"
	wait_for 100 move_command_ended $!
	settled
}
move_command_ended() { ! kill -0 "$1" 2>/dev/null; }

cut_for() { # NODE SECONDS
	lab net "$1" cut
	sleep "$2"
	lab net "$1" heal
}

freeze_for() { # NODE SECONDS
	lab freeze "$1"
	sleep "$2"
	lab thaw "$1"
}

begin() {
	payload_install
	job_dir faults
	job_dir faults.ref
	job_start faults -- '/home/alice/payload/allsorts 1000000'
	job_move faults n2
	progresses
}
try_or_end "a job runs on n2, its home is n1" begin

for point in daemon.move.prepare daemon.move.begin daemon.move.dumped daemon.move.ready \
	daemon.move.commit-persisted daemon.move.commit-sent daemon.move.finished; do
	try "home: mosixd killed at $point" fault n1 $point kill
done
for point in daemon.source.begin daemon.source.dumped daemon.source.decision-told; do
	try "source: mosixd killed at $point" fault n2 $point kill
done
for point in daemon.destination.prepare daemon.destination.ready daemon.destination.decision-told; do
	try "destination: mosixd killed at $point" fault n3 $point kill
done
for point in ckpt.pre-dump ckpt.seized ckpt.frozen-again ckpt.confirmed ckpt.commit; do
	try "source: worker killed at $point" fault n2 $point kill
done
for point in ckpt.received ckpt.setup-namespaces ckpt.post-restore ckpt.pre-resume ckpt.restored; do
	try "destination: worker killed at $point" fault n3 $point kill
done
for point in ckpt.seized ckpt.confirmed; do
	try "source cut off for 8 s at $point" at_pause n2 $point cut_for n2 8
	try "source frozen for 8 s at $point" at_pause n2 $point freeze_for n2 8
	try "home cut off for 8 s at $point" at_pause n2 $point cut_for n1 8
done
for point in ckpt.received ckpt.restored; do
	try "destination cut off for 8 s at $point" at_pause n3 $point cut_for n3 8
	try "destination frozen for 8 s at $point" at_pause n3 $point freeze_for n3 8
	try "home frozen for 8 s at $point" at_pause n3 $point freeze_for n1 8
done

# ---------------------------------------------------------------- not even for an instant

begin_records() {
	job_dir records
	job_start records -- '/home/alice/payload/records records.log'
	job_move records n2
	progresses
}

# A second copy, however short its life, would write a number again.
records_are_right() {
	lab sh n1 mosixctl kill -TERM "$(job_id records)"
	wait_for 20 job_ended records
	assert_eq "$(lab sh n1 awk '$1 != NR - 1' /home/alice/work/records/records.log | head -n 3)" "" "records out of order"
	assert_between "$(rounds)" 1000 100000000 records
}

output_is_right() {
	local count
	lab sh n1 mosixctl kill -TERM "$(job_id faults)"
	wait_for 20 job_ended faults
	assert_eq "$(lab sh n1 cat /home/alice/work/faults/rc)" 143 "exit status after SIGTERM"
	count=$(lab sh n1 sh -c 'grep -c "^round" /home/alice/work/faults/out')
	lab sh -u alice n1 bash -c "cd work/faults.ref && ../../payload/allsorts $count | grep ^round | cmp - ../faults/out
		cmp -n \$(stat -c %s allsorts.log) allsorts.log ../faults/allsorts.log"
}
try "its output is that of an undisturbed run" output_is_right

job=records
try_or_end "a job that writes a record each 0.1 ms runs on n2" begin_records
for point in ckpt.setup-namespaces ckpt.post-restore ckpt.unfrozen ckpt.pre-resume ckpt.restored; do
	try "destination: no second copy writes when the worker is killed at $point" fault n3 $point kill
done
for point in ckpt.traced ckpt.detach; do
	try "destination: no second copy writes when criu is killed at $point" fault n3 $point kill
done
try "no record was written twice" records_are_right
try "nothing is left" wait_for 10 no_leftovers
