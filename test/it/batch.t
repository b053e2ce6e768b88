#!/bin/bash
# mosix-batch: each line a job; order, state, failures, retries, ^C
# time limit: 300 s
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4

on_n1() { lab sh -u alice n1 "$@"; }

# batch OPTION...: on the lines of standard input; its output in $test_tmp/out and err
batch() { on_n1 mosix-batch "$@" >"$test_tmp/out" 2>"$test_tmp/err"; }

all_lines() {
	seq 40 | sed 's/.*/echo out &; echo err & >\&2/' | batch -j 8
	assert_eq "$(sort -n -k2 "$test_tmp/out")" "$(seq 40 | sed 's/^/out /')" "standard output"
	assert_eq "$(sort -n -k2 "$test_tmp/err")" "$(seq 40 | sed 's/^/err /')" "standard error"
}
try "all lines run, and what they write arrives" all_lines

in_order() {
	printf '%s\n' '# slow first' '' 'sleep 1; echo one' 'echo two' 'sleep 0.3; echo three' 'echo four' |
		batch -k -j 4
	assert_eq "$(tr '\n' ' ' <"$test_tmp/out")" 'one two three four '
}
try "with --keep-order in the order of the lines" in_order

to_directory() {
	on_n1 rm -rf results
	printf '%s\n' 'echo a; pwd' '# b' 'echo c >&2' | batch -o results
	assert_eq "$(on_n1 sh -c 'cat results/1.out; cat results/3.err; ls results | wc -l')" "$(printf 'a\n/home/alice\nc\n4')"
	assert_eq "$(cat "$test_tmp/out" "$test_tmp/err")" ""
}
try "with --output a file for each" to_directory

failures() {
	assert_status 1 eval "printf '%s\n' true 'exit 3' 'kill -9 \$\$' true | batch"
	assert_match "$(cat "$test_tmp/err")" 'line 2 failed with status 3'
	assert_match "$(cat "$test_tmp/err")" 'line 3 was ended by signal 9'
	assert_match "$(cat "$test_tmp/err")" '2 of 4 lines failed'
	assert_status 125 eval "echo true | on_n1 mosix-batch --frob"
	assert_status 125 eval "on_n1 mosix-batch /nonexistent"
	assert_status 125 eval "echo true | on_n1 mosix-batch -r frob"
	assert_status 125 eval "echo true | on_n1 env MOSIX_CONTROL=/run/nothing mosix-batch"
	assert_status 0 eval ": | batch"
}
try "exit statuses, and what is said of failures" failures

summary() {
	assert_status 1 eval "printf '%s\n' true 'exit 3' 'echo x >/dev/null' | batch --json -o results"
	python3 - "$test_tmp/out" <<-'PY'
		import json, sys
		s = json.load(open(sys.argv[1]))
		assert (s["lines"], s["succeeded"], s["failed"], s["skipped"], s["not_started"]) == (3, 2, 1, 0, 0), s
		(f,) = s["failures"]
		assert (f["line"], f["status"], f["command"], f["lost"]) == (2, 3, "exit 3", False), f
	PY
}
try "a summary in JSON" summary

fails_fast() {
	on_n1 rm -f fast
	assert_status 1 eval "printf '%s\n' 'exit 1' 'sleep 60' 'echo >fast' | batch -f -j 2"
	assert_match "$(cat "$test_tmp/err")" '1 of 3 lines were not started'
	on_n1 test ! -e fast
	wait_for 5 eval '[ -z "$(lab sh n1 mosixctl ps --all | tail -n +2)" ]'
}
try "--fail-fast ends the others" fails_fast

resumed() {
	on_n1 sh -c 'rm -f state done; printf "%s\n" "echo a >>done" "echo b >>done" "[ -e ready ] && echo c >>done" "echo b >>done" >lines'
	on_n1 rm -f ready
	assert_status 1 batch -j 1 -s state lines
	assert_eq "$(on_n1 cat 'done' | tr '\n' ' ')" 'a b b '
	# cut in the middle of a record, as by a crash: that line runs again
	on_n1 sh -c 'truncate -s -3 state; touch ready'
	batch -j 1 -s state lines
	assert_eq "$(on_n1 cat 'done' | tr '\n' ' ')" 'a b b c b '
	batch -s state lines
	assert_eq "$(on_n1 cat 'done' | wc -l)" 5
	# moved lines are known again, changed ones are not
	on_n1 sh -c 'printf "%s\n" "echo new >>done" "echo b >>done" "echo changed >>done" "echo b >>done" "[ -e ready ] && echo c >>done" >lines'
	batch -j 1 -s state lines
	assert_match "$(cat "$test_tmp/err")" '^mosix-batch: 1 lines that were done before are not there'
	assert_eq "$(on_n1 tail -n +6 'done' | tr '\n' ' ')" 'new changed '
	assert_status 125 batch -s lines lines
	assert_eq "$(on_n1 mosix-batch -s state -d lines)" ""
}
try "--state: a rerun does what is not done" resumed

