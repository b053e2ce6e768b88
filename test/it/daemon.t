#!/bin/bash
# The node daemon: it starts only where it should, links the nodes, keeps jobs over its own restart and
# death, answers users only about what is theirs, and supervises the file-system processes.
# time limit: 600 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 3
unbalanced

# What a step changes is put back whatever becomes of it.
restore() {
	lab net n3 heal
	lab sh n1 sh -c '[ ! -e /etc/mosix/good.map ] || mv /etc/mosix/good.map /etc/mosix/mosix.map'
	lab sh n2 rm -f /etc/mosix/mosixd.conf
	lab sh n3 sh -c '[ ! -e /etc/mosix/good.key ] || mv /etc/mosix/good.key /etc/mosix/cluster.key
		chmod 600 /etc/mosix/cluster.key'
	lab sh n1 systemctl reload-or-restart mosixd
	lab sh n2 systemctl reload-or-restart mosixd
	lab sh n3 systemctl restart mosixd
}
on_exit "restore >/dev/null 2>&1"

# step NAME FUNCTION: one that changes the configuration
step() {
	try "$@"
	restore >/dev/null 2>&1
}

log_has() { lab sh "$1" journalctl -b -q -o cat -u mosixd | grep -qE "$2"; }

# ---------------------------------------------------------------- starting

refuses_users() {
	local out
	out=$(lab sh -u alice n1 /usr/sbin/mosixd 2>&1) && return 1
	assert_match "$out" "must run as root"
}
try "it does not start as a user" refuses_users

refuses_twice() {
	local out
	out=$(lab sh n1 /usr/sbin/mosixd 2>&1) && return 1
	assert_match "$out" "Another mosixd runs"
}
try "it does not start twice" refuses_twice

up_from_everywhere() {
	local a
	for a in n1 n2 n3; do
		lab sh $a mosixctl nodes --json | python3 -c '
import json, sys
nodes = json.load(sys.stdin)["nodes"]
sys.exit(not all(n["up"] for n in nodes if n["node"] <= 3))' || return 1
	done
}
try_or_end "all nodes are up from everywhere" wait_for 10 up_from_everywhere

bad_key_mode() {
	lab sh n3 chmod 644 /etc/mosix/cluster.key
	fails lab sh n3 systemctl restart mosixd
	lab sh n3 chmod 600 /etc/mosix/cluster.key
	wait_for 20 lab sh n3 systemctl is-active mosixd
	log_has n3 'cluster.key'
	wait_for 10 up_from_everywhere
}
step "it does not start with a key that others may read" bad_key_mode

other_key() {
	lab sh n3 cp -a /etc/mosix/cluster.key /etc/mosix/good.key
	lab sh n3 sh -c 'head -c 32 /dev/zero | od -v -An -tx1 | tr -d " \n" >/etc/mosix/cluster.key; echo >>/etc/mosix/cluster.key'
	lab sh n3 systemctl restart mosixd
	wait_for 10 log_has n1 'n3.*(cluster key|handshake)'
	fails up_from_everywhere
	lab sh n3 mv /etc/mosix/good.key /etc/mosix/cluster.key
	lab sh n3 systemctl restart mosixd
	wait_for 10 up_from_everywhere
}
step "a node with another cluster key gets no link" other_key

bad_reload() {
	lab sh n1 cp /etc/mosix/mosix.map /etc/mosix/good.map
	lab sh n1 sh -c 'echo "this is no map" >>/etc/mosix/mosix.map'
	lab sh n1 systemctl reload mosixd
	wait_for 5 log_has n1 'not reloaded: /etc/mosix/mosix.map:[0-9]+:'
	wait_for 10 up_from_everywhere
	lab sh n1 mv /etc/mosix/good.map /etc/mosix/mosix.map
	lab sh n1 systemctl reload mosixd
	wait_for 5 log_has n1 'was reloaded'
	up_from_everywhere
}
step "a map with an error is refused and the old one stays" bad_reload

n3_down() { # as n1 sees it
	lab sh n1 mosixctl nodes --json | python3 -c '
import json, sys
sys.exit([n["up"] for n in json.load(sys.stdin)["nodes"] if n["node"] == 3] != [False])'
}

