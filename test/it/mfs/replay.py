"""Each operation is carried out, then its answer gets lost: the connection is cut ("error") or the
server dies ("kill") before it can answer. The caller must not notice.

usage: replay.py DIRECTORY FAIL-FILE error|kill"""
import os
import sys

path, fail, how = sys.argv[1:]
os.chdir(path)


def lose(fn, *args, **kw):
    """One operation whose answer gets lost."""
    with open(fail + ".new", "w") as f:
        f.write(how)
    os.rename(fail + ".new", fail)
    result = fn(*args, **kw)
    if how == "error":
        os.unlink(fail)
    else:
        assert not os.path.exists(fail), "the server did not die"
    return result


lose(os.mkdir, "d")
lose(os.symlink, "target", "s")
f = lose(os.open, "f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
assert lose(os.write, f, b"contents") == 8
lose(os.link, "f", "l")
lose(os.rename, "f", "r")
lose(os.setxattr, "r", "user.a", b"1", os.XATTR_CREATE)
lose(os.removexattr, "r", "user.a")
lose(os.mkfifo, "p")
lose(os.unlink, "l")
lose(os.rmdir, "d")
if how == "error":
    a = os.open("r", os.O_WRONLY | os.O_APPEND)
    assert lose(os.write, a, b" and more") == 9
    os.close(a)
    assert open("r").read() == "contents and more"
g = lose(os.open, "r", os.O_RDONLY)
assert os.read(g, 8) == b"contents"
assert sorted(os.listdir(".")) == ["p", "r", "s"] and os.stat("r").st_nlink == 1
