# shellcheck shell=bash
# jobs.sh - jobs under test: start, move, wait, compare. Needs lib.sh.
#
# A job runs as alice on n1 in /home/alice/work/NAME; its output goes to the files out and err there,
# its exit status to rc. The payload programs are in /home/alice/payload.

job_user=alice
job_base=/home/$job_user

# payload_install: the payload programs on n1, compiled ones built there
payload_install() {
	local f
	lab sh -u "$job_user" n1 mkdir -p payload work
	for f in "${test_dir:?}"/../payload/*; do
		lab push n1 "$f" "$job_base/payload/${f##*/}"
	done
	lab sh n1 chown -R "$job_user:" "$job_base/payload"
	lab sh -u "$job_user" n1 sh -c 'cd payload && for c in *.c; do gcc -O2 -D_GNU_SOURCE -pthread -o "${c%.c}" "$c" || exit; done'
}

# job_dir NAME: a fresh working directory
job_dir() {
	lab sh -u "$job_user" n1 sh -c "rm -rf work/$1 && mkdir -p work/$1"
}

# job_start NAME [MOSIX-RUN-OPTION...] -- SHELL-COMMAND: in the background; waits until it is known
job_start() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	lab sh -u "$job_user" n1 bash -c "cd work/$name && rm -f rc && {
		mosix-run -J $name ${options[*]} -- $1 >out 2>err </dev/null; echo \$? >rc.new; mv rc.new rc; }" \
		>/dev/null 2>&1 </dev/null &
	wait_for 10 job_id "$name"
}

# jobs_json: all jobs that n1 knows; that we ask costs the node nothing
jobs_json() { lab sh -x n1 mosixctl ps --all --json; }

# job_field NAME FIELD: of a job, by name; fails when there is no such job
job_field() {
	jobs_json | python3 -c '
import json, sys
rows = [r for r in json.load(sys.stdin)["jobs"] if r["name"] == sys.argv[1]]
if not rows:
    sys.exit("no job " + sys.argv[1])
print(rows[0][sys.argv[2]])' "$1" "$2"
}

job_id() { job_field "$1" job; }
# job_worked NAME NODE [MS]: it has used some CPU time (20 ms) since it came to NODE
job_worked() {
	local id
	id=$(job_id "$1") || return 1
	# shellcheck disable=SC2016
	lab sh "$2" sh -c 'for f in $(find /sys/fs/cgroup -path "*/jobs/$0.*/cpu.stat"); do
		awk -v ms="$1" "/^usage_usec/ && \$2 >= ms * 1000 { found = 1 } END { exit !found }" "$f" && exit
	done; exit 1' "$id" "${3:-20}"
}

job_ended() { lab sh n1 test -e "$job_base/work/$1/rc"; }

# job_move NAME NODE: tries again while the job is in a moment in which it cannot move
job_move() {
	local id
	id=$(job_id "$1") || return 1
	wait_for 20 lab sh n1 mosixctl migrate "$id" "$2"
	assert_eq "$(job_field "$1" node)" "${2#n}" "where $1 is after its move to $2"
}

# job_wait NAME SECONDS: until it ended; its exit status must be 0
job_wait() {
	wait_for "$2" job_ended "$1" || {
		jobs_json
		return 1
	}
	assert_eq "$(lab sh n1 cat "$job_base/work/$1/rc")" 0 "exit status of $1" || {
		lab sh n1 tail -n 5 "$job_base/work/$1/err"
		return 1
	}
}

# job_same NAME REFERENCE FILE...: the files of two jobs are the same, byte by byte
job_same() {
	local name=$1 reference=$2 f
	shift 2
	for f; do
		lab sh n1 cmp "$job_base/work/$name/$f" "$job_base/work/$reference/$f"
	done
}

# job_goes_on NAME: it writes another line to its output
job_lines() { lab sh n1 sh -c "wc -l <$job_base/work/$1/out"; }
job_more_lines() { [ "$(job_lines "$1")" -gt "$2" ]; }
job_goes_on() {
	local before
	before=$(job_lines "$1")
	wait_for 20 job_more_lines "$1" "$before"
}

# no_leftovers: no job, guest, cgroup or mount of a job is left on any node
no_leftovers() {
	local n
	for n in n1 n2 n3 n4; do
		lab sh $n sh -c '
			! pgrep -l "mosix-(guest|ckpt|init)" &&
			! pgrep -l criu &&
			! find /sys/fs/cgroup -path "*/jobs/*" -type d | grep . &&
			! ls /run/mosix/job 2>/dev/null | grep . &&
			! ls /run/mosix/jobs 2>/dev/null | grep .' || return 1
	done
}

# see NODE OTHER: the state in which NODE sees OTHER
see() {
	lab sh -x "$1" mosixctl nodes --json | python3 -c '
import json, sys
print(*[n["state"] for n in json.load(sys.stdin)["nodes"] if n["name"] == sys.argv[1]])' "$2"
}
