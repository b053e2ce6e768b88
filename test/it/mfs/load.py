"""Makes, writes, renames and removes files until the file "stop" appears. Every step must succeed
exactly once, whatever the server does meanwhile."""
import os
import sys

os.chdir(sys.argv[1])
log = os.open("log", os.O_WRONLY | os.O_CREAT, 0o600)
n = 0
while not os.path.exists("stop"):
    os.mkdir("d")
    with open("d/a", "x") as f:
        f.write("line %d\n" % n * 100)
    os.rename("d/a", "d/b")
    os.link("d/b", "d/c")
    os.symlink("b", "d/s")
    os.unlink("d/b")
    assert open("d/c").read() == "line %d\n" % n * 100
    os.unlink("d/c")
    os.unlink("d/s")
    os.rmdir("d")
    os.write(log, b"%d\n" % n)
    n += 1
assert open("log").read() == "".join("%d\n" % i for i in range(n))
print(n, "rounds")
