#!/bin/bash
# time limit: 600 s
# Gossip and membership: joining by a seed, leaving, death, a hung node, a partition; datagrams that
# are forged, replayed or of another key; bytes per second; what becomes of jobs of dead nodes.
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
# shellcheck source=test/it/jobs.sh
. "$(dirname "$(realpath "$0")")/jobs.sh"

lab_need 4
payload_install

grace=6

# all_see OTHER STATE NODE...
all_see() {
	local other=$1 state=$2 n
	shift 2
	for n; do
		[ "$(see "$n" "$other")" = "$state" ] || return 1
	done
}

all_alive() {
	local n
	for n in n1 n2 n3 n4; do
		all_see "$n" alive n1 n2 n3 n4 || return 1
	done
}

# log_count NODE PATTERN: lines in mosixd's log since the node was started
log_count() { lab sh "$1" journalctl -q -b -o cat -u mosixd | grep -cE "$2" || true; }

metric() { # NODE NAME-AND-LABELS
	lab sh "$1" mosixctl metrics | awk -v name="$2" '$1 == name { print int($2) }'
}

# ---------------------------------------------------------------- a seed

configure() {
	local n
	for n in n1 n2 n3 n4; do
		lab sh $n sh -c "systemctl stop mosixd && cp -a /etc/mosix /root/mosix.good
			printf '[cluster]\nseeds = 10.77.0.1\ngrace = $grace\n[balance]\nenabled = no\n' >/etc/mosix/mosixd.conf
			rm -f /var/lib/mosix/node"
	done
	# n1 to n3 have a map of themselves; n4 has none, and the others have never heard of it.
	for n in n1 n2 n3; do
		lab sh $n sh -c 'echo "1 10.77.0.1 3 n" >/etc/mosix/mosix.map; systemctl start mosixd'
	done
	lab sh n4 rm /etc/mosix/mosix.map
}
restore() {
	local n
	for n in n1 n2 n3 n4; do
		lab sh $n sh -c 'rm -rf /etc/mosix && mv /root/mosix.good /etc/mosix && systemctl restart mosixd'
	done
}
on_exit "restore >/dev/null 2>&1"

address_of() { # NODE OTHER: that NODE has of OTHER
	lab sh -x "$1" mosixctl nodes --json | python3 -c '
import json, sys
print(*[n["address"] for n in json.load(sys.stdin)["nodes"] if n["name"] == sys.argv[1]])' "$2"
}

join() {
	configure
	wait_for 10 all_see n3 alive n1 n2
	assert_eq "$(see n1 n4)" "" "n4 before it joined"
	lab sh n4 systemctl start mosixd
	wait_for 10 all_alive
	assert_eq "$(address_of n2 n4)" 10.77.0.4
}
try "a node without a map joins by one seed, and all know it" join

use_it() {
	assert_eq "$(lab sh -u alice n2 mosix-run -n n4 cat /etc/hostname)" "$(lab sh n2 cat /etc/hostname)"
	assert_eq "$(lab sh -u alice n4 mosix-run -n n3 cat /etc/hostname)" "$(lab sh n4 cat /etc/hostname)"
}
try "jobs run there, and its jobs elsewhere" use_it

keeps_number() {
	local before
	before=$(lab sh n4 cat /var/lib/mosix/node)
	lab sh n4 systemctl restart mosixd
	wait_for 10 all_alive
	assert_eq "$(lab sh n4 cat /var/lib/mosix/node)" "$before"
}
try "it keeps its number over a restart" keeps_number

# One that insists on a number that another has is told so, and disturbs nobody.
same_number() {
	lab sh n4 sh -c 'systemctl stop mosixd; cp /etc/mosix/mosixd.conf /root/mosixd.conf.good
		cp /var/lib/mosix/node /root/node.good; rm /var/lib/mosix/node
		printf "[node]\nnumber = 2\n" >>/etc/mosix/mosixd.conf; systemctl start mosixd'
	wait_for 20 log_has n4 'Another machine has number 2 as well: give one of them another'
	assert_eq "$(address_of n1 n2) $(address_of n3 n2)" "10.77.0.2 10.77.0.2" "whom the others have as n2"
	all_see n2 alive n1 n3
	assert_eq "$(lab sh -u alice n1 mosix-run -n n2 sh -c 'echo it runs')" "it runs"
	lab sh n4 sh -c 'systemctl stop mosixd; mv /root/mosixd.conf.good /etc/mosix/mosixd.conf
		mv /root/node.good /var/lib/mosix/node; systemctl start mosixd'
	wait_for 20 all_alive
}
log_has() { [ "$(log_count "$@")" -gt 0 ]; }
try "a node with a number that another one has is told so" same_number

