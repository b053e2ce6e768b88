#!/bin/bash
# The answer to a start is lost, or the daemon of home with it: the job runs once, whoever started it.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 2
requires "needs a build with -Dfailpoints=true" lab sh n1 grep -qa /run/mosix-fail /usr/sbin/mosixd

for n in n1 n2; do on_exit "lab sh $n rm -rf /run/mosix-fail"; done
on_exit "lab sh n1 systemctl start mosixd; lab sh n1 sh -c 'cd /home/alice && rm -f line.sh line.mk lines log go'"

on_n1() { lab sh -u alice n1 "$@"; }
fail_at() { lab sh "$1" sh -c "mkdir -p /run/mosix-fail && echo $3 >/run/mosix-fail/$2"; } # NODE POINT ACTION

# What each of them runs says that it has begun, waits until it may end, and says so again.
as_make() { on_n1 mosix-make --nodes n2 -s -f line.mk </dev/null; }
as_batch() { on_n1 mosix-batch -r n2 -R 2 lines </dev/null; }
as_run() { on_n1 mosix-run -n n2 sh line.sh </dev/null; }
as_quiet_make() { on_n1 sh -c "exec mosix-make --nodes n2 -s -f line.mk </dev/null >/dev/null 2>&1"; }
as_quiet_run() { on_n1 sh -c "exec mosix-run -n n2 sh line.sh </dev/null >/dev/null 2>&1"; }

prepare() {
	on_n1 rm -f log go
	lab push n1 - /home/alice/line.sh <<-'SH'
		echo begun >>log
		while [ -e line.sh ] && [ ! -e go ]; do sleep 0.05; done
		echo ended >>log
		echo out
	SH
	lab push n1 - /home/alice/line.mk <<<'all: ; @sh line.sh'
	lab push n1 - /home/alice/lines <<<'sh line.sh'
}

log_is() { assert_eq "$(on_n1 sh -c 'cat log 2>/dev/null' | xargs)" "$1" "what the line has said"; }

# start_unheard HOW: it runs on n2, and n1 has not heard of that
start_unheard() {
	prepare
	fail_at n2 daemon.guest.started error
	"as_$1" >"$test_tmp/out" 2>"$test_tmp/err" &
	wait_for 20 log_is begun
}

# ends_well PID OUTPUT
ends_well() {
	wait "$1" || {
		echo "exit status $?"
		cat "$test_tmp/out" "$test_tmp/err"
		return 1
	}
	log_is "begun ended"
	assert_eq "$(cat "$test_tmp/out")" "$2" output
}

none_left() { [ -z "$(lab sh n1 mosixctl ps --all | tail -n +2)" ]; }

restarted() {
	start_unheard "$1"
	lab sh n1 systemctl kill --kill-whom=main -s KILL mosixd
	lab sh n2 rm -f /run/mosix-fail/daemon.guest.started
	# A second one would begin now.
	wait_for 20 eval '[ "$(job_state)" = running ]'
	log_is begun
	on_n1 touch go
	ends_well $! "$2"
	wait_for 5 none_left
}
job_state() { jobs_json | python3 -c 'import json, sys; print(*[j["state"] for j in json.load(sys.stdin)["jobs"]])'; }
for how in make batch run; do
	try "mosixd of home is killed while it starts a job: $how" restarted $how out
done
try "the same, of a job without output" restarted quiet_make ""

# It ends before the next daemon hears of it.
ended_meanwhile() {
	start_unheard "$1"
	lab sh n1 systemctl stop mosixd
	on_n1 touch go
	wait_for 10 log_is "begun ended"
	lab sh n1 systemctl start mosixd
	ends_well $! ""
	wait_for 5 none_left
}
try "its job has ended before there is another" ended_meanwhile quiet_run

unheard() {
	start_unheard "$1"
	on_n1 touch go
	ends_well $! ""
	wait_for 5 none_left
}
for how in quiet_make quiet_run; do
	try "a job of which only the end is heard: $how" unheard $how
done

# Nobody says what has become of it: the line has failed.
stopped() {
	local status=0
	start_unheard make
	lab sh n1 systemctl stop mosixd
	wait $! || status=$?
	assert_eq "$status" 2 "exit status of make"
	assert_match "$(cat "$test_tmp/err")" 'mosixd went away while it started the job.*Error 125'
	log_is begun
	lab sh n1 systemctl start mosixd
	wait_for 20 none_left
	log_is begun
}
try "mosixd of home does not come back: the line has failed" stopped

# No record of it was written: make runs it at home, others say so.
not_begun() {
	prepare
	on_n1 touch go
	fail_at n1 daemon.job.start kill
	as_make >"$test_tmp/out" 2>"$test_tmp/err" &
	ends_well $! out
	on_n1 rm -f log
	wait_for 10 lab sh n1 mosixctl nodes
	fail_at n1 daemon.job.start kill
	assert_status 125 as_run 2>"$test_tmp/err"
	assert_match "$(cat "$test_tmp/err")" 'mosixd was restarted before it started the job'
	log_is ""
}
try "mosixd of home is killed before it takes the job" not_begun

# It hangs there: home does not wait for ever, nor does its next mosixd.
too_slow() {
	local status=0
	prepare
	fail_at n2 guest.start pause
	as_run >"$test_tmp/out" 2>"$test_tmp/err" &
	wait_for 20 lab sh n2 test -e /run/mosix-fail/guest.start.reached
	lab sh n1 systemctl kill --kill-whom=main -s KILL mosixd
	wait $! || status=$?
	lab sh n2 rm -f /run/mosix-fail/guest.start
	assert_eq "$status" 125 "exit status"
	assert_match "$(cat "$test_tmp/err")" 'did not start the job within 30 s'
	wait_for 10 none_left
}
try "a job that hangs while it is started, and home has a new mosixd" too_slow
lab sh n2 rm -rf /run/mosix-fail
try "nothing is left" wait_for 10 no_leftovers
