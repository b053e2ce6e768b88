#!/bin/bash
# sample.t - what nodes with a quarter of a CPU and 512 MiB know of themselves and of their jobs
# time limit: 240 s
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"

lab_need 2 --cpu 25 --mem 512M

# Samples are logged at level debug. A speed that is known makes the load index a number to compare with.
# Nothing else shall move the jobs about.
prepare() {
	local n
	for n in n1 n2; do
		wait_for 20 lab sh "$n" grep -q 'measured [1-9]' /var/lib/mosix/speed
		lab sh "$n" sh -c 'grep -q "^level = debug" /etc/mosix/mosixd.conf ||
			sed -i "s/^#level = info/level = debug/" /etc/mosix/mosixd.conf
			[ -e /root/speed ] || cp /var/lib/mosix/speed /root/speed
			printf "measured 10000\nset 0\n" >/var/lib/mosix/speed
			systemctl restart mosixd'
		wait_for 10 lab sh "$n" mosixctl balance off
	done
	lab sh n1 sh -c 'mkdir -p /mfs && { mountpoint -q /mfs || mount -t mfs mosix /mfs; }'
}

# The log comes here: to ask on the nodes again and again would be work for them. Where they are asked,
# it is from outside of their limits (lab sh -x).
follow() {
	local n
	for n in n1 n2; do
		lab sh "$n" journalctl -q -u mosixd -o cat -n 0 -f >"$test_tmp/$n.log" 2>/dev/null </dev/null &
		on_exit "kill $!"
	done
}

# last_line NODE START: what begins like that
last_line() { tail -n 100 "$test_tmp/$1.log" | grep "^$2" | tail -n 1 | grep .; }

# gently SECONDS COMMAND...: wait_for, once a second
gently() { wait_for "$1" sh_slowly "${@:2}"; }
sh_slowly() { "$@" || { sleep 1 && false; }; }

# word_after LINE WORD: the number behind it
word_after() { sed -n "s/.* $2 \([0-9]*\).*/\1/p" <<<"$1 " | grep .; }

node_fact() { word_after "$(last_line "$1" 'Node: ')" "$2"; }

# copy_fact NODE JOB FACT
copy_fact() { word_after "$(last_line "$1" "Copy $2\.")" "$3"; }

# within LOW HIGH COMMAND...: what it prints is
within() {
	local got low=$1 high=$2
	shift 2
	got=$("$@") && assert_between "$got" "$low" "$high" "$*"
}

# start NAME COMMAND...: a job of root's on n1, in the background
start() {
	local name=$1
	shift
	# shellcheck disable=SC2016
	lab sh n1 bash -c 'name=$0; mosix-run -n n1 -J "$name" -- "$@" >/dev/null 2>"/root/$name.err" </dev/null &' \
		"$name" "$@"
	gently 10 job_id "$name" || {
		lab sh n1 cat "/root/$name.err"
		return 1
	}
}

job_id() {
	lab sh -x n1 mosixctl ps --all --json | python3 -c '
import json, sys
print([r["job"] for r in json.load(sys.stdin)["jobs"] if r["name"] == sys.argv[1]][0])' "$1"
}

stop_all() {
	local id
	for id in $(lab sh -x n1 mosixctl ps --all --json |
		python3 -c 'import json, sys; [print(r["job"]) for r in json.load(sys.stdin)["jobs"]]'); do
		lab sh n1 mosixctl kill -s KILL "$id"
	done
	gently 10 lab sh -x n1 sh -c '! mosixctl ps --all --json | grep -q "\"job\""'
}

load_of() {
	lab sh -x n1 mosixctl nodes --json | python3 -c '
import json, sys
print([r["load"]["load"] if isinstance(r["load"], dict) else r["load"]
    for r in json.load(sys.stdin)["nodes"] if r["name"] == sys.argv[1]][0])' "$1"
}

measured() {
	local n
	for n in n1 n2; do
		within 500 200000 lab sh "$n" sed -n 's/measured //p' /root/speed
		lab sh "$n" sh -c 'test -e /root/speed && ! pgrep mosix-speed'
		assert_eq "$(lab sh "$n" cat /var/lib/mosix/speed)" $'measured 10000\nset 0' "kept"
	done
}

sizes() {
	local n
	for n in n1 n2; do
		gently 10 node_fact "$n" cpus
		assert_eq "$(node_fact "$n" cpus)" 250
		assert_eq "$(node_fact "$n" memory)" 512
		within 300 512 node_fact "$n" free
	done
	gently 30 within 0 300 node_fact n1 runnable
}

# busy_jobs COUNT: a demand of 1000 each, whatever they get; load 400 each
busy_jobs() {
	local i
	for ((i = 1; i <= $1; i++)); do start "busy$i" sh -c 'while :; do :; done'; done
	for ((i = 1; i <= $1; i++)); do
		gently 20 within 950 1050 copy_fact n1 "$(job_id "busy$i")" demand
	done
	gently 20 within $((1000 * $1 - 100)) $((1000 * $1 + 400)) node_fact n1 runnable
	gently 20 within $((1000 * $1 - 100)) $((1000 * $1 + 400)) node_fact n1 leaving
	gently 30 within $((400 * $1 - 40)) $((400 * $1 + 160)) load_of n1
	# Less where the machine has not got as much for each node.
	gently 10 within 50 270 node_fact n1 busy
	gently 20 within 0 300 node_fact n2 runnable
}

