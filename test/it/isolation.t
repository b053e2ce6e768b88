#!/bin/bash
# What users and jobs must not be able to do: alice's jobs are hers alone, on every node, and a job has
# no more power over the node that it is on than its user has at home.
# time limit: 400 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced

on_exit "lab sh n1 pkill -x mosix-run; lab sh n1 rm -f /usr/local/bin/suid-id; lab sh n3 gpasswd -d alice team; each_node_up sh -c 'rm -f /srv/secret-*; groupdel team'" >/dev/null 2>&1

prepare() {
	local n
	lab sh -u alice n1 mkdir -p work
	for n in n1 n2 n3; do
		lab sh $n sh -c 'umask 077 && echo secret >/srv/secret-root && echo secret >/srv/secret-bob &&
			chown bob: /srv/secret-bob && echo mine >/srv/secret-alice && chown alice: /srv/secret-alice &&
			getent group team >/dev/null || groupadd -g 2001 team
			echo secret >/srv/secret-team && chgrp team /srv/secret-team && chmod 640 /srv/secret-team'
	done
	lab sh n1 gpasswd -a alice team
	for n in n1 n2 n3; do
		lab sh $n sh -c 'mountpoint -q /mfs || systemctl start mfs.mount'
	done
	wait_for 10 lab sh n1 test -e /mfs/n3/etc/passwd
	job_dir victim
	job_start victim -- 'sh -c "trap \"echo got a signal\" HUP INT USR1 USR2 TERM; while :; do sleep 0.2; done"'
	job_move victim n2
}
try_or_end "alice has a job that moved from n1 to n2" prepare
victim=$(job_id victim)
deputy=$(job_field victim pid)

# ---------------------------------------------------------------- the other user

unharmed() {
	assert_eq "$(job_field victim state)" running state
	assert_eq "$(job_field victim node)" 2 node
	lab sh n1 sh -c "! grep . $job_base/work/victim/out"
}

no_requests() {
	local n request
	for n in n1 n2 n3; do
		for request in "kill $victim" "kill -KILL $victim" "migrate $victim n3" "migrate $victim home" \
			"explain $victim"; do
			# shellcheck disable=SC2086
			assert_status 1 lab sh -u bob $n mosixctl $request >"$test_tmp/out" 2>&1
			grep -qiE "no job" "$test_tmp/out" || {
				cat "$test_tmp/out"
				return 1
			}
		done
		lab sh -u bob $n mosixctl ps >"$test_tmp/ps"
		lab sh -u bob $n mosixctl ps --all --json >>"$test_tmp/ps"
		fails grep -wE "victim|$victim" "$test_tmp/ps"
	done
	unharmed
}
try "bob gets nothing by the job's number, on any node" no_requests

no_requests_by_pid() {
	local inside
	fails lab sh -u bob n1 mosixctl kill "$deputy"
	fails lab sh -u bob n1 mosixctl migrate "$deputy" n3
	fails lab sh -u bob n1 mosixctl explain "$deputy"
	for inside in $(lab sh n2 sh -c 'pgrep -x mosix-guest; pgrep -x mosix-init; pgrep -u alice -x sh'); do
		fails lab sh -u bob n2 mosixctl kill -KILL "$inside"
		fails lab sh -u bob n2 mosixctl migrate "$inside" n3
		fails lab sh -u bob n2 mosixctl explain "$inside"
	done
	unharmed
}
try "… nor by any process of it" no_requests_by_pid

no_signals() {
	local n pid
	for pid in $(lab sh n2 sh -c 'pgrep -x mosix-guest; pgrep -x mosix-init; pgrep -u alice -x sh; pgrep -x mosixd'); do
		fails lab sh -u bob n2 kill -KILL "$pid"
		fails lab sh -u bob n2 cat "/proc/$pid/environ"
		fails lab sh -u bob n2 ls "/proc/$pid/root/"
	done
	fails lab sh -u bob n1 kill -KILL "$deputy"
	unharmed
}
try "… nor by signals and /proc" no_signals

