"""renameat2() with its flags in a directory that has the files a and b: at the end they are exchanged."""
import ctypes
import errno
import os
import sys

NOREPLACE, EXCHANGE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)


def rename(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) == 0:
        return 0
    return ctypes.get_errno()


os.chdir(sys.argv[1])
assert rename("a", "b", NOREPLACE) == errno.EEXIST
assert rename("a", "c", NOREPLACE) == 0 and not os.path.exists("a")
assert rename("c", "a", NOREPLACE) == 0
assert rename("a", "missing", EXCHANGE) == errno.ENOENT
assert rename("a", "b", EXCHANGE) == 0
assert open("a").read() == "b\n" and open("b").read() == "a\n"
