#!/bin/bash
# time limit: 900 s
# One job moves MOVES times (200) without a failure, and nothing leaks on any node.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
moves=${MOVES:-200}
lab_need 4
unbalanced
[ -z "$sanitizers" ] && sanitized=0 || sanitized=1

# usage NODE: of mosixd and the file-system processes: descriptors, by kind as well, and memory; then
# processes, cgroups, mounts
usage() {
	lab sh "$1" bash -c '
		kinds() {
			find /proc/$1/fd -type l -printf "%l\n" |
				sed "s/:\[[0-9]*\]$//; s/.*\[\(.*\)\]/\1/; s/[^[:graph:]]/_/g" | sort | uniq -c
		}
		rss() { awk "/^VmRSS/ { print \$2 }" /proc/$1/status; }
		for name in mosixd mosix-mfsd mosix-mfs; do
			pid=$(pgrep -o -x $name) || continue
			kinds $pid | awk -v name=$name "
				{ print name \".fds:\" \$2, \$1; n += \$1 }
				END { print name \".fds\", n + 0 }"
			echo "$name.rss $(rss $pid)"
		done
		echo "processes $(ls -d /proc/[0-9]* | wc -l)"
		echo "cgroups $(find /sys/fs/cgroup -type d | wc -l)"
		echo "mounts $(wc -l </proc/self/mountinfo)"'
}

# settled NODE: one guest process is ready, as always when no job came for a while; moves in quick
# succession make mosixd keep more
settled() { assert_eq "$(lab sh "$1" pgrep -c -x mosix-spare)" 1 "guest processes that are ready on $1"; }

# remember WHEN: what is used on each node, into files
remember() {
	local n
	for n in n1 n2 n3; do
		wait_for 20 settled $n
		usage $n | sort >"$test_tmp/$1.$n"
	done
}

# grown NODE: fails when a count grew by more than 4, or memory by more than 8 MiB; says of what kind
# the descriptors are
grown() {
	# sanitizers keep what was freed for a while
	join -a 2 -e 0 -o 0,1.2,2.2 "$test_tmp/before.$1" "$test_tmp/after.$1" |
		awk -v node="$1" -v rss=$((sanitized ? 262144 : 8192)) '
			/:/ { if ($3 > $2) kinds = kinds "\n  " $0; next }
			{ limit = $1 ~ /rss/ ? rss : 4 }
			$3 - $2 > limit { print "grew on " node ":", $0; bad = 1 }
			END { if (bad && kinds) print "descriptors on " node ":" kinds; exit bad }'
}

prepare() {
	payload_install
	job_dir moves
	job_dir moves.ref
	lab sh -u alice n1 bash -c 'cd work/moves.ref && ../../payload/allsorts 40 | tail -n 1 >/dev/null'
}

many_moves() {
	local i id target begin n failed=
	job_start moves -- '/home/alice/payload/allsorts 1000000'
	id=$(job_id moves)
	for i in $(seq "$moves"); do
		target=n$((i % 3 + 1))
		[ "$i" != 10 ] || remember before
		begin=${EPOCHREALTIME/[.,]/}
		lab sh n1 mosixctl migrate "$id" $target >"$test_tmp/move" 2>&1 || {
			echo "move $i to $target failed:"
			cat "$test_tmp/move"
			return 1
		}
		echo $((${EPOCHREALTIME/[.,]/} - begin)) >>"$test_tmp/times"
	done
	# as before: with the job at home
	[ $((moves % 3)) = 0 ] || lab sh n1 mosixctl migrate "$id" n1
	[ "$moves" -lt 20 ] || {
		remember after
		for n in n1 n2 n3; do grown $n || failed=1; done
		[ -z "$failed" ]
	}
}

output_is_right() {
	local rounds
	lab sh n1 mosixctl kill -TERM "$(job_id moves)"
	wait_for 20 job_ended moves
	assert_eq "$(lab sh n1 cat /home/alice/work/moves/rc)" 143 "exit status after SIGTERM"
	rounds=$(lab sh n1 sh -c 'grep -c "^round" /home/alice/work/moves/out')
	assert_between "$rounds" 20 1000000 "rounds done"
	lab sh -u alice n1 bash -c "cd work/moves.ref && ../../payload/allsorts $rounds | grep ^round | cmp - ../moves/out
		cmp -n \$(stat -c %s allsorts.log) allsorts.log ../moves/allsorts.log"
}

try_or_end "payload programs are built" prepare
try "$moves moves of one job, nothing leaks" many_moves
try "its output is that of an unmoved run" output_is_right
try "nothing is left" wait_for 10 no_leftovers
[ -s "$test_tmp/times" ] && sort -n "$test_tmp/times" | awk '{ t[NR] = $1 } END {
	printf "# whole command, %d moves: median %.0f ms, 90 %% %.0f ms\n", NR, t[int((NR+1)/2)] / 1e3, t[int(NR*.9)] / 1e3 }'

