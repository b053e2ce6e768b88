#!/bin/bash
# Errors in mosixd.conf, mosix.map and cluster.key: a start is refused with the file and the line, a
# reload is refused and what ran goes on.
# build: sanitizers
# time limit: 300 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
lab_need 4

restore() {
	local n
	for n in n1 n4; do
		lab sh $n sh -c 'cd /etc/mosix && rm -rf mosixd.conf mosix.map cluster.key && cp -a /root/good/. . && systemctl reset-failed mosixd; systemctl reload-or-restart mosixd'
	done
}
for n in n1 n4; do lab sh $n sh -c 'rm -rf /root/good; cp -a /etc/mosix /root/good'; done
on_exit "restore >/dev/null 2>&1"

# damage NODE FILE SHELL-COMMAND: from good files; the command writes the new contents, {} is its name
damage() {
	lab sh "$1" sh -c "cd /etc/mosix && rm -rf mosixd.conf mosix.map cluster.key && cp -a /root/good/. . && $(sed "s,{},/etc/mosix/$2,g" <<<"$3")"
}

# start_fails FILE COMMAND PATTERN: on n4, whose daemon is stopped; the message is what a user reads
start_fails() {
	local status=0
	damage n4 "$1" "$2"
	lab sh n4 timeout 20 /usr/sbin/mosixd >"$test_tmp/out" 2>&1 || status=$?
	assert_eq $status 1 "exit status of mosixd: $(head -c 2000 "$test_tmp/out")"
	assert_match "$(head -c 2000 "$test_tmp/out")" "$3" "what mosixd says"
	assert_eq "$(wc -l <"$test_tmp/out")" 1 "lines that it says"
	status=0
	lab sh n4 mosixctl config check >"$test_tmp/out" 2>&1 || status=$?
	assert_eq $status 1 "exit status of mosixctl config check: $(head -c 2000 "$test_tmp/out")"
	assert_match "$(head -c 3000 "$test_tmp/out")" "$3" "what mosixctl says"
}

log_since() { lab sh n1 journalctl -q -o cat -u mosixd --after-cursor "$1" | head -c 20000; }
refused() { log_since "$1" | grep -q "not reloaded"; }

