"""Works on files in a directory until a file "stop" is there; everything must be as it was written."""
import fcntl
import os
import random
import sys

d = sys.argv[1]
unlinked = "unlinked" in sys.argv[2:]

if unlinked:
    secret = open(d + "/secret", "w+b")
    os.unlink(d + "/secret")
locked = open(d + "/locked", "w+b")
fcntl.lockf(locked, fcntl.LOCK_EX)
total = open(d + "/total", "w+b")
n = 0
while not os.path.exists(d + "/stop"):
    n += 1
    record = b"%08d" % n
    total.write(record)
    if unlinked:
        secret.write(record)
    os.mkdir(f"{d}/dir{n}")
    data = random.randbytes(random.randrange(1, 400000))
    with open(f"{d}/dir{n}/file", "xb") as f:
        f.write(data)
    os.rename(f"{d}/dir{n}/file", d + "/file")
    with open(d + "/file", "rb") as f:
        assert f.read() == data, n
    os.rmdir(f"{d}/dir{n}")
    with open(d + "/log", "a") as f:
        f.write(f"{n}\n")

want = b"".join(b"%08d" % i for i in range(1, n + 1))
for f in [total] + ([secret] if unlinked else []):
    f.seek(0)
    assert f.read() == want
assert open(d + "/log").read() == "".join(f"{i}\n" for i in range(1, n + 1))
# The lock is held still: nobody else gets it.
pid = os.fork()
if pid == 0:
    try:
        fcntl.lockf(open(d + "/locked", "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os._exit(0)
    os._exit(1)
assert os.waitpid(pid, 0)[1] == 0
print("right")
