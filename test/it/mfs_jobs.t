#!/bin/bash
# time limit: 400 s
# mfs_jobs.t - jobs that work on files of another node while the file system's processes die
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
# shellcheck source=test/it/jobs.sh
. "$test_dir/jobs.sh"
lab_need 2
unbalanced
on_exit "lab sh n1 rm -rf /run/mosix-fail"

lab sh -u alice n1 mkdir -p payload work
lab push n1 "$test_dir/mfs/steady.py" /home/alice/payload/steady.py
lab sh n1 chown -R alice: /home/alice/payload

# The nodes find each other some time after they have booted.
wait_for 20 lab sh n1 mosix-run -n 2 true

rounds() { lab sh n1 sh -c "wc -l </home/alice/work/$1/log 2>/dev/null || echo 0"; }
more_than() { [ "$(rounds "$1")" -gt "$2" ]; }

# progresses NAME: it has done three more rounds
progresses() { wait_for 60 more_than "$1" $(($(rounds "$1") + 2)); }

# one NODE NAME: the process; fails when there is none
one() { lab sh "$1" pgrep -x "$2"; }

# die NODE NAME...: kills all of them at once, then waits until they are back
die() {
	local node=$1 name pid pids=()
	shift
	for name in "$@"; do
		wait_for 20 one "$node" "$name"
		pids+=("$(one "$node" "$name")")
	done
	lab sh "$node" kill -9 "${pids[@]}"
	for name in "$@"; do
		wait_for 20 another "$node" "$name" "${pids[*]}"
	done
}
another() {
	local pid
	pid=$(one "$1" "$2") && [[ " $3 " != *" $pid "* ]]
}

# steadily NAME NODE PROCESS... [-- ARG]: a job on n2 goes on while these die again and again
steadily() {
	local name=$1 node=$2 args=() processes=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		processes+=("$1")
		shift
	done
	[ $# = 0 ] || args=("${@:2}")
	job_dir "$name"
	job_start "$name" -n 2 -- "python3 $job_base/payload/steady.py . ${args[*]}"
	progresses "$name"
	for _ in 1 2 3 4; do
		die "$node" "${processes[@]}"
		progresses "$name"
	done
	lab sh n1 touch "$job_base/work/$name/stop"
	job_wait "$name" 60
	assert_eq "$(lab sh n1 cat "$job_base/work/$name/out")" right "what the job says"
}

try "a job's files stay open when its mosix-mfs is killed" steadily client n2 mosix-mfs -- unlinked
try "... together with mosixd" steadily both n2 mosixd mosix-mfs -- unlinked
try "... and when the server at home is killed" steadily server n1 mosix-mfsd

# The server dies when it has appended and has not said so.
appends() {
	lab sh n1 grep -qa /run/mosix-fail /usr/libexec/mosix/mosix-mfsd || { echo "# without -Dfailpoints=true" && return; }
	lab sh n1 sh -c 'install -m 777 -d /run/mosix-fail && echo kill >/run/mosix-fail/mfsfuse.server.written' # it acts as the user
	lab sh -u alice n1 sh -c 'rm -f work/appended && exec mosix-run -n 2 sh -c "for i in 1 2 3; do echo \$i; done >>work/appended"'
	fails lab sh n1 test -e /run/mosix-fail/mfsfuse.server.written
	assert_eq "$(lab sh n1 cat /home/alice/work/appended | xargs)" "1 2 3" "what was appended"
}
try "... and at the worst moment for who appends to a file" appends

# A client that can do nothing but crash: not a hang, but an error, and a new start.
hopeless() {
	local name=hopeless
	job_dir "$name"
	job_start "$name" -n 2 -- "python3 $job_base/payload/steady.py ."
	progresses "$name"
	lab sh n2 sh -c 'for i in $(seq 1000); do
		journalctl -u mosixd --since "-60 s" -o cat | grep -q "mosix-mfs cannot go on" && exit
		pkill -9 -x mosix-mfs; sleep 0.05
	done; exit 1'
	wait_for 30 job_ended "$name"
	fails lab sh n1 grep -x 0 "$job_base/work/$name/rc"
	wait_for 20 lab sh n2 test -d /run/mosix/mfs/1/etc
	assert_eq "$(lab sh -u alice n1 mosix-run -n 2 -- cat /etc/hostname)" n1 "a new job"
}
try "a mosix-mfs that cannot go on makes errors, and a new one" hopeless
