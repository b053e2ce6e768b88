#!/bin/bash
# mfs.t - the cluster file system without a cluster: server and clients in one set of namespaces
# time limit: 600 s
#
# Two clients (A and B) have the same server mounted; what it serves is a tree of its own that the
# test also sees directly ("home"). Everything runs once on ext4 and once on overlayfs, which has no
# file handles.
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"

if [ -z "${MFS_IN_ROOT:-}" ]; then
	lab build >"$test_tmp/build" 2>&1 || {
		cat "$test_tmp/build"
		exit 1
	}
	trap - EXIT
	rm -rf "$test_tmp"
	exec "$lab_command" root env MFS_IN_ROOT=1 "MFS_ONLY=${MFS_ONLY:-}" /src/test/it/mfs.t
fi

bin=${MFS_BIN:-/build/mfsfuse}
tools=$test_dir/mfs
requires "there is no FUSE here" test -c /dev/fuse

home=$test_tmp/home # what the server serves
A=$test_tmp/A/1     # the same through one client
B=$test_tmp/B/1     # and through another
key=$test_tmp/key
addr=127.0.0.1:7251
pids=()
server_files=4096 # descriptors that the server may have
chmod 755 "$test_tmp"

# ---------------------------------------------------------------- server and clients

# The served tree has users of its own: alice is in the group team.
make_tree() {
	mkdir -p "$1"/{etc,tmp,proc,sys,dev,run,srv,home/alice}
	printf '%s\n' root:x:0:0::/root:/bin/sh alice:x:1001:1001::/home/alice:/bin/sh \
		bob:x:1002:1002::/home/bob:/bin/sh >"$1/etc/passwd"
	printf '%s\n' root:x:0: alice:x:1001: bob:x:1002: team:x:2001:alice >"$1/etc/group"
	chmod 1777 "$1/tmp"
	chown 1001:1001 "$1/home/alice"
}

start_server() {
	(
		ulimit -n "$server_files"
		exec "$bin/mosix-mfsd" --listen "$addr" --key "$key" --root "$home" \
			--socket "$test_tmp/server.sock" 2>>"$test_tmp/server.log"
	) &
	echo $! >"$test_tmp/server.pid"
	wait_for 5 test -S "$test_tmp/server.sock"
	wait_for 5 bash -c "exec 3<>/dev/tcp/${addr/:/\/}"
}

start_client() { # NAME [OPTION...]
	local name=$1
	shift
	mkdir -p "$test_tmp/$name"
	"$bin/mosix-mfs" --node "1=$addr" --key "$key" "$@" "$test_tmp/$name" 2>>"$test_tmp/$name.log" &
	echo $! >"$test_tmp/$name.pid"
	pids+=($!)
	wait_for 5 mountpoint -q "$test_tmp/$name"
}

stop() { # NAME
	local pid
	pid=$(cat "$test_tmp/$1.pid" 2>/dev/null) || return 0
	umount -l "$test_tmp/$1" 2>/dev/null || true
	kill -9 "$pid" 2>/dev/null || true
	gone "$pid"
	rm -f "$test_tmp/$1.pid"
}

gone() { wait_for 5 fails kill -0 "$1"; }

kill_server() {
	server_signal KILL
	gone "$(cat "$test_tmp/server.pid")"
}

