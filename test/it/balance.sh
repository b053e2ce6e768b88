# shellcheck shell=bash disable=SC2154
# balance.sh - a cluster whose nodes have a quarter of a CPU each, and jobs that compute on it. Needs lib.sh and
# jobs.sh. What looks at it costs the nodes nothing (lab sh -x): it would weigh as much as a job.

# spin_install: /home/alice/spin and /home/alice/grow on n1, compiled where there are processors
spin_install() {
	local p
	for p in spin grow; do
		# shellcheck disable=SC2016
		lab root sh -c 'gcc -O2 -o /tmp/program "/src/test/payload/$0.c" && cat /tmp/program' $p >"$test_tmp/$p"
		chmod 755 "$test_tmp/$p"
		lab push n1 "$test_tmp/$p" "$job_base/$p"
	done
	lab sh -u "$job_user" n1 mkdir -p work
}

# configure TEXT: as mosixd.conf of every node, until the test ends
configure() {
	local n
	on_exit "each_node_up sh -c 'rm -f /etc/mosix/mosixd.conf; systemctl restart mosixd' >/dev/null 2>&1"
	for n in $(lab ls | awk '{ print $1 }'); do
		printf '%s\n' "$1" | lab push "$n" - /etc/mosix/mosixd.conf
		lab sh "$n" systemctl restart mosixd
	done
}

# run_jobs NAME COUNT COMMAND...: NAME1 … NAMEn in the background, as alice on n1, all at once; their output
# and exit status in work/NAMEi.out, .err, .rc
run_jobs() {
	local name=$1 count=$2
	shift 2
	# shellcheck disable=SC2016
	lab sh -u "$job_user" n1 bash -c 'cd work && name=$1 count=$2 && shift 2 && rm -f "$name"[0-9]*.rc
		for i in $(seq "$count"); do
			{ mosix-run -J "$name$i" "$@" >"$name$i.out" 2>"$name$i.err" </dev/null; echo $? >"$name$i.rc"; } &
		done' - "$name" "$count" "$@" >/dev/null 2>&1
}

# where NAME…: the nodes of jobs of n1, by name; of all if none is named. Fails if there is none of that name.
where() {
	jobs_json | python3 -c '
import json, sys
rows = {r["name"]: r for r in json.load(sys.stdin)["jobs"]}
print(*(rows[n]["node"] for n in sys.argv[1:] or sorted(rows)))' "$@"
}
on_node() { [ "$(where "$1")" = "$2" ]; }
count_on() { where | tr ' ' '\n' | grep -cx "$1" || true; }
moves() { jobs_json | python3 -c '
import json, sys
print(sum(r["moves"] for r in json.load(sys.stdin)["jobs"]))'; }

# spread COUNT LOW HIGH NODE...: there are COUNT jobs, and each of these nodes has LOW to HIGH of them
spread() {
	jobs_json | python3 -c '
import collections, json, sys
count, low, high, *nodes = map(int, sys.argv[1:])
jobs = json.load(sys.stdin)["jobs"]
on = collections.Counter(r["node"] for r in jobs)
print(len(jobs), "jobs:", dict(sorted(on.items())))
sys.exit(len(jobs) != count or not all(low <= on[n] <= high for n in nodes))' "$@"
}

links_up() {
	local n
	for n in $(lab ls | awk '{ print $1 }'); do
		lab sh -x "$n" mosixctl nodes --json | python3 -c '
import json, sys
sys.exit(not all(n["up"] for n in json.load(sys.stdin)["nodes"]))' || return 1
	done
}
no_jobs() { [ "$(jobs_json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["jobs"]))')" = 0 ]; }
kill_jobs() {
	jobs_json | python3 -c '
import json, sys
print("\n".join(r["job"] for r in json.load(sys.stdin)["jobs"]))' >"$test_tmp/jobs"
	lab sh n1 xargs -r -n 1 mosixctl kill "${1:--KILL}" <"$test_tmp/jobs"
	wait_for 30 no_jobs
}
