"""What a user may do to a tree of files.

access.py make DIR   makes the tree, as root, on its own node
access.py try DIR    tries everything to it, and prints what came of each attempt
"""
import errno
import os
import shutil
import stat
import sys

ALICE, BOB, TEAM = 1001, 1002, 2001

# name: owner, group, mode; those with a "/" at their end are directories
TREE = {
    "open": (0, 0, 0o666),
    "readable": (0, 0, 0o644),
    "root": (0, 0, 0o600),
    "nobody": (ALICE, ALICE, 0o000),
    "alice": (ALICE, ALICE, 0o600),
    "bob": (BOB, BOB, 0o640),
    "bobs-open": (BOB, BOB, 0o666),
    "team": (0, TEAM, 0o660),
    "group-less": (ALICE, TEAM, 0o606),  # the group has less than others
    "setuid": (ALICE, TEAM, 0o4755),
    "unseen/": (0, 0, 0o700),
    "unseen/file": (0, 0, 0o666),
    "passable/": (0, 0, 0o711),
    "passable/file": (0, 0, 0o666),
    "listed/": (0, 0, 0o744),
    "listed/file": (0, 0, 0o666),
    "sticky/": (0, 0, 0o1777),
    "sticky/alice": (ALICE, ALICE, 0o666),
    "sticky/bob": (BOB, BOB, 0o666),
    "shared/": (0, TEAM, 0o2770),
    "shared/file": (0, TEAM, 0o660),
    "anybody/": (0, 0, 0o777),
    "anybody/bob": (BOB, BOB, 0o600),
    "bobs/": (BOB, BOB, 0o755),
    "bobs/file": (BOB, BOB, 0o666),
}


def make(top):
    shutil.rmtree(top, ignore_errors=True)
    os.umask(0)
    os.mkdir(top, 0o755)
    for name, (uid, gid, mode) in TREE.items():
        path = f"{top}/{name}"
        if name.endswith("/"):
            os.mkdir(path)
        else:
            with open(path, "w") as f:
                f.write(name)
        os.chown(path, uid, gid)
        os.chmod(path, mode)


def write(path, flags):
    fd = os.open(path, os.O_WRONLY | flags)
    os.write(fd, b"x")
    os.close(fd)


def read(path):
    with open(path) as f:
        return f.read(3)


def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    s = os.lstat(path)
    os.unlink(path)
    return s.st_uid, s.st_gid, oct(s.st_mode)


def made_directory(path):
    os.mkdir(path)
    s = os.lstat(path)
    os.rmdir(path)
    return s.st_uid, s.st_gid, oct(s.st_mode)


def set_mode(path, mode):
    os.chmod(path, mode)
    return oct(stat.S_IMODE(os.lstat(path).st_mode))


def set_owner(path, uid, gid):
    os.chown(path, uid, gid)
    s = os.lstat(path)
    return s.st_uid, s.st_gid, oct(stat.S_IMODE(s.st_mode))


def link(path, new):
    os.link(path, new)
    os.unlink(new)


def there_and_back(path):
    os.rename(path, path + ".new")
    os.rename(path + ".new", path)


def attempts(path, top):
    yield "stat", lambda: oct(os.lstat(path).st_mode)
    yield "access", lambda: [os.access(path, m) for m in (os.R_OK, os.W_OK, os.X_OK)]
    if path.endswith("/"):
        yield "list", lambda: sorted(os.listdir(path))
        yield "create", lambda: create(path + "new")
        yield "mkdir", lambda: made_directory(path + "newdir")
        yield "symlink", lambda: (os.symlink("x", path + "link"), os.unlink(path + "link"))[1]
        yield "mknod", lambda: os.mknod(path + "node", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        yield "mkfifo", lambda: (os.mkfifo(path + "fifo"), os.unlink(path + "fifo"))[1]
        yield "take in", lambda: os.rename(top + "/sticky/alice", path + "taken")
        yield "give back", lambda: os.rename(path + "taken", top + "/sticky/alice")
    else:
        yield "read", lambda: read(path)
        yield "write", lambda: write(path, 0)
        yield "append", lambda: write(path, os.O_APPEND)
        yield "truncate", lambda: os.truncate(path, 4)
        yield "replace", lambda: write(path, os.O_TRUNC)
        yield "getxattr", lambda: os.listxattr(path)
        yield "setxattr", lambda: os.setxattr(path, "user.x", b"1")
        yield "trusted", lambda: os.setxattr(path, "trusted.x", b"1")
        yield "capability", lambda: os.setxattr(path, "security.capability", bytes.fromhex(
            "0100000200000000000000000000000000000000"))
        yield "link", lambda: link(path, top + "/anybody/link")
    yield "utime", lambda: os.utime(path, (1, 1))
    yield "touch", lambda: os.utime(path)
    yield "chown root", lambda: set_owner(path, 0, -1)
    yield "chown bob", lambda: set_owner(path, BOB, -1)
    yield "chgrp root", lambda: set_owner(path, -1, 0)
    yield "chgrp team", lambda: set_owner(path, -1, TEAM)
    yield "chmod 6755", lambda: set_mode(path, 0o6755)
    yield "chmod 0777", lambda: set_mode(path, 0o777)
    yield "rename", lambda: there_and_back(path.rstrip("/"))
    if path.endswith("/"):
        yield "rmdir", lambda: os.rmdir(path)
    else:
        yield "unlink", lambda: os.unlink(path)


def attempt(what, name, fn):
    try:
        got = fn()
    except OSError as e:
        got = errno.errorcode[e.errno]
        # The kernel of the user's node denies devices before it asks whether the name may be made.
        if what == "mknod" and got == "EACCES":
            got = "EPERM"
    print(f"{name}: {what}: {got}")


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    os.umask(0o022)
    for name in TREE:
        for what, fn in attempts(f"{sys.argv[2]}/{name}", sys.argv[2]):
            attempt(what, name, fn)
