#!/bin/bash
# Where mosix-run starts jobs: lists of nodes, the best node, home if nothing else can be had; and what
# it refuses.
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
lab_need 4

on_n1() { lab sh -u alice n1 "$@"; }

# start_node OPTION...: number of the node where a job with these options starts
start_node() { on_n1 mosix-run -v "$@" -- true 2>&1 | sed -n 's/^mosix-run: job [0-9.]* runs on n\([0-9]*\)$/\1/p'; }

says() { # PATTERN OPTION...
	local pattern=$1 status=0
	shift
	on_n1 mosix-run "$@" -- true 2>"$test_tmp/err" || status=$?
	assert_eq $status 125 "exit status of mosix-run $*"
	assert_match "$(cat "$test_tmp/err")" "$pattern" "what mosix-run $* says"
}

lists() {
	assert_eq "$(start_node -r n3)" 3
	assert_eq "$(start_node -r 4)" 4
	assert_eq "$(start_node -r home)" 1
	for _ in 1 2 3 4; do
		assert_match "$(start_node -b -r 2,n4)" '^[24]$'
		assert_match "$(start_node -r 3-9)" '^[34]$'
	done
	assert_eq "$(start_node -r n2,n3 -n n3)" 3
	assert_eq "$(start_node -h)" 1
	assert_match "$(start_node -b)" '^[1-4]$'
	assert_eq "$(start_node -m 300 -c -G 3 -h)" 1
}
try "jobs start where they may" lists

refuses() {
	says "no node 'frob'" -r n1,frob
	says "no node '77'" -r 77
	says "no node within '70-77'" -r 70-77
	says "'4-2' is no range" -r 4-2
	says "n4 is not among those of --on 2,3" -r 2,3 -n n4
	says "exclude each other" -b -n 2
	says "needs --on" -F
}
try "what is refused, and why" refuses

# A list restricts moves, too.
stays_in_list() {
	local id
	on_n1 sh -c 'mosix-run -J listed -r n1,n2 -- sleep 100 >/dev/null 2>&1 &'
	id() { lab sh n1 mosixctl ps -a -o job,name | awk '$2 == "listed" { print $1; found = 1 } END { exit !found }'; }
	wait_for 10 id
	id=$(id)
	assert_status 1 lab sh n1 mosixctl migrate "$id" n3 2>"$test_tmp/err" || {
		lab sh n1 mosixctl kill -KILL "$id"
		return 1
	}
	lab sh n1 mosixctl migrate "$id" n2
	lab sh n1 mosixctl kill -KILL "$id"
}
try "the list also counts for moves" stays_in_list

down_and_back() {
	on_exit "lab sh n3 systemctl start mosixd >/dev/null 2>&1"
	lab sh n3 systemctl stop mosixd
	gone() { ! lab sh n1 mosixctl nodes --json | python3 -c '
import json, sys
sys.exit(not [n for n in json.load(sys.stdin)["nodes"] if n["node"] == 3 and n["up"]])'; }
	wait_for 20 gone
	says "n3|node" -r n3
	assert_eq "$(start_node -r n3 -F)" 1
	assert_match "$(start_node -r n3,n2)" 2
	lab sh n3 systemctl start mosixd
	wait_for 20 fails gone
}
try "a node that is away, with --or-home and without" down_and_back
