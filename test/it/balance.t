#!/bin/bash
# Eight small nodes balance themselves: jobs that all start on one spread over all, and settle again when there is
# new load, a node dies, one joins, one is drained; what they compute is right. Many jobs at once do not all
# go to the same node, equal jobs stay where they are, and a cluster that is cut in two goes on in both halves.
# time limit: 1500 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
# shellcheck source=test/it/balance.sh
. "${0%/*}/balance.sh"
lab_need 8 --cpu 25
on_exit "kill_jobs >/dev/null 2>&1"
grace=6 # seconds that jobs outlive a dead node

prepare() {
	spin_install
	configure "[cluster]
grace = $grace"
	wait_for 30 links_up
}
try_or_end "programs and configuration" prepare

# ---------------------------------------------------------------- spreading

sixteen() {
	local start
	start=$(now_ms)
	run_jobs spin 16 /home/alice/spin
	wait_for 60 spread 16 1 3 1 2 3 4 5 6 7 8
	echo "# two on each node, or one more or less, after $(($(now_ms) - start)) ms"
}
try_or_end "16 jobs started on n1 spread over eight nodes" sixteen

new_load() {
	lab sh n3 sh -c 'for i in 1 2 3; do systemd-run -q --unit owner$i sh -c "while :; do :; done"; done'
	wait_for 60 spread 16 0 1 3
	lab sh n3 systemctl stop owner1 owner2 owner3
	wait_for 90 spread 16 1 3 1 2 3 4 5 6 7 8
}
try "jobs leave a node that has other work, and come back" new_load

sees() { [ "$(see "$1" "$2")" = "$3" ]; }

lost_are_reported() { # NAME...
	local name
	for name; do
		lab sh -x n1 test -e "$job_base/work/$name.rc" || return
	done
}

