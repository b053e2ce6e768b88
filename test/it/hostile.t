#!/bin/bash
# Strangers and liars at every socket of the daemons: without the key, with it, with noise. Afterwards
# all daemons are the processes that they were and hold what they held, and a job is none the worse.
# build: sanitizers
# time limit: 600 s
#
# FUZZ_SEED and FUZZ_COUNT (connections per socket) search further.
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced
seed=${FUZZ_SEED:-1}
count=${FUZZ_COUNT:-120}

on_exit "lab sh n3 sh -c 'systemctl start mosixd; for i in \$(seq 100 163); do ip addr del 10.77.0.\$i/32 dev lo; done'" >/dev/null 2>&1

# ---------------------------------------------------------------- what must stay as it is

pids() { lab sh "$1" sh -c 'for p in mosixd mosix-mfsd mosix-mfs; do echo $p $(pidof $p); done'; }
fds() { lab sh "$1" sh -c 'for p in mosixd mosix-mfsd mosix-mfs; do echo $p $(ls /proc/$(pidof $p)/fd | wc -l); done'; }

remember() {
	local n
	for n in n1 n4; do
		pids $n >"$test_tmp/pids.$n"
		fds $n >"$test_tmp/fds.$n"
	done
}

same_processes() {
	local n
	for n in n1 n4; do
		assert_eq "$(pids $n)" "$(cat "$test_tmp/pids.$n")" "processes on $n"
	done
}

# same_fds PROGRAMS: as many descriptors as before, but for a connection or two that come and go
same_fds() {
	local n
	for n in n1 n4; do
		fds $n | grep -E "^($1) " | join "$test_tmp/fds.$n" - | awk '{ if ($3 > $2 + 3) { print; bad = 1 } } END { exit bad }'
	done
}

links_up() { # between the nodes that are not attackers
	local a
	for a in n1 n2 n4; do
		lab sh $a mosixctl nodes --json | python3 -c '
import json, sys
sys.exit(not all(n["up"] for n in json.load(sys.stdin)["nodes"] if n["node"] in (1, 2, 4)))' || return 1
	done
}

lines() { lab sh n1 sh -c "wc -l <$job_base/work/witness/out"; }
more_lines() { [ "$(lines)" -gt "$1" ]; }

unharmed() {
	local before
	same_processes
	wait_for 20 links_up
	before=$(lines)
	wait_for 10 more_lines "$before"
}

prepare() {
	local n
	lab root cat /build/test/it/hostile/stranger >"$test_tmp/stranger"
	for n in n1 n3 n4; do
		lab push $n "$test_tmp/stranger" /usr/local/bin/stranger
		lab sh $n chmod 755 /usr/local/bin/stranger
	done
	lab sh -u alice n1 mkdir -p work
	job_dir witness
	job_start witness -- "sh -c 'i=0; while [ ! -e /home/alice/work/witness/stop ]; do echo \$i; i=\$((i+1)); sleep 0.1; done'"
	job_move witness n4
	wait_for 20 links_up
	remember
	unharmed
}
try_or_end "a job of n1 runs on n4" prepare

# stranger NODE ARGUMENT...: from n3, which is to NODE a machine of the cluster
stranger() { lab sh n3 timeout 120 stranger "$@"; }

# ---------------------------------------------------------------- without the right key

keyless() {
	local to kind
	for to in 10.77.0.1 10.77.0.4; do
		for kind in peer mfs; do
			stranger $to $kind "$1"
		done
	done
	unharmed
}
for what in wrong-key other-key no-tls tls12; do
	try "no connection: $what" keyless $what
done

noise() {
	local kind
	for kind in peer bulk mfs; do
		stranger 10.77.0.4 $kind handshakes 0 "$seed" "$count"
		stranger 10.77.0.1 $kind handshakes 0 "$((seed + 1))" "$((count / 3))"
	done
	unharmed
	wait_for 20 same_fds mosixd
}
try "noise and damaged handshakes, for each kind of connection" noise