cut_cable() {
	lab net n3 cut
	wait_for 10 n3_down
	lab net n3 heal
	wait_for 10 up_from_everywhere
}
step "a cut cable is noticed, and so is its end" cut_cable

# ---------------------------------------------------------------- the port

# What n1 does with connections that are none of a node's. Prints how many of those that say nothing
# are closed within a second, within ten, and what is answered to those that say something wrong.
strangers() {
	lab sh n2 python3 -c '
import select, socket, sys, time

def dial(text=b""):
    s = socket.create_connection(("10.77.0.1", 7250))
    s.sendall(text)
    s.setblocking(False)
    return s

def closed(socks, until):
    gone = set()
    while time.time() < until and len(gone) < len(socks):
        for s in select.select([s for s in socks if s not in gone], [], [], 0.1)[0]:
            try:
                if s.recv(100) != b"":
                    sys.exit("an answer to a stranger")
            except ConnectionResetError:
                pass
            gone.add(s)
    return len(gone)

wrong = [dial(b"GET / HTTP/1.1\\r\\nHost: n1\\r\\n\\r\\n"), dial(bytes(24)), dial(b"\\xff" * 24)]
print(closed(wrong, time.time() + 3), end=" ")
silent = [dial() for i in range(40)]
start = time.time()
print(closed(silent, start + 1), closed(silent, start + 10))'
}

port_is_guarded() {
	local wrong soon late
	read -r wrong soon late < <(strangers)
	assert_eq "$wrong" 3 "wrong beginnings that are closed"
	assert_between "$soon" 24 39 "silent connections above the limit per address that are closed"
	assert_eq "$late" 40 "silent connections that are closed in the end"
	up_from_everywhere
}
try "strangers at the port get no answer and no more than a few connections" port_is_guarded

# ---------------------------------------------------------------- jobs over restarts

# A job that writes a number ten times a second, and the check of what it wrote.
count_to() { echo "i=0; while [ \$i -lt $1 ]; do echo \$i; i=\$((i+1)); sleep 0.1; done; exit ${2:-0}"; }
counted() { lab sh n1 sh -c "seq 0 $(($2 - 1)) | cmp - $job_base/work/$1/out"; }

kill_daemon() { lab sh "$1" sh -c 'kill -9 $(pidof mosixd)'; }
restart_daemon() { lab sh "$1" systemctl restart mosixd; }

survives() {
	local n
	for n in n1 n2; do
		job_dir "keep-$n"
		job_start "keep-$n" -n $n -- "sh -c '$(count_to 100 3)'"
	done
	for n in n1 n2; do
		"$1" $n
		wait_for 10 lab sh $n systemctl is-active mosixd
		job_goes_on keep-n1
		job_goes_on keep-n2
	done
	for n in n1 n2; do
		wait_for 40 job_ended "keep-$n"
		counted "keep-$n" 100
		assert_eq "$(lab sh n1 cat "$job_base/work/keep-$n/rc")" 3 "exit status of keep-$n"
	done
}
lab sh -u alice n1 mkdir -p work
try "systemctl restart at home and where it runs harms no job" survives restart_daemon
try "kill -9 at home and where it runs harms no job" survives kill_daemon

ends_while_away() {
	job_dir away
	job_start away -n n2 -- "sh -c '$(count_to 20 4)'"
	lab sh n1 systemctl stop mosixd
	wait_for 20 lab sh n2 sh -c '! pgrep -x mosix-init'
	lab sh n1 systemctl start mosixd
	wait_for 20 job_ended away
	counted away 20
	assert_eq "$(lab sh n1 cat $job_base/work/away/rc)" 4 "exit status"
}
try "a job that ends while its home's daemon is down is not lost" ends_while_away

# ---------------------------------------------------------------- the deputy

nothing_runs() { lab sh "$1" sh -c '! pgrep -x mosix-guest && ! ls /run/mosix/guests | grep .'; }

