#!/bin/bash
# time limit: 900 s
# Real programs go n1 -> n2 -> n3 -> n1 while they work; their output must be that of an unmoved run.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced

# round_trip NAME SECONDS COMMAND FILE...: an unmoved run for reference, then a run that is moved;
# SETUP (a variable) is run as the user in both working directories first
round_trip() {
	local name=$1 seconds=$2 command=$3 node at
	shift 3
	for run in "$name.ref" "$name"; do
		job_dir "$run"
		lab sh -u alice n1 bash -c "cd work/$run && ${SETUP:-:}"
	done
	lab sh -u alice n1 bash -c "cd work/$name.ref && $command >out 2>err </dev/null"
	job_start "$name" -- "$command"
	at=n1
	for node in n2 n3 n1; do
		wait_for 20 worked_or_ended "$name" $at
		job_ended "$name" && {
			echo "$name ended before its move to $node: make it longer"
			return 1
		}
		job_move "$name" $node
		at=$node
	done
	job_wait "$name" "$seconds"
	job_same "$name" "$name.ref" "$@"
}

worked_or_ended() { job_worked "$1" "$2" || job_ended "$1"; }

payload() {
	local f
	payload_install
	for f in deputy_checks.py terminal_checks.py; do lab push n1 "$test_dir/$f" "$job_base/$f"; done
}
on_terminal() { lab sh -u alice n1 python3 terminal_checks.py "$1"; }
try_or_end "payload programs are built" payload

try "threads, shared memory, timers, signals, an unlinked open file" \
	round_trip allsorts 60 '/home/alice/payload/allsorts 1000' out err allsorts.log

try "a shell script with children and pipes" \
	round_trip tree 120 '/home/alice/payload/tree.sh 60' out err

try "python3 with threads" \
	round_trip threads 120 '/home/alice/payload/threads.py 400' out err

try "sqlite3 writes a database" \
	round_trip database 120 '/home/alice/payload/database.sh 200 test.db' out err

big_file='perl -e "srand 7; print join(\" \", map { int rand 100000 } 1..12), \"\n\" for 1..1500000"'
SETUP="$big_file >input" try "xz of a 100 MB file" \
	round_trip xz 240 'xz -1 -k -T1 input' input.xz

SETUP="$big_file >input" try "sort of a file larger than its buffer" \
	round_trip sort 240 'sort -S 4M -T . -o sorted input input' sorted

SETUP='/home/alice/payload/mkproject . 24 40' try "make -j2 with gcc" \
	round_trip make 300 "bash -c 'make -s -j2 | sort && ./prog'" out err prog

# These move more often: their user does something, and they move, in turn.
try "a program that reads its terminal" on_terminal reader
try "a program that reads single keys" on_terminal raw
try "a pager" on_terminal pager
try "a terminal that is closed, after a move" on_terminal hangup

try "nothing is left" wait_for 10 no_leftovers
