#!/bin/bash
# The migration engine without daemons: ckpt-drive plays guests and arbiter and moves real programs to
# and fro on one node, through criu, TLS and all. Needs no mosixd.
# time limit: 600 s
. "${0%/*}/lib.sh"
lab_need 4
rounds=${MOVES:-20}
drive=/root/ckpt/ckpt-drive

prepare() {
	local f
	lab sh n1 mkdir -p ckpt
	for f in ckpt-drive ckpt-mem; do
		lab root cat "/build/test/it/drive/$f" >"$test_tmp/$f"
		lab push n1 "$test_tmp/$f" "/root/ckpt/$f"
	done
	# shellcheck disable=SC2154
	for f in "$test_dir"/../payload/*.{c,py,sh}; do
		lab push n1 "$f" "/root/ckpt/${f##*/}"
	done
	lab sh n1 sh -c 'cd ckpt && chmod +x ckpt-* *.sh *.py && for p in allsorts records; do gcc -O2 -D_GNU_SOURCE -pthread -o $p $p.c || exit; done'
}
try_or_end "the programs are there" prepare

# moved OPTIONS -- PROGRAM...: what it prints; what the driver says goes to $test_tmp/moves
moved() {
	lab sh n1 sh -c 'cd /root/ckpt && exec "$0" "$@"' "$drive" "$@" 2>"$test_tmp/moves" || {
		local status=$?
		cat "$test_tmp/moves" >&2
		return $status
	}
}

# committed N: the driver has made at least so many moves
committed() { assert_between "$(grep -c ' committed' "$test_tmp/moves")" "$1" 100000 "moves"; }
taken_back() { assert_between "$(grep -c ' taken back' "$test_tmp/moves")" "$1" 100000 "moves taken back"; }

# unmoved PROGRAM...: what it prints by itself (with a parent in its own pid namespace)
unmoved() { lab sh n1 sh -c 'cd /root/ckpt && "$@"; exit $?' sh "$@"; }

same_as_unmoved() { # MOVES PROGRAM...
	local moves=$1
	shift
	unmoved "$@" >"$test_tmp/want"
	moved -n "$moves" -w 20 -- "$@" >"$test_tmp/got"
	cmp "$test_tmp/want" "$test_tmp/got"
	committed "$((moves * 3 / 4))"
}

programs() {
	same_as_unmoved "$rounds" /root/ckpt/allsorts "$((rounds * 6))"
}
try "threads, timers, signals, pipes, shared memory, a deleted file: $rounds moves" programs
try "a script with children, pipes and traps" same_as_unmoved 8 /root/ckpt/tree.sh 30
try "threads of python" same_as_unmoved 4 /root/ckpt/threads.py 40

memory() {
	moved -r -n 3 -- /root/ckpt/ckpt-mem 64 3 5000 >"$test_tmp/got"
	assert_match "$(cat "$test_tmp/got")" 'bad 0 gap'
	committed 3
}
try "64 MiB that change all the time" memory

slow_network() {
	lab sh n1 unshare --net sh -c 'ip link set lo up && tc qdisc add dev lo root tbf rate 3gbit burst 2m latency 50ms &&
		exec /root/ckpt/ckpt-drive -r -n 1 -- /root/ckpt/ckpt-mem 500 2' >"$test_tmp/got" 2>"$test_tmp/moves"
	assert_match "$(cat "$test_tmp/got")" 'bad 0 gap'
	committed 1
}
try "500 MiB through a network that is slower than criu" slow_network

aborted() {
	moved -a 2 -n 8 -w 20 -- /root/ckpt/allsorts 60 >"$test_tmp/got"
	unmoved /root/ckpt/allsorts 60 | cmp - "$test_tmp/got"
	committed 4
	taken_back 4
}
try "every other move is taken back after both votes" aborted

shared_files() {
	assert_eq "$(moved -n 4 -w 200 -- /bin/bash -c 'cd /dev/shm && mkdir d && echo one >d/x && ln d/x y &&
		exec 5<>open && rm open && truncate -s 5M sparse && chmod 600 y
		for i in 1 2 3 4 5 6; do echo $i >&5; sleep 0.2; done
		echo $(cat /proc/self/fd/5 d/x) $(stat -c "%a %s %h" y sparse) $(du -k sparse | cut -f1)')" \
		"1 2 3 4 5 6 one 600 4 2 644 5242880 1 0"
	committed 4
}
try "files in /dev/shm travel" shared_files

other_names() {
	# a deleted name of a file that has another name; no helper name may stay
	assert_eq "$(moved -a 2 -n 4 -w 200 -- /bin/bash -c 'd=$(mktemp -d /root/ckpt/d.XXXXXX) && cd $d && echo x >a && ln a b &&
		exec 5<a && rm a && sleep 1.5 && cat <&5 && ls && rm -r $d')" "x
b"
	committed 2
	taken_back 2
}
try "a file whose name is gone but has another one" other_names

settings() {
	assert_eq "$(moved -n 3 -w 100 -- /bin/bash -c 'taskset -pc 0 $$ >/dev/null; ionice -c 2 -n 7 -p $$; renice -n 3 $$ >/dev/null
		for i in $(seq 20); do /bin/true & n=$!; [ $n -gt ${last:-0} ] || echo "number $n after $last"; last=$n; sleep 0.05; done
		wait; taskset -pc $$; ionice -p $$; nice' | sed 's/^pid [0-9]*//')" \
		"'s current affinity list: 0
best-effort: prio 7
3"
	committed 3
}
try "affinity, priorities, and no process number comes twice" settings

