# Holds locks: shared ones on a (flock) and bytes 10 to 19 of b (fcntl), and an exclusive one on c
# (flock) as long as there is a file "exclusive". Its file "holds" says which; ends when there is
# a file "stop".
import fcntl
import os
import time

a, b, c = (open(name, "w+") for name in "abc")
b.write("x" * 100)
b.flush()
fcntl.flock(a, fcntl.LOCK_SH)
fcntl.lockf(b, fcntl.LOCK_SH, 10, 10)
holds = None
while not os.path.exists("stop"):
    want = os.path.exists("exclusive")
    if want != holds:
        fcntl.flock(c, fcntl.LOCK_EX if want else fcntl.LOCK_UN)
        holds = want
        with open("holds.new", "w") as f:
            f.write("abc" if holds else "ab")
        os.rename("holds.new", "holds")
    time.sleep(0.02)
print("ended")
