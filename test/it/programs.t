#!/bin/bash
# time limit: 900 s
# Real programs go n1 -> n2 -> n3 -> n1 while they work; their output must be that of an unmoved run.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4

# round_trip NAME SECONDS COMMAND FILE...: an unmoved run for reference, then a run that is moved;
# SETUP (a variable) is run as the user in both working directories first
round_trip() {
	local name=$1 seconds=$2 command=$3 node
	shift 3
	for run in "$name.ref" "$name"; do
		job_dir "$run"
		lab sh -u alice n1 bash -c "cd work/$run && ${SETUP:-:}"
	done
	lab sh -u alice n1 bash -c "cd work/$name.ref && $command >out 2>err </dev/null"
	job_start "$name" -- "$command"
	for node in n2 n3 n1; do
		sleep 0.3 # some work between moves; not a condition
		job_ended "$name" && {
			echo "$name ended before its move to $node: make it longer"
			return 1
		}
		job_move "$name" $node
	done
	job_wait "$name" "$seconds"
	job_same "$name" "$name.ref" "$@"
}

payload() { payload_install; }
try_or_end "payload programs are built" payload

try "threads, shared memory, timers, signals, an unlinked open file" \
	round_trip allsorts 60 '/home/alice/payload/allsorts 300' out err allsorts.log

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
	round_trip sort 240 'sort -S 4M -T . -o sorted input' sorted

SETUP='/home/alice/payload/mkproject . 24 40' try "make -j2 with gcc" \
	round_trip make 300 "bash -c 'make -s -j2 | sort && ./prog'" out err prog

try "nothing is left" wait_for 10 no_leftovers
