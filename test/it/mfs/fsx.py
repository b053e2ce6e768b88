"""Random operations on one file, by several paths to it, against a model in memory.

usage: fsx.py SEED COUNT PATH..."""
import mmap
import os
import random
import sys

seed, count, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
rnd = random.Random(seed)
MAX = 600000
model = bytearray()
open(paths[0], "w").close()
fds = {p: os.open(p, os.O_RDWR) for p in paths}
done = []


def grow(end):
    if len(model) < end:
        model.extend(bytes(end - len(model)))


def write(p, off, data):
    assert os.pwrite(fds[p], data, off) == len(data)
    grow(off + len(data))
    model[off:off + len(data)] = data


def append(p, off, data):
    f = os.open(p, os.O_WRONLY | os.O_APPEND)
    assert os.write(f, data) == len(data)
    os.close(f)
    model.extend(data)


def read(p, off, data):
    n = len(data)
    assert os.pread(fds[p], n, off) == bytes(model[off:off + n])


def truncate(p, off, data):
    if rnd.random() < 0.5:
        os.ftruncate(fds[p], off)
    else:
        os.truncate(p, off)
    del model[off:]
    grow(off)


def map_write(p, off, data):
    # The last of several is at home, where a store to a mapping need not change the file's time of
    # modification (tmpfs): nobody can know of it.
    if not model or (len(paths) > 1 and p == paths[-1]):
        return
    f = os.open(p, os.O_RDWR)
    m = mmap.mmap(f, len(model))
    off %= len(model)
    data = data[:len(model) - off]
    assert m[off:off + len(data)] == bytes(model[off:off + len(data)])
    m[off:off + len(data)] = data
    model[off:off + len(data)] = data
    m.flush()
    m.close()
    os.close(f)


def map_read(p, off, data):
    if not model:
        return
    f = os.open(p, os.O_RDONLY)
    m = mmap.mmap(f, len(model), prot=mmap.PROT_READ)
    assert m[:] == bytes(model)
    m.close()
    os.close(f)


def reopen(p, off, data):
    os.close(fds[p])
    fds[p] = os.open(p, os.O_RDWR)


def allocate(p, off, data):
    os.posix_fallocate(fds[p], off, len(data) + 1)
    grow(off + len(data) + 1)


def copy(p, off, data):
    n = min(len(data), len(model) // 3)
    if n and off > 2 * n:
        done = os.copy_file_range(fds[p], fds[p], n, 0, off)
        grow(off + done)
        model[off:off + done] = model[0:done]


def check(p, off, data):
    assert os.fstat(fds[p]).st_size == os.stat(p).st_size == len(model)
    with open(p, "rb") as f:
        assert f.read() == model


ops = [write] * 6 + [read] * 6 + [append, truncate, map_write, map_write, map_read, reopen, allocate, copy, check]
for i in range(count):
    op = rnd.choice(ops)
    p = rnd.choice(paths)
    off = rnd.randrange(0, len(model) + 10000) if len(model) < MAX else rnd.randrange(0, MAX // 2)
    size = rnd.choice((1, 10, 100, 4096, 5000, 70000))
    data = rnd.randbytes(rnd.randrange(1, size + 1))
    done.append((i, op.__name__, p[-20:], off, len(data), len(model)))
    try:
        op(p, off, data)
    except BaseException:
        print("seed", seed, *done[-15:], sep="\n")
        raise
for p in paths:
    check(p, 0, b"")