no_sockets() {
	local n
	for n in n1 n2; do
		# shellcheck disable=SC2016
		lab sh -u bob $n python3 - "$victim" <<-'END'
			import os, socket, sys
			for name in "guest.sock", "mfs.sock", "mfsd.sock":
			    s = socket.socket(socket.AF_UNIX)
			    try:
			        s.connect("/run/mosix/" + name)
			    except (PermissionError, FileNotFoundError):
			        continue
			    sys.exit("bob can connect to " + name)
			for top in "/var/lib/mosix", "/run/mosix", "/etc/mosix":
			    for d, dirs, files in os.walk(top):
			        if d == "/run/mosix": # the files of all nodes: see below
			            dirs.remove("mfs")
			        for f in files:
			            path = os.path.join(d, f)
			            open_ = "/etc/mosix/mosix.map", "/etc/mosix/mosixd.conf"
			            if path not in open_ and os.access(path, os.R_OK) and os.path.getsize(path):
			                sys.exit("bob can read " + path)
			            if os.access(path, os.W_OK) and not path.endswith("/control.sock"):
			                sys.exit("bob can write " + path)
			        if os.access(d, os.W_OK):
			            sys.exit("bob can write into " + d)
		END
	done
	fails lab sh -u bob n1 cat /etc/mosix/cluster.key
	fails lab sh -u bob n1 ls /var/lib/mosix/
}
try "… nor by sockets, the journal or the key" no_sockets

# As deputy of the job, and with messages that only a deputy, a guest or a peer may send.
no_attaching() {
	lab push n1 "$test_dir/../../proto/mosix.proto" /tmp/mosix.proto
	lab sh n1 sh -c 'mkdir -p /tmp/pb && protoc -I/tmp --python_out=/tmp/pb /tmp/mosix.proto && chmod -R a+rX /tmp/pb'
	lab sh -u bob n1 python3 - "$victim" "$deputy" <<-'END'
		import socket, struct, sys
		sys.path.insert(0, "/tmp/pb")
		import mosix_pb2 as pb
		home, seq = map(int, sys.argv[1].split("."))
		job, gens = home << 32 | seq, range(4)

		def ask(*messages):
		    "what comes until the daemon closes, or 0.5 s of silence"
		    s = socket.socket(socket.AF_UNIX)
		    s.connect("/run/mosix/control.sock")
		    s.settimeout(0.5)
		    got = b""
		    try:
		        for typ, m in messages:
		            body = m if isinstance(m, bytes) else m.SerializeToString()
		            s.sendall(struct.pack("<IHH", len(body), typ, 0) + body)
		        while True:
		            data = s.recv(65536)
		            if not data:
		                return got, True
		            got += data
		    except (TimeoutError, ConnectionError, BrokenPipeError) as e:
		        return got, not isinstance(e, TimeoutError)

		def types(data):
		    while data:
		        n, typ, _ = struct.unpack("<IHH", data[:8])
		        yield typ, data[8:8 + n]
		        data = data[8 + n:]

		for gen in gens:
		    hello = pb.DeputyHello(job=job)
		    got, closed = ask((pb.MSG_DEPUTY_HELLO, hello),
		                      (pb.MSG_JOB_SIGNAL, pb.GuestSignal(job=job, gen=gen, signal=9)))
		    for typ, body in types(got):
		        if typ != pb.MSG_JOB_ENDED or not pb.JobEnded.FromString(body).lost:
		            sys.exit(f"bob became the deputy: answer {typ}")
		    # A job of his own does not make him anybody else's deputy.
		    link = struct.pack("<QIIBBHIQ", job, gen, 0, 1, 0, 0, 5, 0) + b"hello"
		    got, closed = ask((pb.MSG_LINK, link))
		    if got or not closed:
		        sys.exit("a link without a job")
		for name, typ in pb.MsgType.items():
		    if name in ("MSG_REQUEST", "MSG_JOB_START", "MSG_DEPUTY_HELLO"):
		        continue
		    got, closed = ask((typ, b""))
		    if got or not closed:
		        sys.exit(f"{name} is taken from a user")
	END
	unharmed
}
try "bob cannot attach himself to the job" no_attaching

# ---------------------------------------------------------------- what a job may not

# in_job USER NODE SHELL-COMMAND: runs it as a job of USER on NODE, the home is n1; output is checked by
# the caller
in_job() { lab sh -u "$1" n1 mosix-run -n "$2" sh -c "$3" 2>&1; }

