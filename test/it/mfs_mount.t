#!/bin/bash
# mfs_mount.t - /mfs as users mount it: options, fstab, errors; and that it stays
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
lab_need 3

on_exit 'lab net n2 heal; lab sh n1 sh -c "umount /mfs; rmdir /srv/mfs; sed -i /mfs/d /etc/fstab" 2>/dev/null'
lab sh n1 mkdir -p /mfs /srv/mfs
lab sh n2 sh -c 'echo there >/srv/file && chmod 644 /srv/file && cp /bin/true /srv/true'
wait_for 20 lab sh n1 test -d /run/mosix/mfs/2/etc

# refused STATUS MESSAGE COMMAND...: on n1
refused() {
	local status=$1 message=$2
	shift 2
	assert_status "$status" lab sh n1 "$@" 2>"$test_tmp/error" || return
	assert_match "$(cat "$test_tmp/error")" "$message"
}

options_of() { lab sh n1 findmnt -no OPTIONS "$1"; }

mounted() {
	lab sh n1 mount -t mfs mosix /mfs
	assert_eq "$(lab sh n1 findmnt -no FSTYPE /mfs)" fuse.mfs
	assert_match "$(options_of /mfs)" 'rw,nosuid,nodev'
	assert_eq "$(lab sh -u alice n1 cat /mfs/2/srv/file /mfs/n2/srv/file)" $'there\nthere'
	lab sh n1 sh -c 'echo new >/mfs/2/srv/new && /mfs/2/srv/true'
	assert_eq "$(lab sh n2 cat /srv/new)" new
}

twice() {
	refused 32 'already mounted on /mfs' mount -t mfs mosix /mfs
	# At another place it can be as well.
	lab sh n1 mount -t mfs -o ro,noexec mosix /srv/mfs
	assert_match "$(options_of /srv/mfs)" 'ro,nosuid,nodev,noexec'
	fails lab sh n1 touch /srv/mfs/2/srv/new
	fails lab sh n1 /srv/mfs/2/srv/true
	lab sh n1 touch /mfs/2/srv/new
	lab sh n1 umount /srv/mfs
}

# What is mounted on something shared is shared, too, so that others see it come and go.
shared() {
	# shellcheck disable=SC2016
	lab sh n1 unshare -m --propagation unchanged sh -c 'set -e
		mount -t tmpfs tmpfs /srv/mfs && mount --make-shared /srv/mfs && mkdir /srv/mfs/mfs
		mount -t mfs mosix /srv/mfs/mfs
		[ "$(findmnt -no PROPAGATION /srv/mfs/mfs)" = shared ]
		umount -R /srv/mfs'
}

remounted() {
	lab sh n1 mount -o remount,ro /mfs
	assert_match "$(options_of /mfs)" 'ro,nosuid,nodev'
	fails lab sh n1 touch /mfs/2/srv/new
	lab sh n1 mount -o remount,rw,noexec /mfs
	assert_match "$(options_of /mfs)" 'rw,nosuid,nodev,noexec'
	fails lab sh n1 /mfs/2/srv/true
	lab sh n1 mount -o remount,rw,exec,suid,dev /mfs
	assert_match "$(options_of /mfs)" 'rw,nosuid,nodev,[^n]' "never set-user-id programs and devices"
	lab sh n1 /mfs/2/srv/true
	refused 32 'not mounted on /srv/mfs' mount.mfs mosix /srv/mfs -o remount,ro
}

wrong() {
	refused 1 "unknown mount option 'frobnicate'" mount -t mfs -o ro,frobnicate mosix /srv/mfs
	refused 32 'No such file' mount.mfs mosix /srv/none
	refused 1 usage: mount.mfs mosix
	refused 1 usage: mount.mfs -X mosix /srv/mfs
	refused 32 'is mosixd running' unshare -m sh -c 'umount -l /run/mosix/mfs; mount -t mfs mosix /srv/mfs'
	fails lab sh -u alice n1 mount.mfs mosix /srv/mfs
	fails lab sh n1 mountpoint -q /srv/mfs
}

