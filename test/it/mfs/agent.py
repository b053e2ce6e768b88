#!/usr/bin/env python3
"""Does on its node what it is told, one line of JSON at a time, and says what came of it.

    ["op", argument...] -> ["ok", value] or ["error", errno name]
"""
import ctypes
import errno
import json
import mmap
import os
import signal
import stat
import struct
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
files = {}
maps = {}


def kind(path):
    st = os.lstat(path)
    return [stat.filemode(st.st_mode), st.st_nlink, st.st_size if stat.S_ISREG(st.st_mode) else 0]


def times(path):
    """Its kind, too."""
    st = os.lstat(path)
    return kind(path) + [st.st_mtime_ns, st.st_ctime_ns]


def open_read(path):
    """Kept open, as number."""
    fd = os.open(path, os.O_RDONLY)
    files[fd] = path
    return fd


def open_map(path):
    fd = os.open(path, os.O_RDONLY)
    maps[fd] = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
    return fd


def read(path):
    with open(path, "rb") as f:
        return f.read().decode()


def write(path, text, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    start = time.monotonic()
    fd = os.open(path, flags, 0o644)
    waited = time.monotonic() - start
    os.write(fd, text.encode())
    os.close(fd)
    return waited


def overwrite(path, text):
    return write(path, text, os.O_WRONLY)


def create(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))


def exchange(a, b):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), 2) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def await_kind(path, want, seconds):
    """The seconds until it is that (an error's name, or what kind() gives)."""
    start = time.monotonic()
    while True:
        try:
            got = kind(path)[0]
        except OSError as e:
            got = errno.errorcode[e.errno]
        waited = time.monotonic() - start
        if got == want or waited > seconds:
            return [got, waited]


def fork_as(uid, op, *args):
    """The same, as somebody else."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        os.write(w, json.dumps(run(op, args)).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        answer = json.load(f)
    os.waitpid(pid, 0)
    return answer


def hammer(path, number, count):
    """Makes and removes names, as many as possible at the same time as others do."""
    errors = {}
    for i in range(count):
        a, b = f"{path}/{number}.{i % 7}", f"{path}/{number}.{i % 7}.new"
        try:
            write(b, str(i))
            os.rename(b, a)
            if read(a) != str(i):
                return "wrong contents"
            os.path.exists(f"{path}/shared")
            try:
                create(f"{path}/shared")
            except FileExistsError:
                pass
            try:
                os.unlink(f"{path}/shared")
            except FileNotFoundError:
                pass
            os.unlink(a)
        except OSError as e:
            name = errno.errorcode[e.errno]
            errors[name] = errors.get(name, 0) + 1
    return errors


def replace_often(a, b, count):
    for i in range(count):
        write(a, f"{i}")
        os.rename(a, b)


def read_often(path, seconds, threads):
    """How often it was read. It is there at all times."""
    end, counts = time.monotonic() + seconds, [0] * threads

    def reader(i):
        while time.monotonic() < end:
            os.stat(path)
            read(path)
            counts[i] += 1

    running = [threading.Thread(target=reader, args=(i,)) for i in range(threads)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    return sum(counts)


CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service, effective


OPS = {
    "capability": lambda path: os.getxattr(path, "security.capability").hex(),
    "set_capability": lambda path: os.setxattr(path, "security.capability", CAPABILITY),
    "enter": os.chdir,
    "kind": kind,
    "read": read,
    "write": write,
    "overwrite": overwrite,
    "create": create,
    "open": open_read,
    "pread": lambda fd: os.pread(fd, 4096, 0).decode(),
    "close": lambda fd: os.close(fd),
    "map": open_map,
    "mapped": lambda fd, n: maps[fd][:n].decode(),
    "unlink": os.unlink,
    "mkdir": lambda path: os.mkdir(path, 0o755),
    "rmdir": os.rmdir,
    "symlink": os.symlink,
    "readlink": os.readlink,
    "link": os.link,
    "rename": os.rename,
    "exchange": exchange,
    "chmod": os.chmod,
    "truncate": os.truncate,
    "list": lambda path: sorted(os.listdir(path)),
    "times": times,
    "await": await_kind,
    "as": fork_as,
    "hammer": hammer,
    "replace_often": replace_often,
    "read_often": read_often,
    "fstat": lambda fd: os.fstat(fd).st_size,
}


def run(op, args):
    try:
        return ["ok", OPS[op](*args)]
    except OSError as e:
        return ["error", errno.errorcode[e.errno]]


signal.signal(signal.SIGINT, signal.SIG_IGN)
for line in sys.stdin:
    op, *args = json.loads(line)
    print(json.dumps(run(op, args)), flush=True)