server_signal() {
	local pid
	pid=$(cat "$test_tmp/server.pid")
	kill "-$1" "$pid"
	# One of its threads takes note first; until then the others go on.
	[ "$1" != STOP ] || wait_for 5 stopped "$pid"
}
stopped() { fails grep -qv ') T ' <(cat /proc/"$1"/task/*/stat); }

# as UID COMMAND...: with no group but the user's own
as() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups -- "$@"
}

# fresh NAME: an empty directory in the served tree that everybody may write to; sets d
fresh() {
	d=srv/$1
	rm -rf "${home:?}/$d"
	mkdir -m 1777 "$home/$d"
}

# ---------------------------------------------------------------- metadata

# Made the same way at home and through the mount, two trees must not differ in anything.
same_as_local() {
	fresh same
	mkdir "$home/$d/local" "$home/$d/mfs"
	(cd "$home/$d/local" && umask 022 && bash -e "$tools/metadata.sh")
	(cd "$A/$d/mfs" && umask 022 && bash -e "$tools/metadata.sh")
	assert_eq "$(describe "$home/$d/mfs")" "$(describe "$home/$d/local")" "seen at home"
	assert_eq "$(describe "$A/$d/mfs")" "$(describe "$home/$d/local")" "seen through the mount"
	# The very same inode numbers and directory order.
	assert_eq "$(cd "$A/$d/mfs" && find . -printf '%i %p %b\n')" \
		"$(cd "$home/$d/mfs" && find . -printf '%i %p %b\n')" "inode numbers"
}

describe() {
	(cd "$1" && find . -type d -printf '%P %y %m %n %U %G %T@\n' -o -type l -printf '%P %y %m %n %U %G %l %T@\n' \
		-o -printf '%P %y %m %n %s %U %G %T@ %A@\n' | sort
	getfattr -R -h -d -m - . 2>/dev/null | sort)
}

umask_and_acl() {
	fresh acl
	(umask 027 && touch "$A/$d/f" && mkdir "$A/$d/g")
	assert_eq "$(stat -c %a "$home/$d/f") $(stat -c %a "$home/$d/g")" "640 750"
	setfacl -d -m u:1002:rw,g::rw,o::- "$home/$d/g"
	(umask 077 && touch "$A/$d/g/f" "$home/$d/g/local")
	assert_eq "$(getfacl -cpn "$A/$d/g/f")" "$(getfacl -cpn "$home/$d/g/local")" "inherited list"
	setfacl -m u:1001:rwx "$A/$d/f"
	assert_match "$(getfacl -cpn "$home/$d/f")" user:1001:rwx
}

statfs_like_home() {
	assert_eq "$(stat -f -c '%s %S %b %c %l' "$A/srv")" "$(stat -f -c '%s %S %b %c %l' "$home/srv")"
}

rename_kinds() {
	fresh rename
	echo a >"$A/$d/a" && echo b >"$A/$d/b"
	python3 "$tools/rename.py" "$A/$d"
	assert_eq "$(cat "$home/$d/a")" b
	mv "$A/$d/a" "$A/$d/c"
	assert_eq "$(cat "$home/$d/c")" b
	mkdir -p "$A/$d/x/y"
	fails mv "$A/$d/x" "$A/$d/x/y/z"
}

big_directory() {
	local n
	fresh big
	mkdir "$home/$d/many"
	(cd "$A/$d/many" && seq -f 'a-name-of-some-length-%g' 10000 | xargs touch)
	# shellcheck disable=SC2012
	n=$(ls -U "$A/$d/many" | wc -l)
	assert_eq "$n" 10000 "names"
	assert_eq "$(ls -U "$A/$d/many" | sort | md5sum)" "$(ls -U "$home/$d/many" | sort | md5sum)"
	python3 "$tools/readdir.py" "$A/$d/many"
	rmdir "$A/$d/many"
}

# ---------------------------------------------------------------- who may do what

permissions() {
	fresh perm
	echo secret >"$home/$d/root-only" && chmod 600 "$home/$d/root-only"
	install -o 1001 -g 1001 -m 600 /dev/null "$home/$d/alice"
	install -o 0 -g 2001 -m 660 /dev/null "$home/$d/team"
	mkdir -m 700 "$home/$d/closed" && echo x >"$home/$d/closed/f" && chmod 644 "$home/$d/closed/f"
	fails as 1001 cat "$A/$d/root-only"
	fails as 1001 cat "$A/$d/closed/f"
	fails as 1001 ls "$A/$d/closed"
	fails as 1001 test -r "$A/$d/root-only"
	fails as 1001 bash -c "echo x >'$A/$d/root-only'"
	fails as 1002 cat "$A/$d/alice"
	as 1001 bash -c "echo mine >'$A/$d/alice' && cat '$A/$d/alice'"
	# The group comes from the server's user database, not from what the client says.
	as 1001 bash -c "echo ours >'$A/$d/team'"
	fails as 1002 bash -c "echo x >'$A/$d/team'"
	fails setpriv --reuid 1002 --regid 2001 --clear-groups cat "$A/$d/team"
	fails setpriv --reuid 1002 --regid 1002 --groups 2001,0 cat "$A/$d/team"
	cat "$A/$d/root-only" "$A/$d/closed/f"
	# What one user has just looked up is no answer for another.
	cat "$A/$d/closed/f" && fails as 1001 cat "$A/$d/closed/f"
}

native_ownership() {
	fresh own
	as 1001 touch "$A/$d/f"
	assert_eq "$(stat -c '%u %g' "$home/$d/f")" "1001 1001"
	fails as 1001 chown 1002 "$A/$d/f"
	fails as 1002 chmod 777 "$A/$d/f"
	as 1001 chgrp 2001 "$A/$d/f"
	fails as 1001 chgrp 1002 "$A/$d/f"
	as 1001 chmod 4755 "$A/$d/f"
	assert_eq "$(stat -c %a "$home/$d/f")" 4755
	as 1001 bash -c "echo x >>'$A/$d/f'"
	assert_eq "$(stat -c %a "$home/$d/f")" 755 "after a write, set-user-id"
	chmod 6755 "$A/$d/f" && chown 1002:1002 "$A/$d/f"
	assert_eq "$(stat -c %a "$home/$d/f")" 755 "after chown, set-user-id"
	mkdir "$A/$d/s" && chmod 3777 "$A/$d/s" && touch "$A/$d/s/root"
	fails as 1001 rm -f "$A/$d/s/root"
	as 1001 touch "$A/$d/s/alice"
	fails as 1002 rm -f "$A/$d/s/alice"
	as 1001 rm "$A/$d/s/alice"
}

# Everything that a capability other than those of the fsuid would allow.
no_capabilities() {
	fresh caps
	install -o 1001 -m 755 /bin/true "$home/$d/f"
	fails as 1001 mknod "$A/$d/dev" c 1 3
	fails as 1001 setcap cap_net_raw+ep "$A/$d/f"
	fails as 1001 setfattr -n trusted.x -v 1 "$A/$d/f"
	fails as 1001 setfattr -n security.capability -v 0x0100000200000000000000000000000000000000 \
		"$A/$d/f"
	fails as 1001 chown 0 "$A/$d/f"
	as 1001 mkfifo "$A/$d/fifo"
	mknod "$A/$d/null" c 1 3
	setfattr -n trusted.x -v 1 "$A/$d/f"
	assert_eq "$(getfattr --only-values -n trusted.x "$home/$d/f")" 1
}

hidden_trees() {
	local t
	echo secret >"$home/run/secret"
	for t in proc sys dev run; do
		assert_eq "$(ls -A "$A/$t")" "" "$t"
		fails touch "$A/$t/x"
		fails mkdir "$A/$t/x"
	done
	fails cat "$A/run/secret"
	fails cat "$A/srv/../run/secret"
	rm "$home/run/secret"
}

other_mounts() {
	fresh mounts
	mkdir "$home/$d/tmpfs" "$home/$d/proc" "$home/$d/loop"
	mount -t tmpfs t "$home/$d/tmpfs"
	mount -t proc p "$home/$d/proc"
	mount --bind "$test_tmp/A" "$home/$d/loop"
	echo x >"$A/$d/tmpfs/f"
	assert_eq "$(cat "$B/$d/tmpfs/f")" x
	assert_eq "$(ls -A "$A/$d/proc")" ""
	ls -l "$A/$d"
	fails timeout 5 ls "$A/$d/loop"
	fails timeout 5 ls "$A/$d/loop/1"
	# An idle mount is let go.
	wait_for 20 umount "$home/$d/tmpfs"
	wait_for 20 umount "$home/$d/loop"
	umount "$home/$d/proc"
	fails cat "$A/$d/tmpfs/f"
}

# ---------------------------------------------------------------- data

unlinked_but_open() {
	fresh unlink
	python3 "$tools/unlinked.py" "$A/$d"
}

append_from_both_sides() {
	local i
	fresh append
	for i in 1 2 3 4 5; do
		echo "A$i" >>"$A/$d/f"
		echo "home$i" >>"$home/$d/f"
		echo "B$i" >>"$B/$d/f"
		assert_eq "$(cat "$A/$d/f")" "$(cat "$home/$d/f")"
	done
	python3 "$tools/append.py" "$A/$d/g" "$B/$d/g" "$home/$d/g"
}

fresh_data() {
	fresh coherent
	python3 "$tools/coherent.py" "$A/$d/f" "$B/$d/f" "$home/$d/f"
}

random_operations() {
	fresh random
	timeout 100 python3 "$tools/fsx.py" "$RANDOM" 1500 "$A/$d/one"
	timeout 100 python3 "$tools/fsx.py" "$RANDOM" 1500 "$A/$d/three" "$B/$d/three" "$home/$d/three"
}

mapped() {
	fresh mmap
	python3 "$tools/mapped.py" "$A/$d/f" "$home/$d/f"
}

sparse() {
	fresh sparse
	python3 "$tools/sparse.py" "$A/$d/f" "$home/$d/f"
}

attributes() {
	fresh xattr
	touch "$A/$d/f"
	setfattr -n user.a -v one "$A/$d/f"
	setfattr -n user.b -v "$(head -c 3000 /dev/zero | tr '\0' x)" "$A/$d/f"
	assert_eq "$(getfattr -d "$B/$d/f" | grep -v '^#')" "$(getfattr -d "$home/$d/f" | grep -v '^#')"
	setfattr -x user.a "$A/$d/f"
	fails getfattr -n user.a "$home/$d/f"
}

temporary_file() {
	fresh tmpfile
	python3 "$tools/tmpfile.py" "$A/$d"
	assert_eq "$(cat "$home/$d/linked")" "temporary"
}

executed() {
	fresh exec
	cp /bin/echo "$A/$d/echo"
	assert_eq "$("$A/$d/echo" hello)" hello
	printf '#!/bin/sh\necho script $1\n' >"$A/$d/script" && chmod 755 "$A/$d/script"
	assert_eq "$("$A/$d/script" runs)" "script runs"
	chmod 711 "$A/$d/echo" "$A/$d/script"
	assert_eq "$(as 1001 "$A/$d/echo" hello)" hello "a program that can only be executed"
	fails as 1001 cat "$A/$d/echo"
	fails as 1001 "$A/$d/script"
	chmod 700 "$A/$d/echo"
	fails as 1001 "$A/$d/echo" hello
	chmod 644 "$A/$d/echo"
	fails "$A/$d/echo" hello
	# A running program may be replaced by renaming.
	cp /bin/sleep "$A/$d/sleep"
	"$A/$d/sleep" 100 &
	cp /bin/sleep "$A/$d/new" && mv "$A/$d/new" "$A/$d/sleep"
	kill $!
	assert_eq "$(sha256sum <"$A/$d/sleep")" "$(sha256sum </bin/sleep)"
}

special_files() {
	fresh special
	mkfifo "$A/$d/fifo"
	(echo through >"$A/$d/fifo") &
	assert_eq "$(timeout 5 cat "$A/$d/fifo")" through
	timeout 5 python3 "$tools/unix_socket.py" "$A/$d/socket"
	mknod "$A/$d/null" c 1 3
	assert_eq "$(stat -c '%t %T' "$A/$d/null")" "1 3"
	fails bash -c "echo x >'$A/$d/null'"
}

# ---------------------------------------------------------------- locks

locks() {
	fresh locks
	timeout 60 python3 "$tools/locks.py" "$A/$d/f" "$B/$d/f" "$home/$d/f"
}

# ---------------------------------------------------------------- programs

programs() {
	fresh programs
	mkdir "$home/$d/local" "$home/$d/mfs"
	(cd "$home/$d/local" && bash -e "$tools/programs.sh") >"$test_tmp/local" 2>&1 ||
		fails tail "$test_tmp/local"
	(cd "$A/$d/mfs" && bash -e "$tools/programs.sh") >"$test_tmp/mfs" 2>&1 || fails tail "$test_tmp/mfs"
	assert_eq "$(cat "$test_tmp/mfs")" "$(cat "$test_tmp/local")"
}

as_a_user() {
	mkdir "$home/home/alice/work"
	chown 1001:1001 "$home/home/alice/work"
	(cd "$A/home/alice/work" && as 1001 bash -e "$tools/programs.sh") >"$test_tmp/mfs" 2>&1 ||
		fails tail "$test_tmp/mfs"
	assert_eq "$(cat "$test_tmp/mfs")" "$(cat "$test_tmp/local")"
	rm -rf "$home/home/alice/work"
}

# ---------------------------------------------------------------- what breaks

server_restart() {
	local pid
	fresh restart
	python3 "$tools/survivor.py" "$A/$d/f" "$test_tmp/go" >"$test_tmp/survivor" 2>&1 &
	pid=$!
	wait_for 5 grep -q ready "$test_tmp/survivor"
	kill_server
	start_server
	touch "$test_tmp/go"
	wait "$pid" || fails cat "$test_tmp/survivor"
	assert_eq "$(cat "$home/$d/f")" "before
after" "the file at home"
}

# An operation that was under way when the server died is done once, after its restart.
restart_under_load() {
	local writer
	fresh load
	python3 "$tools/load.py" "$A/$d" >"$test_tmp/load" 2>&1 &
	writer=$!
	for _ in 1 2 3; do
		wait_for 20 longer "$home/$d/log" 20
		kill_server
		start_server
	done
	touch "$home/$d/stop"
	wait "$writer" || fails cat "$test_tmp/load"
}

# Whoever keeps the connection to the kernel and the state can start a client anew on them.
client_restart() {
	local pid other fuse state
	fresh kept
	mkdir -p "$test_tmp/C"
	rm -f "$test_tmp/state"
	exec {fuse}<>/dev/fuse {state}<>"$test_tmp/state"
	start_kept
	python3 "$tools/steady.py" "$test_tmp/C/1/$d" unlinked >"$test_tmp/steady" 2>&1 {fuse}>&- &
	pid=$!
	for _ in 1 2 3 4 5; do
		wait_for 20 longer "$home/$d/log" 3 || fails cat "$test_tmp/steady" "$test_tmp/C.log"
		kill_client
		# These come to nobody.
		touch "$test_tmp/C/1/$d/meanwhile" {fuse}>&- &
		other=$!
		wait_for 5 waits "$other"
		start_kept
		wait "$other"
		rm "$home/$d/meanwhile"
	done
	touch "$home/$d/stop"
	wait "$pid" || fails cat "$test_tmp/steady"
	assert_eq "$(cat "$test_tmp/steady")" right
	# Together with the server: files and locks are found again all the same.
	fresh kept2
	python3 "$tools/survivor.py" "$test_tmp/C/1/$d/f" "$test_tmp/go2" >"$test_tmp/survivor" 2>&1 {fuse}>&- &
	pid=$!
	wait_for 5 grep -q ready "$test_tmp/survivor"
	kill_client
	kill_server
	(exec {fuse}>&- && start_server)
	start_kept
	touch "$test_tmp/go2"
	wait "$pid" || fails cat "$test_tmp/survivor"
	# What was open has been closed, once.
	wait_for 5 nothing_open
	kill_client
	exec {fuse}>&- {state}>&-
	fails timeout 5 ls "$test_tmp/C/1" # an error, as nobody has the connection any more
	stop C
	rm "$test_tmp/go2"
}

# in client_restart()
start_kept() {
	"$bin/mosix-mfs" --kept --node "1=$addr" --key "$key" "$test_tmp/C" 4<&"$fuse" 5<&"$state" \
		2>>"$test_tmp/C.log" &
	echo $! >"$test_tmp/C.pid"
	wait_for 5 mountpoint -q "$test_tmp/C"
}

kill_client() {
	kill -9 "$(cat "$test_tmp/C.pid")"
	gone "$(cat "$test_tmp/C.pid")"
}

nothing_open() {
	local fd flags proc
	proc=/proc/$(cat "$test_tmp/server.pid")
	for fd in "$proc"/fd/*; do
		[[ $(readlink "$fd") == */$d/* ]] || continue
		fd=${fd##*/}
		flags=$(sed -n 's/^flags:[[:space:]]*//p' "$proc/fdinfo/$fd")
		# With O_PATH it stands for an inode that the client knows.
		((8#$flags & 8#10000000)) || fails readlink "$proc/fd/$fd"
	done
}

# longer FILE LINES: than when this was asked first
longer() {
	local n
	n=$(wc -l <"$1") || return
	[ -e "$test_tmp/length" ] || echo "$n" >"$test_tmp/length"
	[ "$n" -ge $(($(cat "$test_tmp/length") + $2)) ] && rm "$test_tmp/length"
}

lost_answers() { # error|kill
	local keeper
	grep -q mosix-fail "$bin/mosix-mfsd" || skip "the build has no fail points"
	fresh replay
	mkdir -p "$home/run/mosix-fail"
	[ "$1" = error ] || keep_server &
	keeper=$!
	timeout 120 python3 "$tools/replay.py" "$A/$d" "$home/run/mosix-fail/mfs.done" "$1" ||
		touch "$test_tmp/replay-failed"
	touch "$test_tmp/enough"
	wait "$keeper"
	rm -rf "$test_tmp/enough" "$home/run/mosix-fail"
	[ ! -e "$test_tmp/replay-failed" ]
}

# starts the server again whenever it has died
keep_server() {
	while [ ! -e "$test_tmp/enough" ]; do
		kill -0 "$(cat "$test_tmp/server.pid")" 2>/dev/null || start_server
		sleep 0.02
	done
}

dead_server() {
	local t
	start_client C --timeout 6
	ls "$test_tmp/C/1" >/dev/null
	server_signal STOP
	t=$(now_ms)
	fails stat "$test_tmp/C/1/etc/passwd"
	fails cat "$test_tmp/C/1/etc/passwd"
	assert_between $(($(now_ms) - t)) 0 16000 "milliseconds until both had failed"
	t=$(now_ms)
	fails cat "$test_tmp/C/1/etc/passwd"
	assert_between $(($(now_ms) - t)) 0 8000 "milliseconds the second time"
	ls "$test_tmp/C" >/dev/null # the other nodes are not harmed
	server_signal CONT
	wait_for 10 cat "$test_tmp/C/1/etc/passwd"
	stop C
}

# Jobs have mounts on top of directories of their home. The kernel takes them down when it hears
# that such a directory is gone.
mounts_on_top() {
	local top=$test_tmp/C/1/srv/top/mount
	fresh top
	mkdir "$home/$d/mount"
	start_client C --timeout 6
	mount -t tmpfs tmpfs "$top"
	echo there >"$top/file"
	ls -l "$test_tmp/C/1/srv/top" >/dev/null
	server_signal STOP
	fails cat "$test_tmp/C/1/etc/passwd"
	assert_eq "$(cat "$top/file")" there "while the server is away"
	server_signal CONT
	wait_for 10 cat "$test_tmp/C/1/etc/passwd"
	assert_eq "$(cat "$top/file")" there "when it is back"
	kill_server
	start_server
	wait_for 10 cat "$test_tmp/C/1/etc/passwd"
	assert_eq "$(cat "$top/file")" there "after its restart"
	umount "$top"
	stop C
}

# In the kernel, for an answer of the file system.
waits() { grep -q request_wait_answer "/proc/$1/stack"; }

killed_while_waiting() {
	local t pid
	start_client C --timeout 60
	ls "$test_tmp/C/1" >/dev/null
	server_signal STOP
	cat "$test_tmp/C/1/etc/passwd" &
	pid=$!
	wait_for 5 waits "$pid"
	kill -TERM "$pid" # is fatal, too
	t=$(now_ms)
	wait "$pid" || true
	assert_between $(($(now_ms) - t)) 0 2000 "milliseconds until SIGTERM had ended it"
	python3 "$tools/stubborn.py" "$test_tmp/C/1/etc/group" &
	pid=$!
	wait_for 5 waits "$pid"
	kill -USR1 "$pid" # handled: it must go on waiting
	sleep 0.5
	waits "$pid"
	kill -KILL "$pid"
	t=$(now_ms)
	wait "$pid" || true
	assert_between $(($(now_ms) - t)) 0 2000 "milliseconds until SIGKILL had ended it"
	server_signal CONT
	stop C
}

hostile_peer() {
	timeout 60 python3 "$tools/hostile.py" "$test_tmp/server.sock" "$home"
	cat "$A/etc/passwd" >/dev/null
}

wrong_key() {
	mkdir -p "$test_tmp/C"
	head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$test_tmp/key2"
	echo >>"$test_tmp/key2" && chmod 600 "$test_tmp/key2"
	"$bin/mosix-mfs" --node "1=$addr" --key "$test_tmp/key2" --timeout 6 "$test_tmp/C" \
		2>"$test_tmp/C.log" &
	echo $! >"$test_tmp/C.pid"
	wait_for 5 mountpoint -q "$test_tmp/C"
	fails cat "$test_tmp/C/1/etc/passwd"
	stop C
}

clean_unmount() {
	local pid
	start_client C
	cat "$test_tmp/C/1/etc/passwd" >/dev/null
	pid=$(cat "$test_tmp/C.pid")
	kill -HUP "$pid"
	cat "$test_tmp/C/1/etc/passwd" >/dev/null
	kill -TERM "$pid"
	wait "$pid"
	fails mountpoint -q "$test_tmp/C"
	rm "$test_tmp/C.pid"
}

no_leaks() {
	wait_for 20 few_fds
}

few_fds() {
	local n
	n=$(find "/proc/$(cat "$test_tmp/server.pid")/fd" -mindepth 1 | wc -l)
	assert_between "$n" 5 $((60 + server_files / 40)) "descriptors of the server"
}

# ---------------------------------------------------------------- all of it, on each file system

# MFS_ONLY: a regular expression of steps to run, for whoever looks for an error
step() { # NAME FUNCTION
	[[ $1 =~ ${MFS_ONLY:-} ]] || return 0
	try "$@"
}

go_on() { server_signal CONT; }

run_all() { # FILE-SYSTEM
	local on="on $1:"
	try_or_end "$on server and clients start" start_all
	step "$on metadata is what it is locally" same_as_local
	step "$on umask and access control lists" umask_and_acl
	step "$on statfs" statfs_like_home
	step "$on rename with all flags" rename_kinds
	step "$on a directory of 10000 names, also while they are deleted" big_directory
	step "$on permissions are those of the caller" permissions
	step "$on owner, group and set-user-id change as they do locally" native_ownership
	step "$on a user has no capability at the server" no_capabilities
	step "$on /proc, /sys, /dev and /run are empty" hidden_trees
	step "$on mounts below are followed, but not into ourselves" other_mounts
	step "$on an unlinked file is there as long as it is open" unlinked_but_open
	step "$on appending from several sides" append_from_both_sides
	step "$on what one wrote another reads" fresh_data
	step "$on random operations, by one way and by three" random_operations
	step "$on mappings, shared and private" mapped
	step "$on holes" sparse
	step "$on extended attributes" attributes
	step "$on O_TMPFILE" temporary_file
	step "$on programs run" executed
	step "$on pipes, sockets, devices" special_files
	step "$on locks exclude between mounts and at home" locks
	step "$on tar, gcc, sqlite, find do what they do locally" programs
	step "$on the same as a user" as_a_user
	step "$on open files and locks outlast the server" server_restart
	step "$on nothing is lost or done twice when the server dies" restart_under_load
	step "$on a client goes on where a killed one stopped" client_restart
	stop C # if that has failed
	step "$on an answer is lost with the connection" lost_answers error
	step "$on an answer is lost with the server" lost_answers kill
	step "$on a dead server makes errors in time" dead_server
	step "$on mounts on top of directories stay when the server is away" mounts_on_top
	go_on # if one of them has failed
	step "$on waiting processes can be killed" killed_while_waiting
	go_on # if one of them has failed
	step "$on a hostile peer" hostile_peer
	step "$on a peer with another key" wrong_key
	step "$on SIGTERM unmounts, SIGHUP does not" clean_unmount
	[ "$1" = overlayfs ] || try "$on the server has closed what it opened" no_leaks
	stop_all
}

start_all() {
	make_tree "$home"
	start_server
	start_client A
	start_client B
	ls "$A" "$B" >/dev/null
}

stop_all() {
	local name
	for name in A B C; do
		stop "$name"
	done
	kill -9 "$(cat "$test_tmp/server.pid")" 2>/dev/null
	gone "$(cat "$test_tmp/server.pid")"
	rm -f "$test_tmp/server.sock" "$test_tmp/go"
}

head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$key"
echo >>"$key"
chmod 600 "$key"

# ext4 or whatever the build directory is on
disk=$(mktemp -d /build/mfs-test.XXXXXX)
on_exit "rm -rf '$disk'"
[ -z "${MFS_KEEP_LOGS:-}" ] || on_exit "mkdir -p '$MFS_KEEP_LOGS' && cp '$test_tmp'/*.log '$MFS_KEEP_LOGS'"
on_exit "umount -l '$home' '$test_tmp/upper' 2>/dev/null"
on_exit stop_all
chmod 755 "$disk"
mkdir -p "$home"
mount --bind "$disk" "$home"
mount --make-shared "$home"
run_all "$(stat -f -c %T "$disk")"
umount -l "$home"

mkdir "$test_tmp/lower" "$test_tmp/upper"
mount -t tmpfs tmpfs "$test_tmp/upper"
mkdir "$test_tmp"/upper/{up,work}
mount -t overlay overlay -o "lowerdir=$test_tmp/lower,upperdir=$test_tmp/upper/up,workdir=$test_tmp/upper/work" "$home"
mount --make-shared "$home"
# Half of them hold inodes: too few for those that the tests use.
server_files=400
run_all overlayfs
