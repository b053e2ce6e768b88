"""Locks of all kinds between two mounts and the home directory."""
import errno
import fcntl
import os
import signal
import struct
import sys
import time

A, B, home = sys.argv[1:]
open(home, "w").close()


def try_posix(path, kind=fcntl.LOCK_EX, start=0, length=0):
    """0 or the errno, from a process of its own."""
    pid = os.fork()
    if pid == 0:
        f = os.open(path, os.O_RDWR)
        try:
            fcntl.lockf(f, kind | fcntl.LOCK_NB, length, start)
        except OSError as e:
            os._exit(e.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def try_flock(path, kind=fcntl.LOCK_EX):
    f = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(f, kind | fcntl.LOCK_NB)
        return 0
    except OSError as e:
        return e.errno
    finally:
        os.close(f)


def until(want, fn, *args):
    """The release of a file reaches the server a moment after close() has returned."""
    for _ in range(200):
        got = fn(*args)
        if got == want:
            return
        time.sleep(0.01)
    assert got == want, (got, want, args)


def blocked(pid):
    """Until the process waits in the kernel for the file system's answer."""
    for _ in range(500):
        with open(f"/proc/{pid}/stack") as f:
            if "request_wait_answer" in f.read():
                return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} does not wait for its lock")


# Record locks exclude everywhere, by range and kind.
a = os.open(A, os.O_RDWR)
fcntl.lockf(a, fcntl.LOCK_EX, 100, 0)
for p in (A, B, home):
    assert try_posix(p) in (errno.EAGAIN, errno.EACCES), p
    assert try_posix(p, start=100, length=10) == 0, p
fcntl.lockf(a, fcntl.LOCK_SH, 100, 0)
for p in (A, B, home):
    assert try_posix(p, fcntl.LOCK_SH) == 0 and try_posix(p) != 0
fcntl.lockf(a, fcntl.LOCK_UN, 50, 0)
assert try_posix(B, length=50) == 0 and try_posix(B, start=50, length=50) != 0

# Who holds it.
b = os.open(B, os.O_RDWR)
got = fcntl.fcntl(b, fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))
assert struct.unpack("hhqqi", got)[:4] == (fcntl.F_RDLCK, 0, 50, 50), struct.unpack("hhqqi", got)

# Closing any descriptor of the file ends the process's locks.
os.close(os.open(A, os.O_RDONLY))
for p in (A, B, home):
    assert try_posix(p) == 0, p

# A lock of a process at home excludes those of the mount; a waiter gets it when it is free.
h = os.open(home, os.O_RDWR)
fcntl.lockf(h, fcntl.LOCK_EX)
r, w = os.pipe()
go_r, go_w = os.pipe()
pid = os.fork()
if pid == 0:
    f = os.open(B, os.O_RDWR)
    os.write(w, b"1")
    fcntl.lockf(f, fcntl.LOCK_EX)
    os.write(w, b"2")
    os.read(go_r, 1)
    os._exit(0)
assert os.read(r, 1) == b"1"
blocked(pid)
os.stat(A), os.stat(B), open(B).read()  # the waiting lock holds nobody up
fcntl.lockf(h, fcntl.LOCK_UN)
assert os.read(r, 1) == b"2"
assert try_posix(A) != 0
os.write(go_w, b"1")
os.waitpid(pid, 0)
until(0, try_posix, A)

# Waiting ends with a signal, handled or not.
fcntl.lockf(h, fcntl.LOCK_EX)
for sig, want in ((signal.SIGALRM, 7), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
    for lock in (lambda f: fcntl.lockf(f, fcntl.LOCK_EX),):
        pid = os.fork()
        if pid == 0:
            def handler(*_):
                os._exit(7)
            signal.signal(signal.SIGALRM, handler)
            lock(os.open(B, os.O_RDWR))
            os._exit(1)
        blocked(pid)
        os.kill(pid, sig)
        t = time.time()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == want
        assert time.time() - t < 2
fcntl.lockf(h, fcntl.LOCK_UN)
until(0, try_posix, A)

# flock: by open file, shared and exclusive, also with home.
fcntl.flock(a, fcntl.LOCK_EX)
for p in (A, B, home):
    assert try_flock(p) == errno.EAGAIN, p
fcntl.flock(a, fcntl.LOCK_SH)
assert try_flock(B, fcntl.LOCK_SH) == 0 and try_flock(B) == errno.EAGAIN
fcntl.flock(a, fcntl.LOCK_UN)
assert try_flock(B) == 0
fcntl.flock(a, fcntl.LOCK_EX)
os.close(a)
for p in (A, B, home):
    until(0, try_flock, p)

# A flock that waits can be interrupted, and leaves nothing behind.
f = os.open(home, os.O_RDWR)
fcntl.flock(f, fcntl.LOCK_EX)
pid = os.fork()
if pid == 0:
    fcntl.flock(os.open(A, os.O_RDWR), fcntl.LOCK_EX)
    os._exit(1)
blocked(pid)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
fcntl.flock(f, fcntl.LOCK_UN)
until(0, try_flock, B)

# A killed process's locks are gone. It is closed down while its last requests are under way: often.
for _ in range(30):
    pid = os.fork()
    if pid == 0:
        f = os.open(A, os.O_RDWR)
        fcntl.lockf(f, fcntl.LOCK_EX)
        fcntl.flock(f, fcntl.LOCK_EX)
        os.write(w, b"3")
        time.sleep(60)
    assert os.read(r, 1) == b"3"
    assert try_posix(B) != 0
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    until(0, try_posix, B)
    until(0, try_flock, B)
