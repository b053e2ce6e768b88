"""A file without a name that gets one."""
import ctypes
import os
import sys

AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400

os.chdir(sys.argv[1])
f = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o644)
os.write(f, b"temporary\n")
assert os.listdir(".") == [] and os.fstat(f).st_nlink == 0
libc = ctypes.CDLL(None, use_errno=True)
assert libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % f, AT_FDCWD, b"linked", AT_SYMLINK_FOLLOW) == 0, ctypes.get_errno()
assert os.fstat(f).st_nlink == 1 and os.listdir(".") == ["linked"]