# ---------------------------------------------------------------- leaving, death, a hung node

leave() {
	local start took
	start=$(now_ms)
	lab sh n4 systemctl kill -s PWR --kill-whom=main mosixd
	wait_for 5 all_see n4 left n1 n2 n3
	took=$(($(now_ms) - start))
	echo "all know it after $took ms"
	lab sh n4 systemctl restart mosixd
	wait_for 10 all_alive
}
try "a node leaves in order, and comes back" leave

# … at any moment between two steps of gossip (0.5 s) and two tries to reach it.
returns() {
	local pause
	for pause in 0 0.1 0.2 0.3 0.4 0.5; do
		lab sh n4 systemctl kill -s PWR --kill-whom=main mosixd
		wait_for 5 all_see n4 left n1 n2 n3
		lab sh n4 sh -c "systemctl stop mosixd && sleep $pause && systemctl start mosixd"
		wait_for 10 all_alive || {
			echo "after it was away for $pause s"
			return 1
		}
	done
}
try "it may come back at any moment" returns

is_off() { lab ls | awk '$1 == "n4" { print $3 }' | grep -qv up; }
shut_down() {
	lab sh n4 systemctl poweroff
	wait_for 30 all_see n4 left n1 n2 n3
	wait_for 60 is_off
	lab start n4
	wait_for 20 all_alive
}
try "so does one that is shut down" shut_down

hung() {
	local n before='' after=''
	for n in n1 n3 n4; do
		before+="$(log_count $n 'n2 is dead') "
	done
	lab freeze n2
	sleep 3 # how long it hangs is what is tested
	lab thaw n2
	wait_for 15 all_alive
	for n in n1 n3 n4; do
		after+="$(log_count $n 'n2 is dead') "
	done
	assert_eq "$after" "$before" "deaths of n2"
}
try "a node that hangs for 3 s is not declared dead" hung

killed() {
	local start took
	start=$(now_ms)
	lab kill n3
	wait_for 12 all_see n3 dead n1 n2 n4
	took=$(($(now_ms) - start))
	echo "all know it after $took ms"
	assert_between "$took" 0 10000 "ms until all knew it"
	lab start n3
	wait_for 20 all_alive
}
try "a node that dies is known to be dead everywhere within 10 s, and welcome afterwards" killed

partition() {
	local start
	start=$(now_ms)
	lab net n3 cut
	split() { all_see n3 dead n1 n2 n4 && all_see n1 dead n3 && all_see n2 dead n3 && all_see n4 dead n3; }
	heal() { lab net n3 heal; }
	on_exit heal
	wait_for 12 split
	assert_between $(($(now_ms) - start)) 0 10500 "ms until both sides knew"
	all_see n2 alive n1 n4
	lab net n3 heal
	wait_for 10 all_alive
}
try "a partition is seen right on both sides within 10 s, and heals" partition

# ---------------------------------------------------------------- hostile datagrams

# What n1 believes of the cluster, but for numbers that change by themselves.
beliefs() {
	lab sh n1 mosixctl nodes --json | python3 -c '
import json, sys
for n in json.load(sys.stdin)["nodes"]:
    print(*[n[k] for k in ("node", "name", "address", "up", "state", "incarnation", "problem", "jobs", "guests")])'
}

refused() { metric n1 mosix_gossip_refused_datagrams_total; }

# replay LEAST: what was captured, to n1; at least so many are refused, and no belief changes
replay() {
	local before
	before=$(refused)
	beliefs >"$test_tmp/beliefs"
	lab sh n2 timeout 60 python3 /root/gossip_replay.py replay /root/captured 10.77.0.1
	beliefs | diff "$test_tmp/beliefs" -
	echo "refused: $(($(refused) - before))"
	[ $(($(refused) - before)) -ge "$1" ]
}