# kill -9 in the middle: what was noted is not run again, all else is.
killed() {
	on_n1 sh -c 'rm -f state done ready; for i in 1 2 3 4 5 6; do
		echo "[ $i -lt 3 ] || while [ ! -e ready ]; do sleep 0.1; done; echo $i >>done"
	done >lines
	mosix-batch -j 2 -s state lines & echo $! >pid; wait' &
	wait_for 20 on_n1 sh -c '[ -e state ] && [ "$(grep -c . state)" = 3 ] && [ "$(grep -c . done)" = 2 ]'
	wait_for 20 eval '[ "$(lab sh n1 mosixctl ps --all | tail -n +2 | wc -l)" = 2 ]'
	on_n1 sh -c 'kill -9 $(cat pid)'
	wait_for 10 eval '[ -z "$(lab sh n1 mosixctl ps --all | tail -n +2)" ]'
	on_n1 touch ready
	batch -j 2 -s state lines
	assert_eq "$(on_n1 sort 'done' | tr '\n' ' ')" '1 2 3 4 5 6 '
	batch -j 2 -s state lines
	assert_eq "$(on_n1 cat 'done' | wc -l)" 6
	lab sh n1 sh -c 'rm -rf /tmp/mosix-batch.*'
}
try "after kill -9 a rerun does the rest" killed

lost_batch() {
	on_n1 mosix-batch -j 1 -R "$1" -r n3 -v lines </dev/null >"$test_tmp/out" 2>"$test_tmp/err"
}
lost_line() { on_n1 test -e started; }
lost() {
	local status=0
	on_n1 sh -c 'rm -f started; echo "[ -e started ] && exit 0; echo >started; sleep 100" >lines'
	lost_batch "$1" &
	wait_for 20 lost_line
	each_node_up sh -c 'pkill -9 -x mosix-guest; :'
	wait $! || status=$?
	assert_eq "$status" "$2"
	assert_match "$(cat "$test_tmp/err")" "$3"
}
try "a lost line has failed" lost 0 1 'line 1 is lost: '
try "with --retry it is started again" lost 1 0 'line 1 is started again: '

# typed SIGNAL-COUNT: ^C on the terminal of a batch that runs
interrupted() {
	cat >"$test_tmp/ctrl-c.py" <<-'PY'
		import os, pty, sys, time
		times = int(sys.argv[1])
		open("lines", "w").write("echo >running; sleep 3; echo >ended\nsleep 60\n"[:None if times == 2 else 38])
		for name in "running", "ended":
		    if os.path.exists(name):
		        os.unlink(name)
		with open("lines", "a") as f:
		    f.write("echo >never\n" * 3)
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp("mosix-batch", ["mosix-batch", "-j", str(times), "lines"])
		end = time.monotonic() + 20
		while not os.path.exists("running"):
		    assert time.monotonic() < end
		    time.sleep(0.02)
		os.write(fd, b"\x03")
		text = b""
		while b"still run" not in text:
		    text += os.read(fd, 1000)
		if times == 2:
		    os.write(fd, b"\x03")
		while True:
		    try:
		        data = os.read(fd, 1000)
		    except OSError:
		        break
		    if not data:
		        break
		    text += data
		status = os.waitpid(pid, 0)[1]
		assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == 2, status
		assert os.path.exists("ended") == (times == 1), text
		assert not os.path.exists("never") and b"not started" in text, text
	PY
	lab push n1 "$test_tmp/ctrl-c.py" /home/alice/ctrl-c.py
	on_n1 timeout 60 python3 ctrl-c.py "$1"
}
try "^C starts no more lines" interrupted 1
try "a second ^C ends the jobs" interrupted 2

ended() {
	on_n1 sh -c 'printf "%s\n" "echo \$\$ >pid1; sleep 100" "sleep 100" >lines; rm -f pid1; mosix-batch lines & echo $! >pid; wait' &
	wait_for 20 on_n1 test -s pid1
	on_n1 sh -c 'kill -9 $(cat pid)'
	wait_for 10 eval '[ -z "$(lab sh n1 mosixctl ps --all | tail -n +2)" ]'
	wait
	on_n1 sh -c '! ls -d /tmp/mosix-batch.* 2>/dev/null' || lab sh n1 sh -c 'rm -rf /tmp/mosix-batch.*'
}
try "jobs do not outlive it" ended
try "nothing is left" wait_for 10 no_leftovers
