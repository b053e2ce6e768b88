#!/bin/bash
# Nodes with little memory: jobs that outgrow their node leave it in time. The kernel's OOM killer never acts
# where another node has room, and nothing that jobs keep in memory is lost.
# time limit: 600 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
# shellcheck source=test/it/balance.sh
. "${0%/*}/balance.sh"
lab_need 4 --mem 768M
[ -z "$sanitizers" ] || skip "sanitizers need the memory of such small nodes themselves"
on_exit "kill_jobs >/dev/null 2>&1"

# oom_kills: by the kernel, on any node
oom_kills() {
	local n
	for n in n1 n2 n3 n4; do
		lab sh -x $n sh -c 'cat /run/cgroup1/memory/memory.oom_control /sys/fs/cgroup/memory.events 2>/dev/null; true'
	done | awk '$1 == "oom_kill" { n += $2 } END { print n + 0 }'
}
grown() { # COUNT: so many of them are
	local n
	n=$(lab sh -x n1 sh -c 'cat "$0"/work/grow*.out | grep -cx grown' "$job_base" || true)
	echo "$n of $1 have all that they want; they are on $(where)"
	[ "$n" -ge "$1" ]
}

try_or_end "programs" spin_install

# outgrow COUNT MIB RATE OPTION...: jobs on n1 that grow to MIB each; all of them keep what they have
outgrow() {
	local count=$1 mib=$2 rate=$3 before i
	shift 3
	before=$(oom_kills)
	lab sh n1 sh -c 'rm -f "$0"/work/grow*' "$job_base"
	run_jobs grow "$count" "$@" /home/alice/grow "$mib" "$rate"
	wait_for 120 grown "$count"
	assert_eq "$(oom_kills)" "$before" "processes that the kernel has killed for memory"
	echo "# $count jobs of $mib MiB are on nodes $(where), after $(moves) moves"
	kill_jobs -TERM
	for ((i = 1; i <= count; i++)); do
		wait_for 30 lab sh -x n1 test -e "$job_base/work/grow$i.rc"
		assert_eq "$(lab sh -x n1 cat "$job_base/work/grow$i.rc" "$job_base/work/grow$i.out" | tr '\n' ' ')" "0 grown $mib MiB right "
	done
	assert_eq "$(oom_kills)" "$before" "processes that the kernel has killed for memory"
}
step() {
	try "$@"
	kill_jobs >/dev/null 2>&1
}
# All start at home, which they outgrow together.
step "three jobs that outgrow their node leave it in time" outgrow 3 300 10 -n 1
step "so do eight, each of which is small" outgrow 8 200 5 -n 1
step "and where nobody says where they start" outgrow 8 200 10
# Home has room for one: their need is known.
step "jobs whose need was said start where there is room" outgrow 4 400 100 -m 400