# denied USER NODE SHELL-COMMAND: it must fail in the job, and not for want of a job
denied() {
	local out
	out=$(in_job "$1" "$2" "{ $3; } >/dev/null 2>&1 && echo ALLOWED || echo DENIED") || true
	assert_eq "$out" DENIED "$1 on $2: $3"
}

no_files() {
	local n other
	for n in n1 n2 n3; do
		assert_eq "$(in_job alice $n 'cat /srv/secret-alice')" mine
		for other in /srv/secret-root /srv/secret-bob /etc/shadow /etc/mosix/cluster.key /root/.bashrc \
			/mfs/n1/srv/secret-bob /mfs/n2/srv/secret-bob /mfs/n3/srv/secret-root /mfs/n2/etc/shadow \
			/mfs/n3/etc/mosix/cluster.key /mfs/n2/srv/../../n3/srv/secret-bob; do
			denied alice $n "cat $other"
			denied alice $n "echo x >>$other"
		done
		# The groups that count are those that the serving node knows of.
		assert_eq "$(in_job alice $n 'cat /mfs/n1/srv/secret-team')" secret
		denied alice $n 'cat /mfs/n3/srv/secret-team'
		denied alice $n 'ls /proc/1/root/'
		denied alice $n 'ls /proc/1/fd'
	done
	for n in n2 n3; do
		denied alice $n 'test -e /run/mosix'
		denied alice $n 'cat /mfs/../run/mosix/mfs/2/etc/shadow'
		denied alice $n 'test -e /mfs/n2/proc/self'
		denied alice $n 'test -e /mfs/n2/run/mosix'
	done
}
try "a job reads and writes no file that its user could not" no_files

no_processes() {
	local n out
	for n in n2 n3; do
		# shellcheck disable=SC2016
		out=$(in_job alice $n 'for p in /proc/[0-9]*; do cat $p/comm; done 2>/dev/null | sort -u')
		fails grep -qE 'systemd|mosixd|mosix-guest|mosix-mfs' <<<"$out"
		assert_eq "$(grep -cvxE 'sh|cat|sort|mosix-init' <<<"$out" || true)" 0 "$out"
		# shellcheck disable=SC2016
		assert_eq "$(in_job root $n 'n=0; for p in $(seq 3 400); do [ $p = $$ ] || ! kill -0 $p 2>/dev/null || n=$((n+1)); done; echo $n')" 0 "processes that root's job can signal"
		denied alice $n 'kill -9 1'
		assert_eq "$(in_job root $n 'ipcs -m | grep -c ^0x || true')" 0 "shared memory of the node"
	done
	unharmed
}
try "it sees and signals only its own processes" no_processes

no_privileges() {
	local n
	lab sh n1 install -m 4755 /usr/bin/id /usr/local/bin/suid-id
	assert_eq "$(lab sh -u alice n1 suid-id -u)" 0 "the set-user-ID program outside of a job"
	for n in n1 n2; do
		assert_eq "$(in_job alice $n 'suid-id -u')" 1001 "user of a set-user-ID program on $n"
		assert_eq "$(in_job alice $n 'grep ^CapEff /proc/self/status')" $'CapEff:\t0000000000000000'
		assert_eq "$(in_job alice $n 'grep ^NoNewPrivs /proc/self/status')" $'NoNewPrivs:\t1'
		denied alice $n 'su -c true'
		denied alice $n 'chroot / true'
		denied alice $n 'mount -t tmpfs none /mnt'
		denied alice $n 'umount /proc'
		denied alice $n 'chown bob: /srv/secret-alice'
	done
}
try "set-user-ID programs have no effect" no_privileges