# Captures gossip on n2 for a while, then sends it to n1 again: as it was, changed, cut, in another order.
hostile_datagrams() {
	local before after alive_before sent_before sent_after
	alive_before=$(log_count n1 ' is (dead|left|alive)')
	lab push n2 "$test_dir/gossip_replay.py" /root/gossip_replay.py
	lab sh n2 timeout 60 python3 /root/gossip_replay.py capture /root/captured
	# What was recorded in this life of n1 …
	before=$(lab sh n1 systemctl show -p MainPID --value mosixd)
	sent_before=$(metric n1 'mosix_gossip_bytes_total{direction="sent"}')
	replay 400
	sent_after=$(metric n1 'mosix_gossip_bytes_total{direction="sent"}')
	after=$(lab sh n1 systemctl show -p MainPID --value mosixd)
	assert_eq "$after" "$before" "process of mosixd"
	all_alive
	assert_eq "$(log_count n1 ' is (dead|left|alive)')" "$alive_before" "changes that n1 saw"
	echo "answers: $((sent_after - sent_before)) bytes"
	# … and in the one before.
	lab sh n1 systemctl restart mosixd
	wait_for 10 all_alive
	alive_before=$(log_count n1 ' is (dead|left|alive)')
	replay 400
	all_alive
	assert_eq "$(log_count n1 ' is (dead|left|alive)')" "$alive_before" "changes that n1 saw then"
}
try "replayed, changed and foreign datagrams change nothing" hostile_datagrams

other_key() {
	local before
	before=$(log_count n1 'n4 is')
	lab sh n4 sh -c 'systemctl stop mosixd && rm -rf /etc/mosix/cluster.key && mosixctl keygen && systemctl start mosixd'
	wait_for 12 all_see n4 dead n1 n2 n3
	lab sh n4 sh -c 'cp -a /root/mosix.good/cluster.key /etc/mosix/ && systemctl restart mosixd'
	wait_for 15 all_alive
}
try "a node with another key is as good as dead" other_key

# ---------------------------------------------------------------- cost

bytes() {
	local n start sent took rss
	start=$(now_ms)
	declare -A before
	for n in n1 n2 n3 n4; do
		before[$n]=$(metric $n 'mosix_gossip_bytes_total{direction="sent"}')
	done
	sleep 8 # a span to measure
	for n in n1 n2 n3 n4; do
		sent=$(($(metric $n 'mosix_gossip_bytes_total{direction="sent"}') - before[$n]))
		took=$(($(now_ms) - start))
		echo "$n: $((sent * 1000 / took)) bytes/s"
		assert_between $((sent * 1000 / took)) 50 3000 "bytes per second of $n"
	done
	rss=$(lab sh n1 sh -c 'grep VmRSS /proc/$(pidof mosixd)/status')
	echo "$rss"
}
try "a node sends no more than 3 kB/s" bytes

# ---------------------------------------------------------------- jobs

at() { [ "$(job_field "$1" node)" = "${2#n}" ]; }
# guests_frozen NODE: is a copy on it frozen?
guests_frozen() { lab sh "$1" sh -c 'grep -qx 1 /sys/fs/cgroup/system.slice/mosixd.service/jobs/*/cgroup.freeze'; }
no_guests() { lab sh "$1" sh -c '! ls -d /sys/fs/cgroup/system.slice/mosixd.service/jobs/*.*/'; }

short_loss() {
	job_dir short
	job_start short -n n3 -- "sleep 1000"
	wait_for 10 at short n3
	lab net n3 cut
	wait_for $((grace + 15)) guests_frozen n3
	lab net n3 heal
	thawed() { ! guests_frozen n3; }
	wait_for 15 thawed
	assert_eq "$(job_field short state)" running
	lab sh -u alice n1 mosixctl kill "$(job_id short)"
	wait_for 10 job_ended short
}
try "a guest whose home is away for a while is frozen, and goes on" short_loss

