"""Holes: where they are, how they are made, and that copying keeps them."""
import ctypes
import os
import shutil
import sys

KEEP_SIZE, PUNCH_HOLE = 1, 2
path, home = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)


def layout(p):
    f = os.open(p, os.O_RDONLY)
    end, at, out = os.fstat(f).st_size, 0, []
    while at < end:
        try:
            data = os.lseek(f, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(f, data, os.SEEK_HOLE)
        out.append((data, at))
    os.close(f)
    return out


f = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
os.truncate(path, 10 << 20)
assert os.stat(home).st_blocks == 0
os.pwrite(f, b"x" * 65536, 3 << 20)
os.pwrite(f, b"x" * 65536, 7 << 20)
assert layout(path) == layout(home) != []
os.posix_fallocate(f, 0, 131072)
if libc.fallocate(f, KEEP_SIZE | PUNCH_HOLE, ctypes.c_long(3 << 20), ctypes.c_long(65536)) == 0:
    assert os.pread(f, 10, 3 << 20) == bytes(10)
assert layout(path) == layout(home)
assert os.stat(path).st_blocks == os.stat(home).st_blocks
n = os.open(path + ".copy", os.O_RDWR | os.O_CREAT, 0o600)
done = 0
while done < 10 << 20:
    got = os.copy_file_range(f, n, (10 << 20) - done, done, done)
    assert got > 0
    done += got
assert open(home, "rb").read() == open(home + ".copy", "rb").read()
assert open(path, "rb").read() == open(path + ".copy", "rb").read()
