#!/bin/bash
# Full file systems: the journal's (/run/mosix), the sequences' (/var/lib/mosix), and what a job writes to.
# What cannot be written down is not begun; what runs goes on; the reason is said.
# time limit: 400 s
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 4
unbalanced

# shellcheck disable=SC2016
fill_run() {
	lab sh "$1" sh -c 'mount -o remount,size=$(($(df -k --output=used /run | tail -n 1)))k /run
		cat /dev/zero >/run/fill 2>/dev/null; ! echo x >>/run/fill' 2>/dev/null
}
free_run() { lab sh "$1" sh -c 'rm -f /run/fill; mount -o remount,size=50% /run'; }

cover_state() { # with a small file system
	lab sh "$1" sh -c 'cp -a /var/lib/mosix /tmp/state && mount -t tmpfs -o size=64k,mode=700 none /var/lib/mosix &&
		cp -a /tmp/state/. /var/lib/mosix/'
}
uncover_state() { lab sh "$1" sh -c 'rm -f /var/lib/mosix/fill; cp -a /var/lib/mosix/. /tmp/state/; umount /var/lib/mosix && cp -a /tmp/state/. /var/lib/mosix/; rm -r /tmp/state'; }
fill_state() { lab sh "$1" sh -c 'cat /dev/zero >/var/lib/mosix/fill; ! echo x >>/var/lib/mosix/fill' 2>/dev/null; }

restore() {
	local n
	for n in n1 n2 n3; do
		free_run $n
		lab sh $n rm -rf /run/mosix-fail
	done
	lab sh n1 sh -c 'mountpoint -q /var/lib/mosix' && uncover_state n1 && lab sh n1 systemctl restart mosixd
	lab sh n1 umount /srv/small
}
on_exit "restore >/dev/null 2>&1"

# step NAME FUNCTION…: one that fills something
step() {
	try "$@"
	restore >/dev/null 2>&1
}

where() { assert_eq "$(job_field "$1" node)" "$2" node; }
is_back() { lab sh -u alice n1 mosix-run -n "$1" true; }
daemons() { lab sh "$1" pidof mosixd mosix-mfs mosix-mfsd; }

count_up='sh -c "i=0; while [ ! -e stop ]; do echo \$i; i=\$((i+1)); sleep 0.1; done; exit 7"'

prepare() {
	lab sh -u alice n1 mkdir -p work
	job_dir runner
	job_start runner -- "$count_up"
	job_move runner n2
	for n in n1 n2 n3; do daemons $n >"$test_tmp/daemons.$n"; done
}
try_or_end "a job runs" prepare

no_start_at_home() {
	fill_run n1
	assert_status 125 lab sh -u alice n1 mosix-run true >"$test_tmp/out" 2>&1
	cat "$test_tmp/out"
	grep -q "No space left" "$test_tmp/out" && grep -q "/run/mosix" "$test_tmp/out"
	job_goes_on runner
	lab sh n1 mosixctl ps >/dev/null
	free_run n1
	is_back 1
}
step "/run is full at home: no job starts, and why" no_start_at_home

no_start_remotely() {
	local status=0
	fill_run n3
	lab sh -u alice n1 mosix-run -n n3 true >"$test_tmp/out" 2>&1 || status=$?
	cat "$test_tmp/out"
	[ $status = 0 ] || { [ $status = 125 ] && grep -q "No space left" "$test_tmp/out"; }
	free_run n3
	is_back 3
}
step "/run is full where a job shall start: it does, or is refused with the reason" no_start_remotely

no_numbers() {
	cover_state n1
	fill_state n1
	lab sh n1 systemctl restart mosixd
	job_goes_on runner
	assert_status 125 lab sh -u alice n1 mosix-run true >"$test_tmp/out" 2>&1
	cat "$test_tmp/out"
	grep -q "No space left" "$test_tmp/out" && grep -q "/var/lib/mosix" "$test_tmp/out"
	lab sh n1 mosixctl migrate "$(job_id runner)" n3 >"$test_tmp/out" 2>&1 && where runner 3 || {
		cat "$test_tmp/out"
		grep -q "No space left" "$test_tmp/out" && grep -q "/var/lib/mosix" "$test_tmp/out"
		where runner 2
	}
	job_goes_on runner
	uncover_state n1
	is_back 1
	job_move runner n2
}
step "/var/lib/mosix is full at home: no new numbers, nothing is lost" no_numbers
daemons n1 >"$test_tmp/daemons.n1"

no_move() { # NODE: whose /run is full
	local status=0
	fill_run "$1"
	lab sh n1 timeout 60 mosixctl migrate "$(job_id runner)" n3 >"$test_tmp/out" 2>&1 || status=$?
	cat "$test_tmp/out"
	if [ $status = 0 ]; then
		where runner 3
	else
		assert_eq $status 1 "exit status"
		grep -qE "No space left|/run/mosix" "$test_tmp/out"
		where runner 2
	fi
	job_goes_on runner
	free_run "$1"
	job_move runner n3
	job_goes_on runner
	job_move runner n2
}
step "/run is full at home: a move is done or refused with the reason" no_move n1
step "… at the source" no_move n2
step "… at the destination" no_move n3

