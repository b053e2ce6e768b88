#!/bin/bash
# mfs_access.t - what a user may do to files of another node: what he may do there, and no more
# shellcheck source=test/it/lib.sh
. "$(dirname "$(realpath "$0")")/lib.sh"
lab_need 2

lab push n1 "$test_dir/mfs/access.py" /srv/access.py
lab push n2 "$test_dir/mfs/access.py" /srv/access.py
lab sh n2 sh -c 'getent group team || { groupadd -g 2001 team && usermod -aG team alice; }'
on_exit 'lab sh n1 umount /mfs 2>/dev/null'
lab sh n1 sh -c 'mkdir -p /mfs && { mountpoint -q /mfs || mount -t mfs mosix /mfs; }'
wait_for 20 lab sh n1 test -d /mfs/2/srv

fresh_tree() { lab sh n2 python3 /srv/access.py make /srv/access; }

# at_n2 OPTION...: everything is tried where the files are; over_mfs: from n1
at_n2() {
	fresh_tree
	lab sh n2 setpriv "$@" -- python3 /srv/access.py try /srv/access >"$test_tmp/local"
}
over_mfs() {
	fresh_tree
	lab sh n1 setpriv "$@" -- python3 /srv/access.py try /mfs/2/srv/access >"$test_tmp/mfs"
}

same() { # OPTION-OF-SETPRIV...
	at_n2 "$@"
	over_mfs "$@"
	diff "$test_tmp/local" "$test_tmp/mfs"
}

outcome() { # LINE-START: of what was tried last over /mfs
	sed -n "s|^$1: ||p" "$test_tmp/mfs"
}

alice() {
	same --reuid 1001 --regid 1001 --init-groups
	assert_eq "$(outcome 'root: read')" EACCES
	assert_eq "$(outcome 'alice: read')" ali
	assert_eq "$(outcome 'team: read')" tea "by group"
	assert_eq "$(outcome 'group-less: read')" "gro" "one's own file"
	assert_eq "$(outcome 'unseen/file: read')" EACCES
	assert_eq "$(outcome 'unseen/: list')" EACCES
	assert_eq "$(outcome 'sticky/bob: unlink')" EPERM
	assert_eq "$(outcome 'sticky/bob: write')" None
	assert_eq "$(outcome 'alice: chown root')" EPERM
	assert_eq "$(outcome 'anybody/: mknod')" EPERM
}

bob() {
	same --reuid 1002 --regid 1002 --init-groups
	assert_eq "$(outcome 'alice: read')" EACCES
	assert_eq "$(outcome 'team: read')" EACCES
	assert_eq "$(outcome 'bob: read')" bob
	assert_eq "$(outcome 'shared/: list')" EACCES
}

the_root() {
	same --reuid 0 --regid 0 --clear-groups
	assert_eq "$(outcome 'nobody: read')" nob "root is root"
}

nobody() { same --reuid 65534 --regid 65534 --clear-groups; }

# Which groups a user is in is what his node, n2, says: neither more, if he claims one here, nor less.
groups_of_n2() {
	fails lab sh n1 setpriv --reuid 1002 --regid 1002 --groups 2001,0 cat /mfs/2/srv/access/team
	fails lab sh n1 setpriv --reuid 1002 --regid 2001 --clear-groups cat /mfs/2/srv/access/team
	fails lab sh n1 setpriv --reuid 1002 --regid 0 --clear-groups ls /mfs/2/srv/access/shared
	lab sh n1 setpriv --reuid 1001 --regid 1001 --clear-groups cat /mfs/2/srv/access/team
}

# Capabilities without being root are worth nothing at another node.
capabilities() {
	fails lab sh n1 setpriv --reuid 1002 --regid 1002 --clear-groups --inh-caps +all \
		--ambient-caps +all cat /mfs/2/srv/access/alice
	fails lab sh n1 setpriv --reuid 1002 --regid 1002 --clear-groups --inh-caps +all \
		--ambient-caps +all chown 1002 /mfs/2/srv/access/alice
}

set_user_id() {
	lab sh n2 sh -c 'cp /usr/bin/id /usr/bin/cat /srv/access && cd /srv/access && chmod 4755 id cat &&
		mknod null c 1 3 && chmod 666 null'
	assert_eq "$(lab sh -u alice n2 /srv/access/id -u)" 0 "at home"
	assert_eq "$(lab sh -u alice n1 /mfs/2/srv/access/id -u)" 1001 "over /mfs"
	fails lab sh -u alice n1 /mfs/2/srv/access/cat /mfs/2/srv/access/root
	fails lab sh n1 sh -c 'echo x >/mfs/2/srv/access/null' # no device of another node
}

tmp_of_others() {
	lab sh -u alice n1 sh -c 'echo hers >/mfs/2/tmp/alice'
	fails lab sh -u bob n1 rm -f /mfs/2/tmp/alice
	fails lab sh -u bob n1 mv /mfs/2/tmp/alice /mfs/2/tmp/bob
	fails lab sh -u bob n1 sh -c 'echo his >>/mfs/2/tmp/alice'
	assert_eq "$(lab sh -u bob n1 cat /mfs/2/tmp/alice)" hers
	lab sh -u alice n1 rm /mfs/2/tmp/alice
}

try "alice may do over /mfs exactly what she may do there" alice
fresh_tree
try "her groups are those of the other node" groups_of_n2
try "capabilities are not taken along" capabilities
try "no set-user-id programs and no devices of other nodes" set_user_id
try "bob, too, may do exactly what he may do there" bob
try "... nobody" nobody
try "... and root" the_root
try "/tmp of another node is sticky" tmp_of_others