# Nobody is there to ask whether the copy is still wanted: it waits until its home is back.
restarted_meanwhile() {
	job_dir alone
	job_start alone -n n3 -- "bash -c 'for ((i = 1; i < 1000; i++)); do echo \$i; sleep 0.1; done'"
	wait_for 10 at alone n3
	lab net n1 cut
	lab sh n3 systemctl restart mosixd
	wait_for 10 lab sh n3 mosixctl status
	lab net n1 heal
	wait_for 20 all_alive
	assert_eq "$(job_field alone state) $(job_field alone node)" "running 3"
	lines() { lab sh n1 sh -c 'wc -l <"$0"' "$job_base/work/alone/out"; }
	more() { [ "$(lines)" -gt "$1" ]; }
	wait_for 15 more "$(($(lines) + 20))"
	lab sh -u alice n1 mosixctl kill "$(job_id alone)"
	wait_for 10 job_ended alone
	lab sh n1 awk '$1 != NR { exit 1 }' "$job_base/work/alone/out"
}
try "a daemon that is restarted while the home of its guest is away keeps the guest" restarted_meanwhile

lost_job() {
	local start
	job_dir lost
	job_start lost -n n3 -- "sleep 1000"
	wait_for 10 at lost n3
	start=$(now_ms)
	lab kill n3
	wait_for $((2 * grace + 35)) job_ended lost
	echo "reported after $(($(now_ms) - start)) ms"
	assert_between $(($(now_ms) - start)) $((2 * grace * 1000)) $((2 * grace * 1000 + 30000)) "ms"
	assert_match "$(lab sh n1 cat "$job_base/work/lost/err")" "n3.* is dead"
	lab start n3
	wait_for 20 all_alive
}
try "the deputy hears that its job was lost with its node" lost_job

dead_home() {
	lab sh -u alice n2 sh -c 'mosix-run -d -n n3 sleep 1000'
	wait_for 10 fails no_guests n3
	lab kill n2
	wait_for $((2 * grace + 25)) no_guests n3
	lab start n2
	wait_for 20 all_alive
}
try "a guest whose home has died is ended" dead_home

# ---------------------------------------------------------------- more nodes than a full mesh

links() { lab sh "$1" ss -Htn state established '( dport = :7250 or sport = :7250 )' | wc -l; }
few_links() { [ "$(links n1)" -le "$1" ]; }

large() {
	local n
	for n in n1 n2 n3 n4; do
		lab sh $n sh -c 'sed -i "s/^\[cluster\]/&\nmesh = 2/" /etc/mosix/mosixd.conf; systemctl restart mosixd'
	done
	wait_for 20 all_alive
	# Those of the start, when few nodes were known yet, are dropped when they were not used.
	wait_for 90 few_links 0
	job_dir large
	job_start large -n n3 -- "sleep 1000"
	wait_for 10 at large n3
	few_links 2
	lab sh n1 mosixctl migrate "$(job_id large)" n2
	at large n2
	assert_eq "$(lab sh -u alice n1 mosix-run -n n3 echo there)" there
}
try_or_end "beyond the mesh, links are made when jobs need them" large

unreachable() {
	local id start
	id=$(job_id large)
	lab net n4 cut
	on_exit heal4
	start=$(now_ms)
	assert_match "$(lab sh n1 mosixctl migrate "$id" n4 2>&1)" "n4: .*mosixctl nodes"
	assert_match "$(lab sh -u alice n1 mosix-run -n n4 true 2>&1)" "n4 cannot be reached"
	assert_between $(($(now_ms) - start)) 0 15000 "ms until both were refused"
	at large n2
	heal4
	wait_for 15 all_alive
}
heal4() { lab net n4 heal; }
try "a link that cannot be made ends a move or a start with a sentence" unreachable

by_itself() {
	lab sh n3 mosixctl block
	lab sh n1 mosixctl drain -q
	lab sh n1 mosixctl drain -q n2
	wait_for 20 at large n4
	# At the first try: who decided it was not told that it could not be done.
	assert_eq "$(log_count n2 'did not move to .*(no link|Nothing is known|cannot be reached)')" 0 \
		"moves that failed for want of a link"
	for n in n1 n2; do lab sh $n mosixctl undrain; done
	lab sh n3 mosixctl unblock
	lab sh n3 mosixctl kill "$(job_id large)"
	wait_for 10 job_ended large
}
undo() { each_node_up sh -c 'mosixctl undrain; mosixctl unblock'; }
on_exit "undo >/dev/null 2>&1"
try "a decision waits for the link, too" by_itself
