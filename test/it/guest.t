#!/bin/bash
# Guest processes without their daemon: what a job sees, its streams and its terminal, and moves between
# two guests of one node. The tests themselves are in guest/run.py and guest/move.py.
. "${0%/*}/lib.sh"
lab_need 4
node=n4

# The guests dial the daemon's socket, which the test takes its place on.
on_exit "lab sh $node systemctl start mosixd" >/dev/null 2>&1
lab sh "$node" systemctl stop mosixd
lab sh "$node" mkdir -p /root/guest-test
for f in guest/guestlib.py guest/run.py guest/move.py ../../proto/mosix.proto; do
	lab push "$node" "$test_dir/$f" "/root/guest-test/${f##*/}"
done
requires "protoc makes no Python module there" lab sh "$node" \
	protoc -I/root/guest-test --python_out=/root/guest-test /root/guest-test/mosix.proto

# part FILE: each of its tests is a step here
part() {
	local line
	lab sh "$node" env MOSIX_PB=/root/guest-test python3 "/root/guest-test/$1" >"$test_tmp/$1" 2>&1
	while read -r line; do
		case $line in
		'ok '*) try "$1: ${line#ok * - }" true ;;
		'not ok '*) try "$1: ${line#not ok * - }" fail_with "$test_tmp/$1" ;;
		esac
	done < <(grep -E '^(not )?ok ' "$test_tmp/$1")
	grep -qE '^1\.\.' "$test_tmp/$1" || try "$1 came to its end" fail_with "$test_tmp/$1"
}
fail_with() {
	tail -n 80 "$1"
	return 1
}

part run.py
part move.py