# fills_in_between NODE POINT FULL: the move waits at a fail point of NODE while FULL's /run becomes full
fills_in_between() {
	local status=0
	lab sh n1 sh -c 'grep -qa /run/mosix-fail /usr/sbin/mosixd' || skip "needs a build with -Dfailpoints=true"
	lab sh "$1" sh -c "mkdir -p /run/mosix-fail && echo pause >/run/mosix-fail/$2"
	lab sh n1 timeout 100 mosixctl migrate "$(job_id runner)" n3 >"$test_tmp/out" 2>&1 &
	wait_for 20 lab sh "$1" test -e "/run/mosix-fail/$2.reached"
	fill_run "$3"
	lab sh "$1" rm "/run/mosix-fail/$2" "/run/mosix-fail/$2.reached"
	wait $! || status=$?
	cat "$test_tmp/out"
	if [ $status = 0 ]; then
		where runner 3
	else
		where runner 2
		grep -qE "No space left|/run/mosix" "$test_tmp/out"
	fi
	job_goes_on runner
	free_run "$3"
	job_move runner n3
	job_goes_on runner
	job_move runner n2
}
step "/run becomes full at home during a move" fills_in_between n2 ckpt.confirmed n1
step "… at the source" fills_in_between n2 ckpt.confirmed n2
step "… at the destination" fills_in_between n3 ckpt.received n3

small() {
	lab sh n1 sh -c 'umount /srv/small 2>/dev/null; mkdir -p /srv/small && mount -t tmpfs -o size=1M,mode=1777 none /srv/small'
}

# What a program sees when its disk is full; the same at home and elsewhere
writer='import errno, os, sys
fd = os.open("/srv/small/file", os.O_WRONLY | os.O_CREAT, 0o644)
done = 0
try:
    while True:
        done += os.write(fd, b"x" * 65536)
except OSError as e:
    print(errno.errorcode[e.errno])
print("fsync", os.fsync(fd), "close", os.close(fd), done == os.stat("/srv/small/file").st_size, done)
try:
    os.mkdir("/srv/small/d")
    with open("/srv/small/d/more", "w") as f:
        f.write("y" * 9000)
except OSError as e:
    print(errno.errorcode[e.errno])
os.unlink("/srv/small/file")
with open("/srv/small/d/more", "w") as f:
    print(f.write("y" * 9000))'

no_space_for_jobs() {
	local n
	for n in 0 1 2 3; do
		small
		# shellcheck disable=SC2046
		lab sh -u alice n1 $([ $n = 0 ] || echo mosix-run -n $n) python3 -c "$writer" >"$test_tmp/out.$n" 2>&1
		grep -q ENOSPC "$test_tmp/out.$n"
		cmp "$test_tmp/out.0" "$test_tmp/out.$n"
	done
}
step "a job whose own disk is full sees ENOSPC, wherever it runs" no_space_for_jobs

# As in a shell: a program that cannot write its output fails; here it is mosix-run that writes.
no_space_for_output() {
	local n
	for n in 1 2; do
		small
		lab sh n1 sh -c 'cat /dev/zero >/srv/small/fill' 2>/dev/null || true
		if lab sh -u alice n1 timeout 30 bash -c "mosix-run -n $n seq 100000 >/srv/small/out" 2>"$test_tmp/err"; then
			echo "it claims that all went well"
			return 1
		fi
		cat "$test_tmp/err"
		[ $? != 124 ]
		grep -q "No space left" "$test_tmp/err"
	done
}
step "output that cannot be written is an error" no_space_for_output

ends() {
	local n
	fill_run n1
	lab sh -u alice n1 touch work/runner/stop
	wait_for 20 job_ended runner
	assert_eq "$(lab sh n1 cat "$job_base/work/runner/rc")" 7 "exit status"
	lab sh n1 sh -c "cd $job_base/work/runner && seq 0 \$((\$(wc -l <out) - 1)) | cmp - out"
	free_run n1
	for n in n1 n2 n3; do assert_eq "$(daemons $n)" "$(cat "$test_tmp/daemons.$n")" "daemons of $n"; done
}
step "a job that ends while /run is full at home: status and output are right" ends
# The deputy cannot take the end, home cannot write it down, the link breaks, home's daemon dies: only the
# guest still knows it.
end_with_the_guest() {
	local deputy
	job_dir kept
	job_start kept --node 2 -- "$count_up"
	deputy=$(job_field kept pid)
	lab sh n1 kill -STOP "$deputy"
	wait_for 10 is_stopped
	fill_run n1
	# shellcheck disable=SC2016
	lab sh n2 sh -c 'kill -KILL $(pgrep -P $(pgrep -x mosix-init))'
	wait_for 20 lab sh n1 sh -c 'journalctl -q -b -u mosixd -o cat | grep "cannot write that it has ended"'
	lab net n2 cut
	wait_for 20 link_is False
	lab net n2 heal
	wait_for 20 link_is True
	lab sh n1 systemctl kill --kill-whom=main -s KILL mosixd
	free_run n1
	lab sh n1 kill -CONT "$deputy"
	wait_for 20 job_ended kept
	assert_eq "$(lab sh n1 cat "$job_base/work/kept/rc")" 137 "exit status"
}
link_is() {
	assert_eq "$(lab sh n1 mosixctl nodes --json |
		python3 -c 'import json, sys; print(*[n["up"] for n in json.load(sys.stdin)["nodes"] if n["node"] == 2])')" "$1" "n2 is up"
}
is_stopped() { assert_eq "$(job_field kept state)" stopped; }
step "an end that only the guest still knows is not forgotten" end_with_the_guest
try "nothing is left" wait_for 20 no_leftovers