# reload_fails FILE COMMAND PATTERN: on n1
reload_fails() {
	local cursor pid
	cursor=$(lab sh n1 journalctl -q -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
	pid=$(lab sh n1 pidof mosixd)
	damage n1 "$1" "$2"
	lab sh n1 systemctl reload mosixd
	wait_for 10 refused "$cursor"
	assert_match "$(log_since "$cursor")" "$3" "the log"
	assert_eq "$(lab sh n1 pidof mosixd)" "$pid" "process of mosixd"
	lab sh n1 mosixctl nodes --json | python3 -c '
import json, sys
nodes = {n["node"]: n for n in json.load(sys.stdin)["nodes"]}
sys.exit(not (len(nodes) == 4 and nodes[2]["up"] and nodes[3]["up"]))'
}

bad() { # FILE COMMAND PATTERN
	start_fails "$@"
	reload_fails "$@"
}

stop_n4() {
	lab sh n4 systemctl stop mosixd
	lab sh n4 sh -c '! pidof mosixd'
}
try_or_end "n4 has no daemon" stop_n4

conf() { try "mosixd.conf: $1" bad mosixd.conf "$2" "$3"; }
conf "unknown key" 'printf "[node]\nnumbr = 1\n" >{}' 'mosixd\.conf:2: unknown key: numbr'
conf "unknown section" 'printf "\n\n[nodes]\nport = 1\n" >{}' 'mosixd\.conf:[34]: unknown section: nodes'
conf "no section" 'printf "port = 7250\n" >{}' 'mosixd\.conf:1: a \[section\]'
conf "bad number" 'printf "[node]\nport = 72x\n" >{}' 'mosixd\.conf:2: port must be a number from 1 to 65535: 72x'
conf "number out of range" 'printf "[node]\nport = 99999999999999999999\n" >{}' 'mosixd\.conf:2: port must be'
conf "negative number" 'printf "[guests]\nmax = -1\n" >{}' 'mosixd\.conf:2: max must be'
conf "bad level" 'printf "[log]\nlevel = loud\n" >{}' 'mosixd\.conf:2: level must be'
conf "relative path" 'printf "[node]\nmap = mosix.map\n" >{}' 'mosixd\.conf:2: an absolute path'
conf "set twice" 'printf "[node]\nport = 7250\nport = 7250\n" >{}' 'mosixd\.conf:3: this is set a second time: port'
conf "no assignment" 'printf "[node]\nport\n" >{}' 'mosixd\.conf:2: '
conf "a number that is not in the map" 'printf "[node]\nnumber = 77\n" >{}' 'node 77'
conf "a map that is not there" 'printf "[node]\nmap = /etc/mosix/none\n" >{}' '/etc/mosix/none.*No such file'
conf "a key that is not there" 'printf "[node]\nkey = /etc/mosix/none\n" >{}' '/etc/mosix/none.*No such file'
conf "binary" 'head -c 5000 /bin/true >{}' 'mosixd\.conf(:[0-9]+)?[: ]'
conf "a line of 1 MB" 'head -c 1000000 /dev/zero | tr "\0" x >{}' 'mosixd\.conf'
conf "10 MB" 'yes "# comment" | head -c 10000000 >{}' 'mosixd\.conf.*(too large|large)'
conf "a directory" 'rm {}; mkdir {}' 'mosixd\.conf.*(directory)'
conf "an endless file" 'rm {}; ln -s /dev/zero {}' 'mosixd\.conf'

map() { try "mosix.map: $1" bad mosix.map "$2" "$3"; }
map "empty" ': >{}' 'mosix\.map: there is no node'
map "only comments" 'printf "# nothing\n\n" >{}' 'mosix\.map'
map "missing" 'rm {}' 'mosix\.map.*No such file'
map "not numbers" 'printf "one 10.77.0.1 4\n" >{}' 'mosix\.map:1: '
map "too few fields" 'printf "# x\n1 10.77.0.1\n" >{}' 'mosix\.map:2: '
map "number 0" 'printf "0 10.77.0.1 4\n" >{}' 'mosix\.map:1: '
map "number too large" 'printf "65535 10.77.0.1 4\n" >{}' 'mosix\.map:1: '
map "count 0" 'printf "1 10.77.0.1 0\n" >{}' 'mosix\.map:1: '
map "count of billions" 'printf "1 10.77.0.1 4000000000\n" >{}' 'mosix\.map:1: '
map "addresses past the end" 'printf "1 255.255.255.254 4\n" >{}' 'mosix\.map:1: '
map "a bad address" 'printf "1 10.77.0.300 4\n" >{}' 'mosix\.map:1: '
map "overlapping numbers" 'printf "1 10.77.0.1 4\n3 10.78.0.1 2\n" >{}' 'mosix\.map:2: '
map "overlapping addresses" 'printf "1 10.77.0.1 4\n11 10.77.0.2 2\n" >{}' 'mosix\.map:2: '
try "mosix.map: this machine is not in it" reload_fails mosix.map 'printf "1 10.88.0.1 4\n" >{}' 'mosix\.map: none of this machine'
map "binary" 'head -c 5000 /bin/true >{}' 'mosix\.map'
map "10 MB" 'yes "1 10.77.0.1 4" | head -c 10000000 >{}' 'mosix\.map'
map "a directory" 'rm {}; mkdir {}' 'mosix\.map.*(directory)'

key() { try "cluster.key: $1" bad cluster.key "$2" "$3"; }
key "missing" 'rm {}' 'cluster\.key.*No such file'
key "readable by others" 'chmod 644 {}' 'cluster\.key.*mode 0644'
key "of another user" 'chown alice {}' 'cluster\.key belongs to user 1001'
key "empty" ': >{}' 'cluster\.key is not a cluster key'
key "too short" 'echo abcdef >{}' 'cluster\.key is not a cluster key'
key "no digits" 'head -c 64 /dev/zero | tr "\0" z >{}' 'cluster\.key is not a cluster key'
key "too long" 'cat {} {} >/tmp/k; cat /tmp/k >{}' 'cluster\.key is not a cluster key'
key "10 MB" 'head -c 10000000 /dev/zero >{}' 'cluster\.key is not a cluster key'
key "a directory" 'rm {}; mkdir -m 700 {}' 'cluster\.key is not a regular file'
key "a device" 'rm {}; ln -s /dev/zero {}' 'cluster\.key is not a regular file'

crlf() { # what a Windows editor makes of good files is understood, or refused with the line
	damage n4 mosix.map 'sed -i "s/$/\r/" {}; printf "[log]\r\nlevel = info\r\n" >/etc/mosix/mosixd.conf'
	lab sh n4 mosixctl config check >"$test_tmp/out" 2>&1 || grep -qE '(mosix\.map|mosixd\.conf):[0-9]+: ' "$test_tmp/out"
	cat "$test_tmp/out"
	damage n1 mosix.map 'sed -i "s/$/\r/" {}; printf "[log]\r\nlevel = info\r\n" >/etc/mosix/mosixd.conf'
	lab sh n1 systemctl reload mosixd
	lab sh n1 mosixctl nodes
}
try "lines that end in CR LF" crlf

status_shows_it() {
	damage n4 mosixd.conf 'printf "[node]\nnumbr = 1\n" >{}'
	fails lab sh n4 systemctl start mosixd
	wait_for 10 in_status 'mosixd.conf:2: unknown key: numbr'
	wait_for 10 in_status 'status=1/FAILURE|code=exited'
	damage n4 mosixd.conf :
	wait_for 30 lab sh n4 systemctl is-active mosixd
}
in_status() { { lab sh n4 systemctl status mosixd || true; } | grep -E "$1"; }
try "systemctl status shows it, and mosixd comes up by itself once it is mended" status_shows_it
