#!/bin/bash
# time limit: 900 s
# One job moves MOVES times (200) without a failure, and nothing leaks on any node.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
moves=${MOVES:-200}
lab_need 4
[ -z "$sanitizers" ] && sanitized=0 || sanitized=1

# usage NODE: of mosixd and the file-system processes: descriptors, memory; then processes, cgroups, mounts
usage() {
	lab sh "$1" bash -c '
		fds() { ls /proc/$1/fd | wc -l; }
		rss() { awk "/^VmRSS/ { print \$2 }" /proc/$1/status; }
		for name in mosixd mosix-mfsd mosix-mfs; do
			pid=$(pgrep -o -x $name) && echo "$name.fds $(fds $pid)" && echo "$name.rss $(rss $pid)"
		done
		echo "processes $(ls -d /proc/[0-9]* | wc -l)"
		echo "cgroups $(find /sys/fs/cgroup -type d | wc -l)"
		echo "mounts $(wc -l </proc/self/mountinfo)"'
}

# grown BEFORE AFTER: fails when a count grew by more than 4, or memory by more than 8 MiB
grown() {
	# sanitizers keep what was freed for a while
	join "$1" "$2" | awk -v rss=$((sanitized ? 262144 : 8192)) '
		{ limit = $1 ~ /rss/ ? rss : 4 }
		$3 - $2 > limit { print "grew:", $0; bad = 1 }
		END { exit bad }'
}

prepare() {
	payload_install
	job_dir moves
	job_dir moves.ref
	lab sh -u alice n1 bash -c 'cd work/moves.ref && ../../payload/allsorts 40 | tail -n 1 >/dev/null'
}

many_moves() {
	local i id target begin n
	job_start moves -- '/home/alice/payload/allsorts 1000000'
	id=$(job_id moves)
	for i in $(seq "$moves"); do
		target=n$((i % 3 + 1))
		[ "$i" != 10 ] || for n in n1 n2 n3; do usage $n | sort >"$test_tmp/before.$n"; done
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
	[ "$moves" -lt 20 ] || for n in n1 n2 n3; do
		usage $n | sort >"$test_tmp/after.$n"
		grown "$test_tmp/before.$n" "$test_tmp/after.$n"
	done
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