# 1000 connections from 64 addresses that say little or nothing, and slowly
slow() {
	lab sh n3 sh -c 'for i in $(seq 100 163); do ip addr add 10.77.0.$i/32 dev lo; done'
	lab sh n1 ip route add 10.77.0.96/27 via 10.77.0.3
	lab sh n1 ip route add 10.77.0.128/26 via 10.77.0.3
	lab sh n3 python3 - <<-'END' &
		import select, socket, sys, time
		magic = b"MOSIX\1"
		says = [b"", b"MOS", magic + b"\1" + bytes(17), magic + b"\3" + bytes(17),
		        magic + b"\1" + bytes(17) + b"\x16\x03\x01\x02\x00\x01",
		        magic + b"\3" + bytes(17) + b"\x16\x03\x01\x02\x00\x01"]
		socks = {}
		for i in range(1000):
		    s = socket.socket()
		    s.bind((f"10.77.0.{100 + i % 64}", 0))
		    s.settimeout(5)
		    try:
		        s.connect(("10.77.0.1", 7250))
		        s.sendall(says[i % len(says)])
		    except OSError:
		        continue
		    s.setblocking(False)
		    socks[s] = i
		start = time.time()
		while socks and time.time() < start + 25:
		    for s in select.select(list(socks), [], [], 0.5)[0]:
		        try:
		            if s.recv(100):
		                continue # an alert
		        except OSError:
		            pass
		        del socks[s]
		        s.close()
		    for s, i in socks.items(): # one byte now and then
		        try:
		            if i % len(says) > 3:
		                s.send(b"\0")
		        except OSError:
		            pass
		if socks:
		    sys.exit(f"{len(socks)} slow connections were kept, {sorted(set(i % len(says) for i in socks.values()))}")
	END
	local most=0 now
	while kill -0 $! 2>/dev/null; do
		now=$(lab sh n1 sh -c 'ls /proc/$(pidof mosixd)/fd /proc/$(pidof mosix-mfsd)/fd | wc -l')
		[ "$now" -le "$most" ] || most=$now
		timeout 5 "$lab_command" sh n1 mosixctl status >/dev/null
		links_up
		sleep 0.5
	done
	wait $!
	echo "at most $most descriptors"
	assert_between "$most" 50 450 "descriptors of mosixd and mosix-mfsd under attack"
	unharmed
	wait_for 20 same_fds mosixd
}
try "1000 connections that say nothing, or slowly: few at a time, none for long" slow

# ---------------------------------------------------------------- with the key

# Only as node 3, from its address, would n4 take a link: then its own daemon must not be in the way.
posing() {
	stranger 10.77.0.4 peer "$@"
	same_processes
}
lab sh n3 systemctl stop mosixd
try "a link of another version" posing version 3
for node in 0 1 2 4 99; do
	try "a link that says it is node $node" posing wrong-node $node
done
try "messages before Hello" posing early 3
try "messages that no peer may send" posing late 3
try "frames over the limit" posing oversize 3
try "… of the file service" stranger 10.77.0.4 mfs oversize

fuzz_peer() {
	posing fuzz 3 "$seed" "$count"
	posing fuzz 3 "$((seed + 1))" "$count"
	lab sh n3 systemctl start mosixd
	unharmed
	wait_for 20 same_fds mosixd
}
try "wild messages of a peer" fuzz_peer

fuzz_mfs() {
	stranger 10.77.0.4 mfs fuzz 0 "$seed" "$count"
	stranger 10.77.0.1 mfs fuzz 0 "$((seed + 1))" "$count"
	unharmed
	wait_for 20 same_fds mosixd
}
try "wild requests for files" fuzz_mfs

# ---------------------------------------------------------------- local sockets

fuzz_local() { # USER SOCKET
	local n
	for n in n1 n4; do
		lab sh -u "$1" $n timeout 120 stranger "/run/mosix/$2" peer fuzz 0 "$seed" "$((count * 2))"
	done
	unharmed
	wait_for 20 same_fds mosixd
}
try "wild requests of a user" fuzz_local bob control.sock

# To a job of n4, so that n1 passes it on: the link between them bears it, or n1 does not take it.
long_request() {
	local links size
	links="$(links_made)"
	for size in 1000 62000 64000 64450 64480 65000 65480 65500 65520 65530 70000; do
		fails lab sh -u bob n1 sh -c 'mosixctl migrate 4.1 "$(head -c '$size' /dev/zero | tr "\\0" x)"' 2>/dev/null
	done
	assert_eq "$(links_made)" "$links" "times that links were made"
	unharmed
}
links_made() { lab sh n1 journalctl -q -b -o cat -u mosixd | grep -cE '^Link to .* is up'; }
try "requests as long as a user may make them" long_request
try "wild requests of root" fuzz_local root control.sock
try "wild guests" fuzz_local root guest.sock

# Who says that he is one of these and is not is killed.
impostors() {
	local i status
	for i in $(seq 10); do
		status=0
		lab sh n4 timeout 60 stranger /run/mosix/mfs.sock peer fuzz 0 "$((seed + i))" 20 || status=$?
		[ $status = 0 ] || [ $status = 137 ]
	done
	unharmed
	wait_for 20 same_fds mosixd
}
try "wild file-system processes" impostors
try "wild daemons of the file server" fuzz_local root mfsd.sock

# ---------------------------------------------------------------- the end

job_is_right() {
	lab sh -u alice n1 touch work/witness/stop
	job_wait witness 30
	lab sh n1 sh -c "cd $job_base/work/witness && seq 0 \$((\$(wc -l <out) - 1)) | cmp - out"
}
try "the job's output is right" job_is_right
# A client of the file service may come back for a minute.
try "no descriptor is left" wait_for 100 same_fds 'mosixd|mosix-mfsd|mosix-mfs'
try "nothing is left" wait_for 20 no_leftovers
