"""Speaks the protocol badly. The server refuses, or closes the connection, and lives on."""
import errno
import os
import random
import socket
import struct
import sys

SOCK, HOME = sys.argv[1:]
HDR = struct.Struct("<IHHQIIIIQQQQ")
ROOT = bytes(40)
REPLY = 1
HELLO, PING, LOOKUP, PARENT, GETATTR, READLINK = 1, 2, 10, 11, 12, 15 - 2
MKDIR, SYMLINK, LINK, UNLINK, RENAME = 21, 22, 23, 24, 26
OPEN, CREATE, OPENDIR, READ, WRITE, READDIR = 30, 31, 34, 36, 37, 38


class Peer:
    def __init__(self, hello=True):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(10)
        self.s.connect(SOCK)
        self.xid = 0
        if hello:
            body = struct.pack("<IIQQ16sII", 1, 1, 0, 0, os.urandom(16), 9, 0)
            assert self.call(HELLO, body)[0] == 0

    def send(self, op, body=b"", node=ROOT, file=0, a=0, b=0, c=0, uid=0, gid=0, length=None, flags=0):
        self.xid += 1
        n = len(body) if length is None else length
        self.s.sendall(HDR.pack(n, op, flags, self.xid, 0, uid, gid, 0o22, file, a, b, c) + node + body)

    def receive(self):
        head = b""
        while len(head) < 104:
            got = self.s.recv(104 - len(head))
            if not got:
                raise EOFError
            head += got
        n, op, flags, xid, err, *_ = HDR.unpack(head[:64])
        body = b""
        while len(body) < n:
            got = self.s.recv(n - len(body))
            if not got:
                raise EOFError
            body += got
        assert flags == REPLY and xid == self.xid
        return err, body

    def call(self, op, body=b"", **kw):
        self.send(op, body, **kw)
        return self.receive()

    def is_closed(self):
        try:
            self.receive()
        except (EOFError, ConnectionError):
            return True
        return False


def string(s):
    return struct.pack("<H", len(s)) + s


p = Peer()
inside = p.call(LOOKUP, b"srv")[1][:40]
assert inside != ROOT

# Names that are more, or less, than one component.
for name in (b"", b".", b"..", b"/", b"../etc", b"srv/x", b"/etc/passwd", b"a\0b", b"\0"):
    for op in (LOOKUP, MKDIR, UNLINK, 20, 25):
        err, _ = p.call(op, name, node=inside)
        assert err == errno.EINVAL, (name, op, err)
    assert p.call(CREATE, name, node=inside, file=1, a=os.O_RDWR, b=0o600)[0] == errno.EINVAL
    assert p.call(SYMLINK, string(name) + string(b"x"), node=inside)[0] == errno.EINVAL
    assert p.call(LINK, inside + string(name), node=inside)[0] == errno.EINVAL
    for names in ((name, b"x"), (b"x", name)):
        assert p.call(RENAME, inside + string(names[0]) + string(names[1]), node=inside)[0] == errno.EINVAL
assert p.call(LOOKUP, b"n" * 256, node=inside)[0] == errno.ENAMETOOLONG

# Above the root is the root.
assert p.call(PARENT)[1][:40] == ROOT
up = inside
for _ in range(5):
    err, body = p.call(PARENT, node=up)
    up = body[:40]
assert up == ROOT

# Symbolic links are never followed by the server.
os.symlink("/", HOME + "/srv/out")
err, body = p.call(LOOKUP, b"out", node=inside)
assert err == 0
assert p.call(LOOKUP, b"etc", node=body[:40])[0] == errno.ENOTDIR
assert p.call(OPEN, node=body[:40], file=2)[0] == errno.ELOOP
assert p.call(OPENDIR, node=body[:40], file=2)[0] in (errno.ELOOP, errno.ENOTDIR)
os.unlink(HOME + "/srv/out")

# Pipes and devices are not opened.
os.mkfifo(HOME + "/srv/pipe")
os.mknod(HOME + "/srv/zero", 0o20666, os.makedev(1, 5))
for name in (b"pipe", b"zero"):
    body = p.call(LOOKUP, name, node=inside)[1]
    assert p.call(OPEN, node=body[:40], file=2)[0] == errno.ENXIO
    assert p.call(CREATE, name, node=inside, file=2, a=os.O_RDWR, b=0o600)[0] == errno.ESTALE
os.unlink(HOME + "/srv/pipe")
os.unlink(HOME + "/srv/zero")

# Files that are not open, numbers that are taken, sizes that are too much.
for op in (READ, WRITE, READDIR, 39, 40, 62):
    assert p.call(op, file=77, b=10, a=1)[0] == errno.EBADF, op
assert p.call(43, file=77, a=1)[0] == 0  # ends locks, of which there are none
assert p.call(CREATE, b"f", node=inside, file=5, a=os.O_RDWR, b=0o600)[0] == 0
assert p.call(OPEN, node=p.call(LOOKUP, b"f", node=inside)[1][:40], file=5)[0] == errno.EEXIST
assert p.call(READ, file=5, b=1 << 30)[0] == errno.EINVAL
assert p.call(READ, file=5, a=1 << 63, b=1)[0] == errno.EINVAL
assert p.call(WRITE, b"x", file=5, a=(1 << 64) - 1)[0] == errno.EFBIG
assert p.call(READDIR, file=5, b=4096)[0] == errno.ENOTDIR
assert p.call(999)[0] == errno.ENOSYS
assert p.call(LOOKUP, b"srv", uid=0xffffffff)[0] == errno.EPERM
assert p.call(UNLINK, b"f", node=inside)[0] == 0

# Handles that nobody gave out.
random.seed(2)
for _ in range(300):
    n = random.choice((0, 8, 12, 16, 24))
    fh = struct.pack("<QBBHI", random.choice((0, 1, struct.unpack("<Q", inside[:8])[0])),
                     random.choice((1, 2, 3)), n, random.choice((0, 1, 2, 0x81)), 0)
    fh += random.randbytes(n) + bytes(24 - n)
    p.call(GETATTR, node=fh)
    p.call(LOOKUP, b"x", node=fh)
    p.call(OPEN, node=fh, file=9)
assert p.call(PING)[0] == 0

# Frames that are none end the connection.
for bad in (
    lambda q: q.send(PING, length=(1 << 20) + 5000),
    lambda q: q.send(PING, flags=REPLY),
    lambda q: q.send(LOOKUP, b"srv", node=b"\xff" * 40),
    lambda q: q.send(LOOKUP, b"srv", node=struct.pack("<QBBHI24s", 0, 0, 0, 0, 0, b"x")),
):
    q = Peer()
    bad(q)
    assert q.is_closed()
q = Peer(hello=False)
q.send(LOOKUP, b"srv")
assert q.is_closed()
q = Peer(hello=False)
q.send(HELLO, b"short")
assert q.is_closed()

# Bodies that are cut, and noise.
for op in range(70):
    if op in (1, 2, 3):
        continue
    for n in (0, 1, 7, 39, 40, 41, 64):
        q = p.call(op, random.randbytes(n), node=inside, uid=1001, gid=1001, file=3, a=random.getrandbits(64))
for _ in range(50):
    q = Peer(hello=random.random() < 0.7)
    try:
        q.s.sendall(random.randbytes(random.randrange(1, 3000)))
    except ConnectionError:
        pass
    q.s.close()
assert Peer().call(PING)[0] == 0
