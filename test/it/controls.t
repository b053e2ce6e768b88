#!/bin/bash
# What administrators say of nodes and users of their jobs: drain, block, expel, bring, lock, freeze and
# the rest, who may say it, and that it holds over restarts of the daemon.
# time limit: 400 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 4 --cpu 25
nodes=(n1 n2 n3 n4)

ctl() { lab sh n1 mosixctl "$@"; }
ctl_as() { # USER ARG...
	local user=$1
	shift
	lab sh -u "$user" n1 mosixctl "$@"
}

# What a step leaves behind is undone whatever becomes of it. These jobs hardly work: they stay where they
# are put, since a node where they are has nothing to gain by their leaving.
restore() {
	local n
	# shellcheck disable=SC2016
	for n in "${nodes[@]}"; do
		lab net "$n" heal
		lab sh "$n" sh -c '
			for c in undrain unblock unstay "balance on" "speed 0"; do mosixctl $c; done
			[ ! -e /etc/mosix/mosixd.conf ] || { rm /etc/mosix/mosixd.conf; systemctl reload mosixd; }
			mosixctl ps --all --json | grep -o "\"job\": \"[0-9.]*" | cut -d\" -f4 | xargs -r -n 1 mosixctl kill -KILL'
	done
	wait_for 20 links_up
	wait_for 20 no_jobs
}
on_exit "restore >/dev/null 2>&1"
links_up() {
	local n
	for n in "${nodes[@]}"; do
		lab sh "$n" mosixctl nodes --json | python3 -c '
import json, sys
sys.exit(not all(n["up"] for n in json.load(sys.stdin)["nodes"]))' || return 1
	done
}
no_jobs() { [ "$(jobs_json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["jobs"]))')" = 0 ]; }
step() {
	try "$@"
	restore >/dev/null 2>&1
}

