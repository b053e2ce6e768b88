#!/bin/bash
# What mosixctl shows of a real cluster: fields of jobs, states of nodes, top, and mon on a terminal.
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 3

# field JOB-NAME FIELD: as mosixctl ps prints it
field() { lab sh n1 mosixctl ps -a -o "name,$2" | awk -v name="$1" '$1 == name { sub(/^[^ ]+ +/, ""); print; found = 1 } END { exit !found }'; }
is() { [[ $(field "$1" "$2") =~ ^$3\ *$ ]]; }

fields() {
	lab sh -u alice n1 mkdir -p work
	job_dir spin
	job_start spin -L -n n2 -- 'sh -c "while :; do :; done"'
	wait_for 15 is spin pcpu '[1-9][0-9.]*'
	wait_for 15 is spin demand '[0-9]*[.]?[1-9][0-9.]*'
	is spin start n2
	is spin node n2
	is spin home n1
	is spin cwd "$job_base/work/spin"
	is spin state 'running, locked'
	is spin moves 0
	assert_match "$(lab sh n1 mosixctl ps -a -s -pcpu -o job,name | sed -n 2p)" ' spin *$'
	lab sh n1 mosixctl top -b -n 2 -d 0.2 | grep -c while | grep -qx 2
	lab sh n2 mosixctl ps -a -o job,pcpu,state | grep -qE '^1[.][0-9]+ +[1-9][0-9.]* +running'
}
try "fields of a job" fields

watch() {
	lab sh n1 timeout 3 mosixctl nodes --watch 0.5 >"$test_tmp/watch" || true
	[ "$(grep -c '^ *1  n1[*] ' "$test_tmp/watch")" -ge 3 ]
	assert_eq "$(lab sh n1 mosixctl nodes --json | grep -c '"state": "alive"')" "$(lab ls | grep -c ' up$')"
}
try "states of nodes" watch

terminal() {
	cat >"$test_tmp/mon.py" <<-'PY'
		import os, re, sys
		sys.path.insert(0, "/root")
		from screen import *
		with Terminal(["mosixctl", "mon"], dict(os.environ, LC_ALL="C.UTF-8")) as t:
		    t.shows(r"^MOSIX load  \d of \d nodes").shows("1 n1: alive")
		    t.key("m")
		    t.shows("^MOSIX memory")
		    t.key(TAB)
		    t.shows(r" sh -c").shows("1 jobs")
		    t.key("K")
		    t.shows("really")
		    t.key("y")
		    t.shows("Killing .*: done").shows(" 0 jobs")
		    t.key("q")
		    t.ends(0)
	PY
	lab push n1 "$test_tmp/mon.py" /root/mon.py
	lab push n1 "$test_dir/../unit/screen.py" /root/screen.py
	lab sh n1 python3 /root/mon.py
	wait_for 10 job_ended spin
}
try "mon on a terminal: bars, and a job that is killed" terminal

cost() {
	# Nobody looks at the daemon's log for a display: the questions of one are cheap.
	local before after
	cpu() { lab sh n1 mosixctl metrics | awk '$1 == "process_cpu_seconds_total" { print int($2 * 1000) }'; }
	before=$(cpu)
	lab sh n1 timeout 5 mosixctl nodes -w 1 >/dev/null || true
	after=$(cpu)
	assert_between $((after - before)) 0 250 "ms of CPU time of mosixd in 5 s"
}
try "a display costs the daemon little" cost
