"""Mappings of a file on the mount (first path) and what they are at home (second path)."""
import mmap
import os
import sys

path, home = sys.argv[1:]
size = 1 << 20
with open(home, "wb") as f:
    f.write(b"h" * size)
f = os.open(path, os.O_RDWR)
m = mmap.mmap(f, size)
assert m[:] == b"h" * size
m[5000:5003] = b"abc"
m.flush()
assert open(home, "rb").read()[4999:5004] == b"habch"
p = mmap.mmap(f, size, flags=mmap.MAP_PRIVATE)
p[0:1] = b"p"
assert os.pread(f, 1, 0) == b"h" and p[0:1] == b"p"
# A new mapping of a file that was changed at home meanwhile.
with open(home, "r+b") as g:
    g.seek(100)
    g.write(b"new")
n = os.open(path, os.O_RDONLY)
r = mmap.mmap(n, size, prot=mmap.PROT_READ)
assert r[99:104] == b"hnewh", r[99:104]
m[200:203] = b"end"
m.close()
os.close(f)
os.fsync(os.open(path, os.O_RDWR))
assert open(home, "rb").read()[200:203] == b"end"
# Appending descriptors bypass the cache; they can be mapped all the same.
a = os.open(path, os.O_RDWR | os.O_APPEND)
mmap.mmap(a, size)[300:303] = b"app"
