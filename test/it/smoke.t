#!/bin/bash
# smoke.t - four nodes boot, mosixd is active on each, and they know their place
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"

lab_need 4

nodes=(n1 n2 n3 n4)

all_running() {
	local n
	for n in "${nodes[@]}"; do
		assert_eq "$(lab sh "$n" systemctl is-system-running)" running "$n"
	done
}
try "systemd is running on every node" all_running

all_active() {
	local n
	lab sh n1 test -e /usr/lib/systemd/system/mosixd.service || skip "mosixd is not installed"
	for n in "${nodes[@]}"; do
		assert_eq "$(lab sh "$n" systemctl is-active mosixd)" active "$n"
	done
}
try "mosixd is active on every node" all_active

all_reach_all() {
	local a b
	for a in "${nodes[@]}"; do
		for b in "${nodes[@]}"; do
			lab sh "$a" ping -qc 1 -W 2 "$b"
		done
	done
}
try "every node reaches every other" all_reach_all