# Whoever the user is: what changes the node and not his files is not a job's.
no_node() {
	local n what user=$1
	for n in n1 n2; do
		for what in 'echo 1 >/proc/sys/vm/drop_caches' 'echo x >/proc/sys/kernel/core_pattern' \
			'cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern' \
			'cat /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv4/ip_forward' \
			'echo h >/proc/sysrq-trigger' 'echo ff >/proc/irq/default_smp_affinity' \
			'umount /proc/sys' 'mount -o remount,rw /proc/sys' 'mount -o remount,rw /sys' \
			'mount -t proc proc /mnt' 'mount -t sysfs sysfs /mnt' 'mount -t cgroup2 cgroup2 /mnt' \
			'mount -t tmpfs tmpfs /mnt' 'mknod /tmp/mem c 1 1 && cat /tmp/mem' 'cat /dev/mem' 'cat /dev/kmsg' \
			'cat /proc/kcore' 'cat /proc/kmsg' 'cat /dev/fuse' 'head -c 1 /dev/loop-control' \
			'find /sys -maxdepth 6 -type f -perm -u=w -path "*/kernel/*" | head -n 50 | while read f; do ! { : >>$f; } 2>/dev/null || echo $f; done | grep .' \
			'ls /sys/fs/cgroup | grep .' 'hostname other' 'date -s 2020-01-01' 'reboot -f' \
			'modprobe dummy || insmod /usr/lib/modules/x.ko' 'ip link set lo down' \
			'unshare -m true && [ $(id -u) = 0 ]' \
			'unshare -Urm sh -c "umount /proc/sys || mount -o remount,rw,bind /proc/sys || echo 1 >/proc/sys/vm/drop_caches"' \
			'unshare -Urmpf sh -c "mount -t proc proc /mnt && echo 1 >/mnt/sys/vm/drop_caches"' \
			'nsenter -t 1 -m true' 'nsenter -t 1 -n true'; do
			denied $user $n "$what"
		done
	done
}
try "a job cannot change the node that it is on" no_node alice
try "… not even root's" no_node root

# A dangerous library of the user's own gets no more power than the user has.
preload() {
	local n
	lab sh -u alice n1 sh -c 'cat >evil.c' <<-'END'
		#define _GNU_SOURCE
		#include <errno.h>
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((constructor)) static void evil(void)
		{
			FILE *f = fopen("/home/alice/evil.log", "a");
			if (f)
				fprintf(f, "%s %d %d\n", program_invocation_short_name, (int)getuid(), (int)geteuid());
		}
	END
	lab sh -u alice n1 sh -c 'gcc -shared -fPIC -o evil.so evil.c && : >evil.log'
	for n in n1 n2; do
		lab sh -u alice n1 env LD_PRELOAD=/home/alice/evil.so PATH=/home/alice/bin:/usr/bin:/bin \
			MOSIX_LIBEXECDIR=/home/alice ASAN_OPTIONS=verify_asan_link_order=0 LD_LIBRARY_PATH=/home/alice GCONV_PATH=/home/alice \
			mosix-run -n $n true
	done
	lab sh n1 grep -q '^true 1001 1001' /home/alice/evil.log
	fails lab sh n1 grep -vE '^(env|mosix-run|true) 1001 1001' /home/alice/evil.log
}
try "the user's environment reaches only the user's processes" preload

root_moves() {
	local id
	lab sh n1 bash -c 'cd /tmp && mosix-run -J rootjob sh -c "while ! [ -e /tmp/go ]; do sleep 0.1; done
		id -u; echo x 2>/dev/null >/proc/sys/kernel/core_pattern; cat /proc/sys/kernel/core_pattern; grep CapBnd /proc/self/status" >/tmp/rootjob.out' &
	wait_for 10 job_id rootjob
	id=$(job_id rootjob)
	lab sh n1 mosixctl migrate "$id" n2
	lab sh n1 mosixctl migrate "$id" n3
	lab sh n1 mosixctl migrate "$id" n1
	lab sh n1 mosixctl migrate "$id" n2
	lab sh n1 touch /tmp/go
	wait $!
	lab sh n1 rm /tmp/go
	assert_eq "$(lab sh n1 cat /tmp/rootjob.out)" "0
$(lab sh n2 cat /proc/sys/kernel/core_pattern)
CapBnd:	00000000918cc1ff"
}
try "root's job stays as confined after moves" root_moves

ends() {
	unharmed
	lab sh -u alice n3 mosixctl kill -KILL "$victim"
	wait_for 10 job_ended victim
}
try "alice's job was not harmed, and obeys alice from any node" ends
try "nothing is left" wait_for 10 no_leftovers
