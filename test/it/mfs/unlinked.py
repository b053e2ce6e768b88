"""Unlinked and replaced files that are still open."""
import os
import sys

os.chdir(sys.argv[1])
f = os.open("f", os.O_RDWR | os.O_CREAT, 0o600)
os.write(f, b"contents")
assert os.fstat(f).st_nlink == 1
os.link("f", "g")
assert os.fstat(f).st_nlink == 2
os.unlink("g")
os.unlink("f")
assert os.fstat(f).st_nlink == 0
assert os.pread(f, 100, 0) == b"contents"
os.pwrite(f, b"more", 8)
os.fchmod(f, 0o640)
os.ftruncate(f, 10)
s = os.fstat(f)
assert s.st_size == 10 and s.st_mode & 0o777 == 0o640, s
assert os.pread(f, 100, 0) == b"contentsmo"
assert os.stat("/proc/self/fd/%d" % f).st_size == 10
os.close(f)

a = os.open("a", os.O_RDWR | os.O_CREAT)
os.write(a, b"old")
with open("b", "w") as b:
    b.write("new")
os.rename("b", "a")
assert os.pread(a, 10, 0) == b"old" and os.fstat(a).st_nlink == 0
assert open("a").read() == "new"

os.mkdir("d")
d = os.open("d", os.O_RDONLY)
os.rmdir("d")
assert os.listdir(d) == []