deputy_dies() {
	job_dir deputy
	job_start deputy -n "$1" -- "sleep 1000"
	wait_for 5 lab sh "$1" pgrep -x mosix-guest
	lab sh n1 sh -c "kill -9 $(job_field deputy pid)"
	wait_for 10 nothing_runs "$1"
	wait_for 5 fails job_id deputy
}
try "a killed deputy takes its job along" deputy_dies n1
try "… also from another node" deputy_dies n2

deputy_dies_unseen() {
	job_dir deputy
	job_start deputy -n n2 -- "sleep 1000"
	local pid
	pid=$(job_field deputy pid)
	lab sh n1 systemctl stop mosixd
	lab sh n1 kill -9 "$pid"
	lab sh n1 systemctl start mosixd
	wait_for 20 nothing_runs n2
}
try "… also while the daemon is down" deputy_dies_unseen

guest_dies() {
	job_dir guest
	job_start guest -n "$1" -- "sleep 1000"
	wait_for 5 lab sh "$1" pgrep -x mosix-guest
	lab sh "$1" sh -c 'kill -9 $(pidof mosix-guest)'
	wait_for 10 job_ended guest
	wait_for 10 nothing_runs "$1"
	lab sh "$1" sh -c '! pgrep -x mosix-init'
	lab sh n1 grep -q lost $job_base/work/guest/err
}
try "a killed guest process is a lost job, and said so" guest_dies n1
try "… also on another node" guest_dies n2

spare_ready() { lab sh n1 pgrep -x mosix-spare; }

spare_dies() {
	wait_for 5 spare_ready
	lab sh n1 sh -c 'kill -9 $(pgrep -x mosix-spare)'
	assert_eq "$(lab sh n1 mosix-run -h echo one)" one "output of a job without a spare guest"
	wait_for 5 spare_ready
	assert_eq "$(lab sh n1 mosix-run -h echo two)" two "output of a job with one"
}
try "a killed spare guest process is replaced" spare_dies

# What is mounted while the spare guest waits is there for the job that takes it.
spare_outdated() {
	wait_for 5 spare_ready
	lab sh n1 sh -c 'mkdir -p /mnt/a && mount -t tmpfs a /mnt/a && mount --make-private /mnt/a &&
		mkdir /mnt/a/b && mount -t tmpfs b /mnt/a/b && echo text >/mnt/a/b/file'
	assert_eq "$(lab sh n1 mosix-run -h cat /mnt/a/b/file)" text "a file on a new mount"
	assert_eq "$(lab sh n1 mosix-run -n 2 cat /mnt/a/b/file)" text "the same, read elsewhere"
	lab sh n1 umount -l /mnt/a/b /mnt/a
}
try "a spare guest from before a mount is not used" spare_outdated

node_reboots() {
	job_dir reboot
	job_start reboot -n n3 -- "sleep 1000"
	lab kill n3
	wait_for 10 n3_down
	assert_eq "$(job_field reboot state)" unreachable "state"
	lab start n3
	wait_for 20 job_ended reboot
	lab sh n1 grep -q lost $job_base/work/reboot/err
	wait_for 10 up_from_everywhere
}
try "a job is lost with its node" node_reboots

detached() {
	local id
	id=$(lab sh -u alice n1 mosix-run -d -J detached -n n2 sleep 1000)
	assert_eq "$(job_field detached job)" "$id"
	restart_daemon n1
	wait_for 10 job_id detached
	lab sh -u alice n1 mosixctl kill "$id"
	wait_for 10 fails job_id detached
	wait_for 10 nothing_runs n2
}
try "a detached job has no deputy and ends when told" detached

# ---------------------------------------------------------------- requests

theirs() {
	local id pid
	job_dir mine
	job_start mine -- "sleep 1000"
	id=$(job_id mine)
	pid=$(job_field mine pid)
	lab sh -u bob n1 mosixctl ps --json | fails grep -q '"mine"'
	lab sh -u bob n1 mosixctl ps --all --json | fails grep -q '"mine"'
	fails lab sh -u bob n1 mosixctl kill "$id" 2>&1 | grep -q "no job"
	fails lab sh -u bob n1 mosixctl kill "$pid" 2>&1 | grep -q "belongs to no job"
	fails lab sh -u bob n1 mosixctl explain "$id"
	fails lab sh -u bob n1 mosixctl migrate "$id" n2
	fails lab sh -u bob n2 mosixctl kill "$id" 2>&1 | grep -q "no job"
	lab sh -u alice n2 mosixctl explain "$id"
	lab sh -u alice n2 mosixctl kill -TERM "$id"
	wait_for 10 job_ended mine
	assert_eq "$(lab sh n1 cat $job_base/work/mine/rc)" 143 "exit status"
}
try "a user sees and touches only his own jobs, from any node" theirs