# Four at a time, each over within a second and followed by the next. While that is being started its parent wants to
# run as well: they live long enough for this not to count.
short_processes() {
	# shellcheck disable=SC2016
	start make bash -c 'one() { while :; do bash -c "for ((i = 0; i < 20000; i++)); do :; done"; done; }
		one & one & one & one & wait'
	gently 30 within 3600 4800 copy_fact n1 "$(job_id make)" demand
	gently 30 within 3400 5200 node_fact n1 runnable
}

# Its guest looks at it every few seconds by then.
wakes_up() {
	start sleeper sh -c 'sleep 12; touch /root/awake; while :; do :; done'
	lab sh n1 rm -f /root/awake
	gently 30 lab sh n1 test -e /root/awake
	wait_for 5 within 300 1100 copy_fact n1 "$(job_id sleeper)" demand
	lab sh n1 rm -f /root/awake
}

memory() {
	local before
	before=$(node_fact n1 free)
	start big python3 -c 'import time; x = bytearray(100 << 20); time.sleep(1000)'
	gently 30 within 100 130 copy_fact n1 "$(job_id big)" memory
	gently 10 within $((before - 150)) $((before - 80)) node_fact n1 free
}

# rate_of NODE JOB OWNER: KiB/s from and to OWNER's files, of its copy on NODE
rate_of() {
	last_line "$1" "Copy $2\." | sed -n "s/.* files.* $3:\([0-9]*\).*/\1/p" | grep .
}

# The owner that comes first has nearly all of it.
mostly() { last_line "$1" "Copy $2\." | grep -E " files $3:[0-9]{3,}"; }

# shellcheck disable=SC2016
reads='while :; do dd if="$0" of=/dev/null bs=64k iflag=direct; sleep 0.3; done'

files() {
	local id n
	for n in n1 n2; do lab sh "$n" dd if=/dev/urandom of=/root/data bs=1M count=8; done
	start near bash -c "$reads" /root/data
	start far bash -c "$reads" /mfs/n2/root/data
	gently 30 mostly n1 "$(job_id near)" 1
	gently 30 mostly n1 "$(job_id far)" 2
	fails rate_of n1 "$(job_id far)" 1
	# On n2 the first one reads what is n1's.
	id=$(job_id near)
	lab sh n1 mosixctl migrate "$id" n2
	gently 30 mostly n2 "$id" 1
	fails rate_of n2 "$id" 2
}

# Pipes are no files, whatever goes through them.
pipes() {
	start pipes bash -c 'dd if=/dev/zero bs=64k | dd bs=64k of=/dev/null'
	gently 30 within 900 3000 copy_fact n1 "$(job_id pipes)" demand
	fails rate_of n1 "$(job_id pipes)" 1
}

# net_bytes NODE NAME: as mosixctl has it there
net_bytes() {
	lab sh -x "$1" mosixctl ps --all --json | python3 -c '
import json, sys
print([r["net_bytes"] for r in json.load(sys.stdin)["jobs"] if r["name"] == sys.argv[1]][0])' "$2"
}

# A SYN and a FIN count as a byte each.
sent_mib() { within $(($2 << 20)) $((($2 << 20) + 16)) net_bytes "$1" net; }

# Waits for files between what it does, so that each of that can be looked at.
sender() {
	lab push n1 - /root/sender.py <<'END'
import os, socket, time
def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.1)
def send(c, mib):
    for _ in range(mib):
        c.sendall(bytes(1 << 20))
c = socket.create_connection(("10.77.0.2", 5555))
send(c, 8)
wait_for("/root/more")
send(c, 4)
c.shutdown(socket.SHUT_WR)
c.recv(1)
c.close()
wait_for("/root/again")
c = socket.create_connection(("10.77.0.1", 5555))
send(c, 3)
wait_for("/root/never")
END
	local n
	lab sh n1 rm -f /root/more /root/again
	for n in n1 n2; do
		lab sh "$n" sh -c 'pkill -x socat
			socat -u TCP4-LISTEN:5555,fork,reuseaddr OPEN:/dev/null >/dev/null 2>&1 </dev/null &'
		wait_for 10 lab sh "$n" sh -c 'ss -Hltn sport = 5555 | grep -q .'
	done
	start net python3 /root/sender.py
}

network() {
	local n
	sender
	gently 20 sent_mib n1 8
	gently 10 within 100 12000 copy_fact n1 "$(job_id net)" net
	# What is sent between the last look and the end of a connection is in it as well.
	lab sh n1 touch /root/more
	gently 20 sent_mib n1 12
	gently 40 within 0 0 copy_fact n1 "$(job_id net)" net
	# Its guest keeps the number while there is no daemon, its home when it moves.
	lab sh n1 systemctl restart mosixd
	gently 20 sent_mib n1 12
	gently 20 lab sh n1 mosixctl migrate "$(job_id net)" n2
	sent_mib n1 12
	lab sh n1 touch /root/again
	gently 20 sent_mib n1 15
	sent_mib n2 3
	for n in n1 n2; do lab sh "$n" pkill -x socat; done
}

# alone FUNCTION [ARG...]: nothing of the step before it is left
alone() {
	stop_all
	gently 10 within 0 300 node_fact n1 leaving
	"$@"
}

try_or_end "two nodes are prepared" prepare
follow
try "the speed was measured once and is kept" measured
try "a quarter of a CPU and 512 MiB are seen" sizes
try "one busy job is one runnable task, load 400" alone busy_jobs 1
try "three busy jobs are three runnable tasks, load 1200" alone busy_jobs 3
try "processes of short life are seen, four at a time" alone short_processes
try "a job that begins to compute after a while is noticed" alone wakes_up
try "memory of a job and of its node" alone memory
try "bytes are counted for the node whose files are read" alone files
try "pipes are no files" alone pipes
try "what a job sends is counted, over moves and restarts" alone network