priority() {
	lab sh n1 sh -c 'cd /root/ckpt && exec nice -n -5 ./ckpt-drive -n 3 -w 100 -- /bin/bash -c "sleep 1; nice"' >"$test_tmp/got" 2>"$test_tmp/moves"
	assert_eq "$(cat "$test_tmp/got")" -5
	committed 2
}
try "a priority that only root can give" priority

no_eintr() {
	moved -n 6 -w 100 -- /usr/bin/python3 -c '
import ctypes, time, threading
libc = ctypes.CDLL(None, use_errno=True)
p = libc.epoll_create1(0)
bad = []
def waiter(call):
    ctypes.set_errno(0)
    if call() != 0: bad.append((call.__name__, ctypes.get_errno()))
def epoll(): return libc.epoll_wait(p, ctypes.create_string_buffer(100), 1, 1500)
def poll(): return libc.poll(None, 0, 1500)
def sleep(): return libc.usleep(1500000)
t = [threading.Thread(target=waiter, args=(f,)) for f in (epoll, poll, sleep)]
[x.start() for x in t]; [x.join() for x in t]
print(bad)' >"$test_tmp/got"
	assert_eq "$(cat "$test_tmp/got")" "[]" "system calls that were cut off"
	committed 5
}
try "system calls that wait are not cut off" no_eintr

# ---------------------------------------------------------------- what cannot move

refused() {
	moved -r -n 1 -- /usr/bin/python3 -c '
import socket, time
a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()
print("connected", flush=True); time.sleep(1); print("goes on")' >"$test_tmp/got"
	assert_eq "$(tail -n 1 "$test_tmp/got")" "goes on"
	assert_match "$(cat "$test_tmp/moves")" 'cannot move: Process 2 \(python3\) has a TCP connection to 127.0.0.1:'
}
try "an open connection is named before anything is disturbed" refused

forced() {
	moved -r -x -n 2 -w 100 -- /usr/bin/python3 -c '
import socket, time
a = socket.create_server(("127.0.0.1", 0)); b = socket.create_connection(a.getsockname()); c = a.accept()[0]
for i in range(10): b.send(b"%d" % i); print(c.recv(10), flush=True); time.sleep(0.1)' >"$test_tmp/got"
	assert_eq "$(wc -l <"$test_tmp/got")" 10 "lines"
	assert_match "$(cat "$test_tmp/moves")" 'taken back.*open TCP connection'
}
try "a dump that fails leaves the job as it was" forced

# ---------------------------------------------------------------- faults

faulty() { # OPTION POINT
	local args=(-n 2 -f "$2")
	[ "$1" != criu ] || args+=(-c)
	[ "$2" != abort ] || args+=(-a 1)
	moved "${args[@]}" -- /root/ckpt/allsorts 40 >"$test_tmp/got"
	unmoved /root/ckpt/allsorts 40 | cmp - "$test_tmp/got"
}

both() { # POINT
	# 5: a name is gone, the file has another one (the dump makes a link); 6: it has none (the
	# restore makes a file)
	assert_eq "$(moved -b -f "$1" -n 2 -w 300 -- /bin/bash -c 'd=$(mktemp -d /root/ckpt/d.XXXXXX) && cd $d && echo x >a && ln a b &&
		exec 5<a 6<>gone && rm a gone && sleep 2 && cat <&5 && ls -A && rm -r $d')" "x
b"
	taken_back 2
}

# The records would show it had two copies run for a moment.
alone() { # OPTION POINT
	local args=(-r -n 3 -w 100 -f "$2")
	[ "$1" != criu ] || args+=(-c)
	moved "${args[@]}" -- /root/ckpt/records /root/ckpt/records.out 15000 >/dev/null
	assert_eq "$(lab sh n1 awk '$1 != NR - 1' /root/ckpt/records.out | head -n 3)" "" "records out of order"
	assert_eq "$(lab sh n1 sh -c 'wc -l </root/ckpt/records.out')" 15000 records
	taken_back 2
}

if lab sh n1 grep -qa /run/mosix-fail /usr/libexec/mosix/mosix-ckpt; then
	for point in pre-dump seized frozen-again confirmed commit abort; do
		try "source: worker killed at $point" faulty worker $point
		try "source: criu killed at $point" faulty criu $point
	done
	for point in unfrozen traced detach; do
		try "destination: no second copy runs when criu or worker is killed at $point" alone worker $point
	done
	for point in unfrozen pre-resume; do
		try "destination: no second copy runs when criu is killed at $point" alone criu $point
	done
	for point in frozen-again confirmed setup-namespaces post-restore pre-resume; do
		try "no file is left when worker and criu are killed at $point" both $point
	done
	for point in received setup-namespaces post-restore pre-resume; do
		try "destination: worker killed at $point" faulty worker $point
		try "destination: criu killed at $point" faulty criu $point
	done
	try "destination: worker killed at restored" faulty worker restored
fi

nothing_left() {
	assert_eq "$(lab sh n1 sh -c 'pgrep -x "criu|mosix-ckpt|allsorts|ckpt-drive"; ls /run | grep drive; find /root/ckpt /tmp -name "*.ghost" -o -name "link_remap*" -o -name ".criu*"; find /sys/fs/cgroup -name "copy*"')" "" "left"
}
try "nothing is left" nothing_left
