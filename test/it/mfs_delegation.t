#!/bin/bash
# time limit: 900 s
# mfs_delegation.t - what nodes keep of the files of another one is never old
#
# n1 has the files; n2 and n3 use them. The steps are in mfs/delegation.py.
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
lab_need 3
unbalanced

for node in n1 n2 n3; do lab push $node "$test_dir/mfs/agent.py" /srv/agent.py; done
on_exit 'lab net n2 heal >/dev/null 2>&1; each_node_up umount /mfs 2>/dev/null; lab sh n1 rm -rf /srv/delegation'
lab sh n1 mkdir -p /srv/delegation
for node in n2 n3; do
	lab sh $node sh -c 'mkdir -p /mfs && { mountpoint -q /mfs || mount -t mfs mosix /mfs; }'
	wait_for 20 lab sh $node test -d /mfs/1/srv
done

fresh() { lab sh n1 sh -c 'rm -rf /srv/delegation && mkdir -m 755 /srv/delegation'; }
drive() { timeout 200 python3 "$test_dir/mfs/delegation.py" "$lab_command" "$@"; }
step() {
	fresh
	drive "$@"
}

# served: how many requests n1's server has answered, but for signs of life
served() {
	lab sh n1 mosixctl metrics | awk '/^mosix_mfs_requests_total/ && !/"(ping|recalled|return)"/ { sum += $2 } END { print sum + 0 }'
}
# The counters are a second old.
served_steady() {
	local before now
	now=$(served)
	until [ "$now" = "${before:-}" ]; do
		before=$now
		sleep 1.2
		now=$(served)
	done
	echo "$now"
}

# ---------------------------------------------------------------- failures

process() { lab sh "$1" pgrep -x "$2"; }
another() {
	local pid
	pid=$(process "$1" "$2") && [ "$pid" != "$3" ]
}
kill_process() { # NODE NAME
	local pid
	pid=$(process "$1" "$2")
	lab sh "$1" kill -9 "$pid"
	wait_for 20 another "$1" "$2" "$pid"
}

server_killed() {
	step warm
	kill_process n1 mosix-mfsd
	wait_for 20 lab sh n2 test -d /mfs/1/srv
	drive changed
	drive seen
}

client_killed() {
	step warm
	kill_process n2 mosix-mfs
	drive changed
	drive seen
}

# It is changed while there is nobody at n2 to hear of it.
client_killed_meanwhile() {
	local pid daemon status=0
	step warm
	pid=$(process n2 mosix-mfs)
	daemon=$(lab sh n2 systemctl show -P MainPID mosixd)
	lab sh n2 kill -STOP "$daemon"
	lab sh n2 kill -9 "$pid"
	drive changed || status=$?
	lab sh n2 kill -CONT "$daemon"
	[ "$status" = 0 ]
	wait_for 20 another n2 mosix-mfs "$pid"
	drive seen
}

link_cut() {
	step warm
	lab net n2 cut
	drive changed
	lab net n2 heal
	wait_for 20 lab sh n2 timeout 5 test -d /mfs/1/srv
	drive seen
}

client_frozen() {
	local pid status=0
	step warm
	pid=$(process n2 mosix-mfs)
	lab sh n2 kill -STOP "$pid"
	drive changed || status=$?
	lab sh n2 kill -CONT "$pid"
	[ "$status" = 0 ]
	wait_for 20 lab sh n2 timeout 5 test -d /mfs/1/srv
	drive seen
}

# ---------------------------------------------------------------- jobs

# What make does: it writes a file, then has a job on another node read it. n2 keeps each of them, or
# that it is not there, when it is written; each is in a directory of its own, as to change a name that is kept
# ends the delegation of its directory.
barrier() {
	# shellcheck disable=SC2016
	lab sh -u alice n1 bash -ec 'rm -rf work && mkdir work && cd work
		for ((round = 0; round < 5; round++)); do
			for ((i = 0; i < 40; i++)); do
				mkdir -p $i
				case $((i % 4)) in
				3) rm -f $i/newest ;;
				*) echo old >$i/newest ;;
				esac
			done
			sleep 11
			mosix-run -n 2 sh -c "for n in 1 2 3; do cat */newest; ls -l */newest [0-9]/none; done >/dev/null 2>&1; true"
			for ((i = 0; i < 40; i++)); do
				case $((i % 4)) in
				0 | 3) echo "$round.$i" >$i/newest ;;
				1) echo "$round.$i" >$i/new && mv $i/new $i/newest ;;
				2) rm $i/newest && echo "$round.$i" >$i/newest ;;
				esac
				got=$(mosix-run -n 2 cat $i/newest)
				[ "$got" = "$round.$i" ] || { echo "a job on n2 reads $got instead of $round.$i"; exit 1; }
			done
		done'
}

compile='cc -O2 -I. -c -o out.o main.c'
source_of() {
	lab sh -u alice n1 sh -c 'rm -rf work && mkdir -p work/compile && cd work/compile && for h in a b c d e f; do echo "int $h;" >$h.h; done &&
		{ for h in a b c d e f; do echo "#include \"$h.h\""; done
		printf "#include <%s>\n" stdio.h stdlib.h string.h unistd.h errno.h sys/stat.h sys/socket.h pthread.h
		echo "int main(void) { return puts(\"\"); }"; } >main.c'
}

# A compilation that was done before asks for next to nothing, once n2 has been given what it needs. What a
# recall has overtaken is given the next time.
requests() {
	local before after
	source_of
	sleep 11 # what has just been made is not delegated
	for _ in 1 2 3 4 5 6 7 8; do
		before=$(served_steady)
		lab sh -u alice n1 sh -c "cd work/compile && mosix-run -n 2 $compile"
		after=$(served_steady)
		echo "$((after - before)) requests"
		[ $((after - before)) -ge 150 ] || break
	done
	lab sh n1 mosixctl metrics | grep '^mosix_mfs_requests'
	assert_between $((after - before)) 1 149 "requests of a compilation"
}

try "names, changed at home and by others" step names 1 4 40
try "... other ones" step names 2 2 80
try "contents: read, mapped, cut, replaced, removed" step contents
try "who may look at them" step access
try "directories: what is in them, their times, who may read them" step directories
try "three nodes change one directory at once" step together
try "a file is replaced while others look at it" step replaced
try "a job on another node reads what was written before it was started" barrier
try "a compilation that was done before needs few requests" requests
try "the server is killed" server_killed
try "the client is killed" client_killed
try "... and not there when something is changed" client_killed_meanwhile
try "the link is cut" link_cut
try "the client is frozen: who changes something waits for a moment" client_frozen
try "all of that again: names" step names 3 1 30
