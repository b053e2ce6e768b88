#!/bin/bash
# time limit: 400 s
# What a job holds when it is to move. Shared locks come along, and an exclusive one keeps it where
# it is; none is ever lost. Directories may be open. Home may have many mounts.
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced

work=$job_base/work/locks
in_work() { lab sh -u "$job_user" n1 sh -c "cd $work && $1"; }
holds() { assert_eq "$(in_work 'cat holds')" "$1" "what the job holds"; }

# bytes START: is a write lock on 5 bytes of b to be had?
bytes() {
	in_work "python3 -c 'import fcntl; fcntl.lockf(open(\"b\", \"r+\"), fcntl.LOCK_EX | fcntl.LOCK_NB, 5, $1)'"
}

shared_locks_hold() {
	fails in_work 'flock -n -x a true'
	in_work 'flock -n -s a true'
	fails bytes 12
	bytes 40
}

begin() {
	payload_install
	job_dir locks
	job_start locks -- 'python3 /home/alice/payload/locks.py'
	wait_for 10 holds ab
	shared_locks_hold
}

moved() {
	job_move locks "$1"
	shared_locks_hold
}

# The sentence names the reason, the job keeps its lock, and goes on.
exclusive_stays() { # WHERE TO
	in_work 'touch exclusive'
	wait_for 10 holds abc
	fails lab sh n1 mosixctl migrate "$(job_id locks)" "$1" >"$test_tmp/out" 2>&1
	assert_match "$(cat "$test_tmp/out")" 'locked for writing'
	assert_match "$(lab sh n1 mosixctl explain "$(job_id locks)" 2>&1)" 'locked for writing'
	fails in_work 'flock -n -s c true'
	shared_locks_hold
	in_work 'rm exclusive'
	wait_for 10 holds ab
	in_work 'flock -n -x c true'
}

ends() {
	in_work 'touch stop'
	job_wait locks 10
	in_work 'flock -n -x a true'
	bytes 12
}

try_or_end "a job at home holds shared locks" begin
try "with an exclusive lock it stays at home" exclusive_stays n2
for node in n2 n3 n1 n2; do
	try "it holds its shared locks after its move to $node" moved $node
done
try "with an exclusive lock it does not go to another node" exclusive_stays n3
try "with an exclusive lock it does not come home" exclusive_stays n1
try "it comes home with its shared locks" moved n1
try "its locks end with it" ends

# ---------------------------------------------------------------- pipes

# Nobody takes the job's output, and it takes no input, until there is a file "go".
begin_pipes() {
	job_dir pipes
	lab sh -u "$job_user" n1 bash -c 'cd work/pipes
		later() { until [ -e go ]; do sleep 0.05; done; wc -c >$1; }
		head -c 3000000 /dev/zero | mosix-run -J pipes -- python3 /home/alice/payload/pipes.py \
			2> >(later err) > >(later out); echo $? >rc' >/dev/null 2>&1 </dev/null &
	wait_for 20 lab sh n1 test -e $job_base/work/pipes/full
}

nothing_is_lost() {
	lab sh -u "$job_user" n1 touch work/pipes/go
	job_wait pipes 20
	wait_for 10 lab sh n1 sh -c "cd $job_base/work/pipes && [ -s out ] && [ -s err ]"
	assert_eq "$(lab sh n1 sh -c "cd $job_base/work/pipes && cat out err | tr '\n' ' ' && echo 3000000")" \
		"$(lab sh n1 cat $job_base/work/pipes/counts)" "bytes of output, error, input"
}

try_or_end "a job with large pipes is there" begin_pipes
for node in n2 n3 n1; do
	try "all its pipes are as large as can be and full: it moves to $node" job_move pipes $node
done
try "no byte of that is lost" nothing_is_lost

# ---------------------------------------------------------------- directories

begin_directory() {
	job_dir directory
	job_start directory -- "python3 -c 'import os, time
fd = os.open(\".\", os.O_RDONLY)
while not os.path.exists(\"stop\"): time.sleep(0.02)
print(sorted(os.listdir(fd)))'"
	job_move directory n2
	job_move directory n3
	job_move directory n1
	lab sh -u "$job_user" n1 touch work/directory/stop
	job_wait directory 10
	assert_eq "$(lab sh n1 cat $job_base/work/directory/out)" "['err', 'out', 'stop']"
}
try "a directory is open" begin_directory

# ---------------------------------------------------------------- walks through trees

# What compares device numbers while it walks: find, du, Python's rmtree (as rm -r does).
walks() {
	local to moves=0
	job_dir walk
	lab push n1 - $job_base/work/walk/walk.sh <<-'SH'
		n=0
		until [ -e stop ]; do
			mkdir -p t/a/b/c/d t/e/f/g t/h && : >t/a/b/c/d/file || exit
			find t -type d | wc -l
			du t | wc -l
			python3 -c 'import os, shutil; shutil.rmtree("t"); print(os.path.exists("t"))'
			n=$((n + 1))
		done
		echo $n >&2
	SH
	job_start walk -- 'sh walk.sh'
	for to in n2 n3 n4 n1 n2 n3 n4 n1 n2 n3 n4 n1 n2 n3 n4 n1 n2 n3 n4 n1; do
		lab sh n1 mosixctl migrate "$(job_id walk)" "$to" >"$test_tmp/out" 2>&1 && moves=$((moves + 1)) ||
			assert_match "$(cat "$test_tmp/out")" 'read.* directory|directory.*reading|vfork'
	done
	echo "$moves of 20 moves"
	[ "$moves" -ge 10 ]
	lab sh -u "$job_user" n1 touch work/walk/stop
	job_wait walk 30
	assert_eq "$(lab sh n1 sh -c "cd $job_base/work/walk && cat rc && sort -u out | tr '\n' ' '")" "0
9 False " "exit status and what each walk found"
	assert_match "$(lab sh n1 cat $job_base/work/walk/err)" '^[0-9]+$'
}
try "a job that walks through directories all the time moves, and every walk is whole" walks

# ---------------------------------------------------------------- mounts

mounts() { # mount or umount
	lab sh n1 sh -c "mkdir -p /srv/m && cd /srv/m && for i in \$(seq 300); do
		if [ $1 = mount ]; then mkdir -p \$i && mount -t tmpfs -o size=4k m\$i \$i; else umount -l \$i; fi || exit; done"
}

many_mounts() {
	mounts mount
	job_dir mounts
	job_start mounts -- 'sleep 1000'
	job_move mounts n2
	job_move mounts n3
	job_move mounts n1
	lab sh n1 mosixctl kill -TERM "$(job_id mounts)"
	wait_for 20 job_ended mounts
}
on_exit "mounts umount >/dev/null 2>&1"
try "home has 300 mounts" many_mounts
