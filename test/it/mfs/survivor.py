"""Has files, locks and a directory while the server dies and comes back."""
import errno
import fcntl
import os
import sys
import time

path, go = sys.argv[1:]
f = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
r = os.open(path, os.O_RDONLY)
os.write(f, b"before\n")
os.chdir(os.path.dirname(path))
d = os.open(".", os.O_RDONLY)
os.chmod(path, 0)
lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(lock, fcntl.LOCK_EX, 100, 0)
fcntl.lockf(lock, fcntl.LOCK_UN, 10, 20)
fcntl.flock(f, fcntl.LOCK_EX)


def try_lock(start, length):
    pid = os.fork()
    if pid == 0:
        try:
            fcntl.lockf(os.open("lock", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except OSError as e:
            os._exit(e.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def check_locks():
    assert try_lock(20, 10) == 0
    assert try_lock(0, 10) == try_lock(30, 10) == try_lock(99, 1) == errno.EAGAIN
    assert try_lock(100, 0) == 0
    try:
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)
        raise AssertionError("flock")
    except OSError as e:
        assert e.errno == errno.EAGAIN


check_locks()
print("ready", flush=True)
while not os.path.exists(go):
    time.sleep(0.05)
os.write(f, b"after\n")
assert os.read(r, 100) == b"before\nafter\n"
assert sorted(os.listdir(d)) == ["f", "lock"]
check_locks()
assert os.stat(os.path.basename(path)).st_size == 13