# Exactly the jobs that were there are lost.
node_dies() {
	local lost left name
	jobs_json >"$test_tmp/before"
	lab kill n4
	lost=$(python3 -c '
import json, sys
print(*(r["name"] for r in json.load(open(sys.argv[1]))["jobs"] if r["node"] == 4))' "$test_tmp/before")
	left=$((16 - $(wc -w <<<"$lost")))
	echo "on n4 were: $lost"
	[ -n "$lost" ]
	# shellcheck disable=SC2086
	wait_for $((2 * grace + 40)) lost_are_reported $lost
	for name in $lost; do
		assert_match "$(lab sh n1 cat "$job_base/work/$name.err")" "n4.* is dead"
	done
	wait_for 60 spread $left 1 4 1 2 3 5 6 7 8
	echo $left >"$test_tmp/left"
}
try "the jobs of a node that dies are reported, and no other" node_dies

node_joins() {
	lab start n4
	wait_for 90 spread "$(cat "$test_tmp/left")" 1 3 1 2 3 4 5 6 7 8
}
try "a node that joins gets its share" node_joins

drained() {
	lab sh n1 mosixctl drain n5
	spread "$(cat "$test_tmp/left")" 0 0 5
	wait_for 60 spread "$(cat "$test_tmp/left")" 1 4 1 2 3 4 6 7 8
	lab sh n1 mosixctl undrain n5
	wait_for 90 spread "$(cat "$test_tmp/left")" 1 3 1 2 3 4 5 6 7 8
}
try "a node that is drained is left by all, and taken again" drained

all_right() {
	local name names
	names=$(jobs_json | python3 -c '
import json, sys
print(*(r["name"] for r in json.load(sys.stdin)["jobs"]))')
	assert_eq "$(wc -w <<<"$names")" "$(cat "$test_tmp/left")" "jobs that are left"
	echo "moves: $(moves)"
	kill_jobs -TERM
	for name in $names; do
		wait_for 20 lab sh -x n1 test -e "$job_base/work/$name.rc"
		assert_eq "$(lab sh -x n1 cat "$job_base/work/$name.rc")" 0 "exit status of $name"
		lab pull n1 "$job_base/work/$name.out" "$test_tmp/$name.out"
	done
	(cd "$test_tmp" && python3 "$test_dir/spin_check.py" spin*.out)
}
try "what they computed is right, through all moves" all_right
kill_jobs >/dev/null 2>&1

# ---------------------------------------------------------------- herds and ping-pong

# most_on HOME...: the largest number of jobs that one node has, of these homes, and how many there are
most_on() {
	local n
	for n; do lab sh -x "$n" mosixctl ps --all --json; done | python3 -c '
import collections, json, sys
text, on, seen = sys.stdin.read(), collections.Counter(), set()
decode, at = json.JSONDecoder().raw_decode, 0
while text[at:].strip():
    at += len(text[at:]) - len(text[at:].lstrip())
    rows, at = decode(text, at)
    for r in rows["jobs"]:
        if r["job"] not in seen:
            seen.add(r["job"])
            on[r["node"]] += 1
print(max(on.values(), default=0), len(seen))'
}

# 50 at once from four nodes: 6.25 would be everyone's share.
herd() {
	local n pids=() most all highest=0 begin
	for n in 1 2 3 4; do
		lab sh -u alice n$n sh -c 'for i in $(seq $0); do mosix-run -d -J herd$i sleep 1000 & done; wait' \
			$((12 + (n <= 2))) >/dev/null &
		pids+=($!)
	done
	begin=$SECONDS
	until [ "${all:-0}" -ge 50 ]; do
		[ $((SECONDS - begin)) -lt 60 ]
		read -r most all < <(most_on n1 n2 n3 n4)
		[ "$most" -le "$highest" ] || highest=$most
	done
	wait "${pids[@]}"
	echo "at most $highest on one node"
	assert_between "$highest" 7 12 "the most jobs that a node has"
}
herd_ends() {
	local n
	for n in 1 2 3 4; do
		lab sh n$n sh -c 'mosixctl ps --all --json | grep -o "\"job\": \"[0-9.]*" | cut -d\" -f4 | xargs -r -n 1 mosixctl kill -KILL'
	done
	wait_for 30 no_jobs
}
try "50 jobs started at once on four nodes: none has more than twice its share" herd
herd_ends >/dev/null 2>&1

minutes=${BALANCE_MINUTES:-1}
one_on_each() { # COMMAND...
	local i
	for i in 1 2 3 4 5 6 7 8; do
		lab sh -u alice n1 mosix-run -d -J "equal$i" -n "n$i" "$@"
	done
	wait_for 30 spread 8 1 1 1 2 3 4 5 6 7 8
	sleep $((minutes * 60)) # how long it is right is what is tested
}
equal() {
	one_on_each ./spin
	assert_eq "$(moves) $(where)" "0 1 2 3 4 5 6 7 8" "moves and places after a time of equal load"
}
try "eight equal jobs on eight nodes stay where they are for $minutes min" equal
kill_jobs >/dev/null 2>&1

# Each computes for 0.6 to 1 s of every second, as chance will have it.
noisy() {
	# shellcheck disable=SC2016
	one_on_each bash -c 'while :; do
			ms=$((600 + RANDOM % 400)) end=$((${EPOCHREALTIME/./} + ms * 1000))
			while [ ${EPOCHREALTIME/./} -lt $end ]; do :; done
			sleep "$(printf 0.%03d $((1000 - ms)))"
		done'
	assert_eq "$(where | wc -w)" 8 "jobs that are there"
	assert_between "$(moves)" 0 "$minutes" "moves in $minutes min of load that swings by a fifth"
}
try "... and move at most once a minute if what each needs swings by a fifth" noisy
kill_jobs >/dev/null 2>&1

# ---------------------------------------------------------------- a cluster in two halves

halves_seen() { # STATE: in which each node of a half sees those of the other
	local a b
	for a in 1 2 3 4; do
		for b in 5 6 7 8; do
			sees n$a n$b "$1" && sees n$b n$a "$1" || return
		done
	done
}
own_half_alive() {
	local a b
	for a in 1 2 3 4; do
		for b in 1 2 3 4; do
			sees n$a n$b alive && sees n$((a + 4)) n$((b + 4)) alive || return
		done
	done
}
copies() { # of all jobs, on all nodes
	local n
	for n in 1 2 3 4 5 6 7 8; do
		lab sh -x n$n find /sys/fs/cgroup -path '*/jobs/1.*' -type d -name '1.*'
	done | sed 's,.*/,,' | sort
}
heal() {
	local n
	for n in 1 2 3 4 5 6 7 8; do lab net n$n heal; done
}
ran_on() { # NODE NAME: CPU time there, ms
	lab sh -x "$1" sh -c 'awk "/^usage_usec/ { print int(\$2 / 1000) }" $(find /sys/fs/cgroup -path "*/jobs/$0.*/cpu.stat")' "$2"
}

partition() {
	local i start before=() ids=() took
	on_exit heal
	each_node_up sh -c 'sed -i "s/^grace.*/grace = 120/" /etc/mosix/mosixd.conf; systemctl restart mosixd'
	wait_for 30 links_up
	# They are locked: what looks at the nodes all the time is load, too, and none is to move for it.
	for i in 1 2 3 4 5 6 7 8; do
		lab sh -u alice n1 sh -c "cd work && rm -f half$i.rc && { mosix-run -L -J half$i -n n$i /home/alice/spin >half$i.out; echo \$? >half$i.rc; } 2>&1 >/dev/null" &
	done
	wait_for 30 spread 8 1 1 1 2 3 4 5 6 7 8
	for i in 1 2 3 4 5 6 7 8; do ids[i]=$(job_id half$i); done
	copies >"$test_tmp/copies"
	start=$(now_ms)
	lab split n1 n2 n3 n4
	wait_for 30 halves_seen dead
	took=$(($(now_ms) - start))
	echo "# both halves knew after $took ms (looking takes a while, too)"
	own_half_alive
	for i in 1 2 3 4 5 6 7 8; do before[i]=$(ran_on n$i "${ids[i]}"); done
	sleep $((60 - took / 1000)) # how long it is cut
	own_half_alive
	for i in 1 2 3 4 5 6 7 8; do
		assert_between "$(($(ran_on n$i "${ids[i]}") - before[i]))" 3000 60000 "ms that half$i has computed meanwhile"
	done
	heal
	start=$(now_ms)
	wait_for 30 halves_seen alive
	echo "# and again after $(($(now_ms) - start)) ms"
	wait_for 30 links_up
	assert_eq "$(copies)" "$(cat "$test_tmp/copies")" "copies of jobs"
	kill_jobs -TERM
	for i in 1 2 3 4 5 6 7 8; do
		wait_for 20 lab sh -x n1 test -e "$job_base/work/half$i.rc"
		assert_eq "$(lab sh -x n1 cat "$job_base/work/half$i.rc")" 0 "exit status of half$i"
		lab pull n1 "$job_base/work/half$i.out" "$test_tmp/half$i.out"
	done
	(cd "$test_tmp" && python3 "$test_dir/spin_check.py" half*.out)
}
try "cut in two halves for a minute, all jobs go on, once each" partition
