#!/bin/bash
# What a user expects of a program holds for a program that mosix-run runs, at home and elsewhere.
# MOSIX_BULK_MB says how much goes through pipes (200).
. "${0%/*}/lib.sh"
lab_need 2
unbalanced
bulk=${MOSIX_BULK_MB:-200}
checks=/home/alice/deputy_checks.py

install_checks() {
	lab push n1 "$test_dir/deputy_checks.py" $checks
	lab sh n1 chown alice: $checks
	lab sh -u alice n1 python3 $checks -l
}

one() { # NAME OPTIONS
	lab sh -u alice n1 env JOB_OPTIONS="$2" BULK_MB="$bulk" python3 $checks "$1"
}

nothing_left() {
	wait_for 10 none_left
}

none_left() {
	local rows
	rows=$(lab sh n1 mosixctl ps --all --json) || return 1
	[ "$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)["jobs"]))' <<<"$rows")" = 0 ] || {
		echo "$rows"
		return 1
	}
}

has_lines() { lab sh -u alice n1 sh -c "[ \$(wc -l <out) -ge $1 ]"; }

# A deputy outlives the daemon of its node, and hears of the end from the next one.
restarted_daemon() {
	local got
	lab sh -u alice n1 rm -f out
	got=$(lab sh -u alice n1 bash -c '
		mosix-run '"$1"' sh -c "for i in \$(seq 100); do echo \$i; sleep 0.05; done; exit 7" >out; echo $?' &
		wait_for 20 has_lines 5
		lab sh n1 systemctl restart mosixd
		wait_for 20 has_lines 25
		lab sh n1 systemctl kill --kill-whom=main -s KILL mosixd
		wait)
	assert_eq "$got" 7 "exit status"
	assert_eq "$(lab sh -u alice n1 cat out)" "$(seq 100)" "output"
}

# kill -9 of the deputy ends the job on the other node.
killed_deputy() {
	local mark=100.$RANDOM$RANDOM
	lab sh -u alice n1 bash -c "mosix-run -n n2 sleep $mark >/dev/null 2>&1 </dev/null & echo \$!" >"$test_tmp/pid"
	wait_for 10 lab sh n2 pgrep -f "^sleep $mark"
	lab sh n1 kill -9 "$(cat "$test_tmp/pid")"
	wait_for 10 fails lab sh n2 pgrep -f "^sleep $mark"
}

names=$(install_checks) || skip "the checks cannot be installed"
for options in "" "-n n2"; do
	for name in $names; do
		try "$name, ${options:-at home}" one "$name" "$options"
	done
	try "a daemon that is restarted and killed, ${options:-at home}" restarted_daemon "$options"
done
try "kill -9 of mosix-run ends a job elsewhere" killed_deputy
try "no job is left" nothing_left