unmounted() {
	lab sh n1 umount /mfs
	fails lab sh n1 mountpoint -q /mfs
	refused 32 'not mounted' umount /mfs
	lab sh n1 test -d /run/mosix/mfs/2/etc
}

# The line of mount.mfs(8).
in_fstab() {
	lab sh n1 sh -c 'echo "mosix /mfs mfs noauto,_netdev,nofail,x-systemd.requires=mosixd.service 0 0" >>/etc/fstab
		systemctl daemon-reload && mount /mfs'
	assert_eq "$(lab sh n1 cat /mfs/2/srv/file)" there
	lab sh n1 umount /mfs
	lab sh n1 systemctl start mfs.mount
	assert_eq "$(lab sh n1 cat /mfs/2/srv/file)" there
}

# A program has a file of n2 open. go_on: it reads on in it, and says what it has read.
with_open_file() {
	local reader
	lab sh n1 rm -f /run/go /run/open
	lab sh n1 sh -c 'exec 3</mfs/2/srv/file && touch /run/open &&
		while [ ! -e /run/go ]; do sleep 0.1; done; cat <&3' >"$test_tmp/read" &
	reader=$!
	wait_for 10 lab sh n1 test -e /run/open
	"$@"
	lab sh n1 touch /run/go
	wait "$reader"
	assert_eq "$(cat "$test_tmp/read")" there "what was open"
	assert_eq "$(lab sh n1 cat /mfs/2/srv/file)" there "opened anew"
}

main_pid() { lab sh "$1" systemctl show -P MainPID mosixd; }
restart() { lab sh "$1" systemctl restart mosixd; }
stop_and_start() {
	lab sh n1 systemctl stop mosixd
	assert_eq "$(lab sh n1 cat /mfs/2/srv/file)" there "without a daemon"
	lab sh n1 systemctl start mosixd
	wait_for 10 knows_client
}
# The new daemon has what it needs to start another mosix-mfs on the same mount.
knows_client() { assert_eq "$(lab sh n1 systemctl show -P NFileDescriptorStore mosixd)" 2; }
kill_daemon() {
	local pid
	pid=$(main_pid "$1")
	lab sh "$1" systemctl kill -s KILL --kill-whom=main mosixd
	wait_for 20 new_daemon "$1" "$pid"
}
new_daemon() {
	local pid
	lab sh "$1" systemctl is-active mosixd && pid=$(main_pid "$1") && [ "$pid" != "$2" ] && [ "$pid" != 0 ]
}

kill_client() {
	local pid
	pid=$(lab sh n1 pgrep -x mosix-mfs)
	lab sh n1 kill -9 "$pid"
	wait_for 20 new_client "$pid"
}
new_client() {
	local pid
	pid=$(lab sh n1 pgrep -x mosix-mfs) && [ "$pid" != "$1" ]
}
stop_kill_start() {
	stop_and_start
	kill_client
}

cut_and_heal() {
	lab net n2 cut
	fails lab sh n1 timeout 30 cat /mfs/2/srv/file
	lab sh n1 ls /mfs/3/ >/dev/null
	lab net n2 heal
	wait_for 20 lab sh n1 cat /mfs/2/srv/file
}


try "mount -t mfs mosix /mfs" mounted
try "not twice at one place; read-only and noexec at another" twice
try "shared where its directory is" shared
try "other options later" remounted
try "what is wrong is said" wrong
try "umount" unmounted
try "the line in fstab, mount(8) and systemd" in_fstab
try "what is open stays: mosixd is restarted" with_open_file restart n1
try "... at the other node" with_open_file restart n2
try "... mosixd is killed" with_open_file kill_daemon n1
try "... at the other node" with_open_file kill_daemon n2
try "... mosixd is stopped for a time" with_open_file stop_and_start
try "... mosix-mfs is killed" with_open_file kill_client
try "... under a mosixd that did not start it" with_open_file stop_kill_start
try "... the network is cut" with_open_file cut_and_heal
try "umount" unmounted