# counting NAME [OPTION...]: a job that writes a line ten times a second
counting() {
	local name=$1
	shift
	job_dir "$name"
	job_start "$name" "$@" -- "sh -c 'i=0; while :; do echo \$i; i=\$((i+1)); sleep 0.1; done'"
	wait_for 10 job_more_lines "$name" 0
}
# Its output so far is 0, 1, 2, …: nothing was lost or doubled, whatever was done to it.
# shellcheck disable=SC2016
counted() { lab sh n1 awk '$1 != NR - 1 { print "line", NR, $0; exit 1 }' "$job_base/work/$1/out"; }
job_is_on() { [ "$(job_field "$1" node)" = "$2" ]; }
job_count_on() { jobs_json | python3 -c '
import json, sys
print(sum(r["node"] == int(sys.argv[1]) for r in json.load(sys.stdin)["jobs"]))' "$1"; }
none_on() { [ "$(job_count_on "$1")" = 0 ]; }
some_on() { [ "$(job_count_on "$1")" -gt 0 ]; }
restart_daemon() {
	lab sh "$1" systemctl restart mosixd
	wait_for 10 lab sh "$1" systemctl is-active mosixd
	wait_for 20 links_up
}
controls_of() { lab sh "$1" sh -c 'cat /var/lib/mosix/controls 2>/dev/null' | tr '\n' ' '; }

lab sh -u alice n1 mkdir -p work
restore >/dev/null 2>&1

# ---------------------------------------------------------------- who may

only_root() {
	local what
	for what in drain undrain expel block unblock stay unstay 'speed 5000' 'balance off' \
		'drain n2' 'undrain n2' 'block n2' 'speed n2 5000' 'balance off n2'; do
		# shellcheck disable=SC2086
		assert_match "$(ctl_as alice $what 2>&1)" "Only root" "$what"
	done
	assert_eq "$(controls_of n1)$(controls_of n2)" "" "controls that a user could set"
}
step "what is about a node only root may say" only_root

owners() {
	local id word
	counting mine
	id=$(job_id mine)
	for word in lock unlock freeze continue; do
		assert_match "$(ctl_as bob $word "$id" 2>&1)" "no job" "$word by somebody else"
		assert_match "$(lab sh -u bob n2 mosixctl $word "$id" 2>&1)" "no job" "$word from n2"
	done
	lab sh -u alice n2 mosixctl lock "$id"
	assert_eq "$(job_field mine lock)" True "lock"
}
step "a user's word counts for his own jobs, from any node" owners

names() {
	local n
	for n in 'n2;reboot' ../n2 n99 "$(printf 'n%0300d' 2)" $'\e[31mn2' "n2 n3" '%s%n' 10.77.0.99; do
		assert_match "$(ctl drain "$n" 2>&1)" "no node" "$n"
		assert_match "$(ctl bring "$n" 2>&1)" "no node" "$n"
	done
	assert_eq "$(ctl drain -q 10.77.0.2)$(controls_of n2)" "drain " "a node by its address"
}
step "names of nodes are taken for names" names

bad_file() {
	lab sh n2 sh -c 'head -c 3000 /dev/urandom >/var/lib/mosix/controls; printf "\nblock\n.drain\ndrainx\n" >>/var/lib/mosix/controls'
	restart_daemon n2
	assert_match "$(lab sh -u alice n1 mosix-run -n n2 true 2>&1)" "takes no jobs of other nodes"
	lab sh n2 sh -c 'head -c 100000 /dev/zero >/var/lib/mosix/controls'
	restart_daemon n2
	lab sh -u alice n1 mosix-run -n n2 true
	lab sh n2 sh -c 'rm /var/lib/mosix/controls; mkdir /var/lib/mosix/controls'
	restart_daemon n2
	assert_match "$(ctl block n2 2>&1)" "controls"
	lab sh -u alice n1 mosix-run -n n2 true
	lab sh n2 rmdir /var/lib/mosix/controls
}
step "a file of controls with anything in it does no harm" bad_file

# ---------------------------------------------------------------- jobs

locks() {
	local id
	counting locks
	id=$(job_id locks)
	ctl_as alice lock "$id"
	assert_match "$(ctl migrate "$id" n2 2>&1)" "locked"
	assert_match "$(ctl explain "$id")" "locked"
	restart_daemon n1
	assert_match "$(ctl migrate "$id" n2 2>&1)" "locked"
	ctl_as alice unlock "$id"
	ctl migrate "$id" n2
	assert_eq "$(job_field locks node)" 2
	counted locks
}
step "a locked job stays, also after a restart of the daemon" locks

stands_still() {
	local before
	before=$(job_lines "$1")
	sleep 1 # the time in which a running job would write ten lines
	assert_eq "$(job_lines "$1")" "$before" "lines of a frozen job"
}

freezes() {
	local id n=$1
	counting ice -n "$n"
	id=$(job_id ice)
	ctl_as alice freeze "$id"
	assert_eq "$(job_field ice state)" frozen
	stands_still ice
	restart_daemon n1
	restart_daemon n2
	assert_eq "$(job_field ice state)" frozen
	stands_still ice
	ctl_as alice migrate "$id" n3
	stands_still ice
	assert_eq "$(job_field ice node) $(job_field ice state)" "3 frozen"
	ctl_as alice continue "$id"
	job_goes_on ice
	counted ice
	ctl_as alice freeze "$id"
	ctl_as alice kill -KILL "$id"
	wait_for 10 job_ended ice
}
step "a frozen job stands still over restarts and moves until it is continued" freezes n1
step "… also on another node" freezes n2

# ---------------------------------------------------------------- drain

drains() {
	local i out
	for i in 1 2 3; do counting "away$i" -n n2; done
	lab sh n2 sh -c 'mosix-run -d -h sleep 1000' # stays: its user wanted it at home
	lab sh n2 sh -c 'mosix-run -d -n home sleep 1000'
	out=$(ctl drain --json n2 2>&1) || true
	none_on 2
	assert_match "$out" "its user lets it run there alone"
	assert_eq "$(controls_of n2)" "drain "
	for i in 1 2 3; do
		job_goes_on "away$i"
		counted "away$i"
	done
	restart_daemon n2
	assert_match "$(lab sh -u alice n1 mosix-run -n n2 true 2>&1)" "drained"
	assert_match "$(ctl migrate "$(job_id away1)" n2 2>&1)" "drained"
	assert_match "$(lab sh n2 mosix-run -n n2 true 2>&1)" "drained"
	assert_match "$(lab sh n2 mosix-run -v true 2>&1)" 'n[134]' "where a job of a drained node starts"
	ctl undrain n2
	assert_eq "$(controls_of n2)" ""
	lab sh -u alice n1 mosix-run -n n2 true
	lab sh n2 sh -c 'mosixctl ps --json | grep -o "2\.[0-9]*" | sort -u | xargs -n 1 mosixctl kill'
}
step "a drained node is left by all jobs but those that may not leave, and takes none" drains

interrupted() {
	local i status=0
	for i in 1 2; do counting "wait$i" -n n2; done
	for i in n3 n4; do ctl block $i; done
	ctl drain n1 # home would take its own
	lab sh n1 timeout -s INT 2 mosixctl drain n2 || status=$?
	fails [ "$status" = 0 ]
	assert_eq "$(controls_of n2)" "drain " "a drain that nobody waits for any more"
	assert_eq "$(job_count_on 2)" 2
	ctl unblock n3
	wait_for 30 none_on 2
	counted wait1
	counted wait2
}
step "to interrupt mosixctl ends the waiting, not the drain" interrupted

# What keeps jobs is said while they wait, and they go on when it is gone.
says() { lab sh n1 grep -qE "$1" /root/drain.err; }
nowhere() {
	local id status=0
	counting held -n n2
	counting waits -n n2
	id=$(job_id waits)
	ctl lock "$(job_id held)"
	ctl block n3
	lab sh n4 sh -c 'printf "[guests]\nmax = 0\n" >/etc/mosix/mosixd.conf; systemctl reload mosixd'
	ctl drain -q n1
	lab sh n1 sh -c 'rm -f /root/drain.*; mosixctl drain n2 >/root/drain.out 2>/root/drain.err; echo $? >/root/drain.rc' &
	wait_for 10 says "job $id stays for now: no other node can take it: .*n1 \(drained\)"
	wait_for 10 says "n3 \(blocked[^)]*\), n4 \(blocked"
	says "job $(job_id held) stays: it is locked"
	says "interrupt this command ends only the waiting"
	job_is_on waits 2
	# In a script: at once, and when it is interrupted.
	ctl drain --json -W n2 >"$test_tmp/json"
	stays "$id" False "n1 \(drained\)" <"$test_tmp/json"
	stays "$(job_id held)" True "locked" <"$test_tmp/json"
	lab sh n1 timeout -s INT 2 mosixctl drain --json n2 >"$test_tmp/json" 2>"$test_tmp/err" || status=$?
	fails [ "$status" = 0 ]
	stays "$id" False "n3 \(blocked" <"$test_tmp/json"
	assert_match "$(cat "$test_tmp/err")" "the drain goes on"
	ctl unblock n3
	wait_for 20 job_is_on waits 3
	wait_for 10 lab sh n1 test -s /root/drain.rc
	assert_eq "$(lab sh n1 cat /root/drain.rc)" 1 "exit status with a job that is held"
	says "cannot leave where they are"
	counted waits
	counted held
}
# stays JOB HELD REGEX: of the JSON
stays() {
	python3 -c '
import json, re, sys
rows = [r for r in json.load(sys.stdin)["stays"] if r["job"] == sys.argv[1]]
assert rows and rows[0]["held"] == (sys.argv[2] == "True") and re.search(sys.argv[3], rows[0]["text"]), rows' "$@"
}
step "a drain with no node to go to says what is in the way, and goes on when that is gone" nowhere

# ---------------------------------------------------------------- guests

blocks() {
	counting inside -n n2
	ctl block n2
	assert_match "$(lab sh -u alice n1 mosix-run -n n2 true 2>&1)" "takes no jobs of other nodes"
	restart_daemon n2
	assert_match "$(lab sh -u alice n1 mosix-run -n n2 true 2>&1)" "takes no jobs of other nodes"
	assert_eq "$(job_field inside node)" 2 "where a guest is that was there before"
	lab sh n2 mosix-run -n n2 true
	ctl unblock n2
	lab sh -u alice n1 mosix-run -n n2 true
}
step "a blocked node takes no guests and keeps those that it has" blocks

expels() {
	local i own
	for i in 1 2 3; do counting "guest$i" -n n2; done
	own=$(lab sh n2 mosix-run -d -n n2 sleep 1000)
	ctl expel n2
	none_on 2
	lab sh n2 mosixctl ps --json | grep -q "\"$own\""
	for i in 1 2 3; do
		job_goes_on "guest$i"
		counted "guest$i"
	done
	lab sh -u alice n1 mosix-run -n n2 true
	lab sh n2 mosixctl kill "$own"
}
step "expel sends the guests away, once" expels

takes_guests() { # 0 or 1: does n2 say that it takes them
	lab sh n2 mosixctl metrics | grep "^mosix_node_flag{flag=\"no_guests\"} $((1 - $1))" >/dev/null
}
taken_back() {
	local i
	counting kept -n n2
	for i in n3 n4; do ctl block $i; done
	ctl drain -q n1
	lab sh n1 sh -c 'rm -f /root/expel.*; mosixctl expel n2 >/root/expel.err 2>&1; echo $? >/root/expel.rc' &
	wait_for 10 takes_guests 0
	ctl unblock n2
	wait_for 10 lab sh n1 test -s /root/expel.rc
	assert_eq "$(lab sh n1 cat /root/expel.rc)" 1 "exit status of an expel that was taken back"
	assert_match "$(lab sh n1 cat /root/expel.err)" "takes jobs of other nodes again"
	takes_guests 1
	job_is_on kept 2
	counted kept
}
step "unblock takes back an expel that waits" taken_back

at_most_one() { [ "$(job_count_on 2)" -le 1 ]; }
surplus() {
	local i
	for i in 1 2 3; do counting "more$i" -n n2; done
	lab sh n2 sh -c 'printf "[guests]\nmax = 1\n" >/etc/mosix/mosixd.conf; systemctl reload mosixd'
	wait_for 20 at_most_one
	sleep 3 # that no more leave than must
	assert_eq "$(job_count_on 2)" 1 "guests that may stay"
	for i in 1 2 3; do counted "more$i"; done
}
step "guests above a lowered maximum leave" surplus

brings() {
	local i
	for i in 2 3; do counting "back$i" -n n$i; done
	lab sh -u bob n1 mosix-run -d -J bobs -n n2 sleep 1000
	ctl_as alice bring
	for i in 2 3; do
		assert_eq "$(job_field "back$i" node)" 1 "where back$i is"
		counted "back$i"
	done
	assert_eq "$(job_field bobs node)" 2 "where somebody else's job is"
	ctl bring --all
	assert_eq "$(job_field bobs node)" 1
	ctl kill "$(job_id bobs)"
}
step "bring moves a user's jobs home, root's all" brings

# ---------------------------------------------------------------- the rest

settings() {
	ctl stay n2
	ctl balance off n2
	ctl block n2
	assert_eq "$(controls_of n2)" "block stay balance-off "
	restart_daemon n2
	ctl unstay n2
	ctl unblock n2
	assert_eq "$(controls_of n2)" "balance-off "
	lab sh n2 sh -c 'printf "[balance]\nenabled = no\n" >/etc/mosix/mosixd.conf; systemctl reload mosixd'
	assert_match "$(ctl balance on n2 2>&1)" "mosixd.conf"
	lab sh n2 sh -c 'rm /etc/mosix/mosixd.conf; systemctl reload mosixd'
	ctl balance on n2
	assert_eq "$(controls_of n2)" ""
}
step "what is set is kept, and what is taken back is not" settings

speed_of() { # NODE, as n1 hears of it
	lab sh n1 mosixctl nodes --json | python3 -c '
import json, sys
print(*(n["speed"] for n in json.load(sys.stdin)["nodes"] if n["name"] == sys.argv[1]))' "$1"
}
speed_is() { [ "$(speed_of "$1")" = "$2" ]; }
speeds() {
	local measured
	measured=$(speed_of n2)
	assert_between "$measured" 100 1000000 "measured speed"
	ctl speed n2 $((measured * 2))
	wait_for 10 speed_is n2 $((measured * 2))
	restart_daemon n2
	wait_for 10 speed_is n2 $((measured * 2))
	ctl speed n2 0
	wait_for 10 speed_is n2 "$measured"
}
step "a speed that was set counts, also after a restart, until it is taken back" speeds

bad_config() {
	local line
	for line in 'enabled = maybe' 'home_threshold = -1' 'hysteresis = x' 'frob = 1' 'residency = 1e9'; do
		lab sh n2 sh -c "printf '[balance]\n$line\n' >/etc/mosix/mosixd.conf"
		assert_match "$(lab sh n2 mosixctl config check 2>&1)" "mosixd.conf:2" "$line"
	done
	lab sh n2 sh -c "printf '[guests]\nclasses = 1 8\n' >/etc/mosix/mosixd.conf"
	assert_match "$(lab sh n2 mosixctl config check 2>&1)" "mosixd.conf:2" "classes"
	lab sh n2 sh -c "printf '[guests]\nclasses = 0 2 7\n[balance]\nenabled = yes\nhysteresis = 40\n' >/etc/mosix/mosixd.conf"
	lab sh n2 mosixctl config check
}
step "wrong settings are named by file and line" bad_config

try "nothing is left" wait_for 10 no_leftovers
