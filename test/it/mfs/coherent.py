"""What was written by one way is read by every other at once, from descriptors that stay open."""
import os
import random
import sys
import time

paths = sys.argv[1:]
open(paths[-1], "w").close()
fds = [os.open(p, os.O_RDWR) for p in paths]
random.seed(1)
for i in range(400):
    data = b"%08d" % i * random.choice((1, 1, 1, 700))
    off = random.choice((0, 0, 8, 5000))
    w = random.choice(fds)
    os.pwrite(w, data, off)
    for p, f in zip(paths, fds):
        got = os.pread(f, len(data), off)
        assert got == data, (i, p, off, got[:16], data[:16])
        assert os.fstat(f).st_size == os.fstat(fds[-1]).st_size
    if i % 50 == 0:
        os.ftruncate(random.choice(fds), 4)
        assert {os.stat(p).st_size for p in paths} == {4}
# A change that the time of modification does not show, as file systems with whole seconds have it.
for i in range(20):
    data = b"%08d" % i
    now = int(time.time()) * 10**9
    os.pwrite(fds[-1], data, 0)
    os.utime(paths[-1], ns=(now, now))
    for p, f in zip(paths, fds):
        assert os.pread(f, 8, 0) == data, (i, p)
# Names, too: a name is gone, and there again, at once.
for i in range(50):
    a, b = random.sample(paths, 2)
    os.unlink(a)
    assert not any(os.path.exists(p) for p in paths)
    with open(b, "w") as f:
        f.write(str(i))
    assert {open(p).read() for p in paths} == {str(i)}
    os.chmod(a, 0o600 + i % 8)
    assert {os.stat(p).st_mode & 0o777 for p in paths} == {0o600 + i % 8}