by_process() {
	local pid
	job_dir process
	job_start process -- "sleep 1000"
	lab sh -u alice n1 mosixctl migrate "$(job_field process pid)" n2
	assert_eq "$(job_field process node)" 2
	pid=$(lab sh n2 pgrep -x sleep)
	lab sh -u alice n2 mosixctl migrate "$pid" home
	assert_eq "$(job_field process node)" 1
	assert_eq "$(job_field process moves)" 2 moves
	lab sh n1 mosixctl kill "$(job_id process)"
	wait_for 10 job_ended process
}
try "a job is named by its deputy or by a process of it" by_process

refuse_guests() {
	job_dir refused
	lab sh n2 sh -c 'printf "[guests]\nmax = 0\n" >/etc/mosix/mosixd.conf; systemctl reload mosixd'
	wait_for 5 log_has n2 'was reloaded'
	assert_match "$(lab sh -u alice n1 mosix-run -n n2 true 2>&1)" "takes no jobs of other nodes"
	job_start refused -- "sleep 1000"
	assert_match "$(lab sh n1 mosixctl migrate "$(job_id refused)" n2 2>&1)" \
		"takes no jobs of other nodes"
	assert_eq "$(job_field refused state)" running
	lab sh n2 sh -c 'rm /etc/mosix/mosixd.conf; systemctl reload mosixd'
	lab sh n1 mosixctl kill "$(job_id refused)"
	wait_for 10 job_ended refused
}
step "a node may refuse jobs of others" refuse_guests

locked() {
	job_dir locked
	job_start locked -L -- "sleep 1000"
	assert_match "$(lab sh n1 mosixctl migrate "$(job_id locked)" n2 2>&1)" "locked"
	lab sh n1 mosixctl kill "$(job_id locked)"
	wait_for 10 job_ended locked
}
try "a locked job does not move" locked

move_many() {
	local i ids=() pids=()
	for i in 1 2 3 4; do
		job_dir "many$i"
		job_start "many$i" -- "sh -c '$(count_to 150)'"
		ids+=("$(job_id "many$i")")
	done
	for i in "${ids[@]}"; do
		lab sh n1 mosixctl migrate "$i" n2 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for i in 1 2 3 4; do
		assert_eq "$(job_field "many$i" node)" 2
	done
	for i in 1 2 3 4; do
		job_wait "many$i" 60
		counted "many$i" 150
	done
}
try "several jobs move at the same time" move_many

# ---------------------------------------------------------------- file systems

mfs_back() { lab sh n1 test -d /run/mosix/mfs/2/etc; }

mfs_dies() {
	lab sh n1 sh -c "kill -9 \$(pidof $1)"
	wait_for 10 lab sh n1 pidof "$1"
	wait_for 10 mfs_back
	wait_for 10 lab sh n2 test -d /run/mosix/mfs/1/etc
}
try "mosix-mfs is started again when it dies" mfs_dies mosix-mfs
try "mosix-mfsd is started again when it dies" mfs_dies mosix-mfsd

mfs_kept() {
	local before
	before=$(lab sh n1 sh -c 'pidof mosix-mfs mosix-mfsd')
	kill_daemon n1
	wait_for 10 lab sh n1 systemctl is-active mosixd
	wait_for 10 log_has n1 'mosix-mfs is back'
	assert_eq "$(lab sh n1 sh -c 'pidof mosix-mfs mosix-mfsd')" "$before" "processes"
	mfs_back
}
try "both survive the daemon" mfs_kept

try "nothing is left" wait_for 10 no_leftovers
