"""Has a file and a directory open while the server dies and comes back."""
import os
import sys
import time

path, go = sys.argv[1:]
f = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
r = os.open(path, os.O_RDONLY)
os.write(f, b"before\n")
os.chdir(os.path.dirname(path))
d = os.open(".", os.O_RDONLY)
os.chmod(path, 0)
print("ready", flush=True)
while not os.path.exists(go):
    time.sleep(0.05)
os.write(f, b"after\n")
assert os.read(r, 100) == b"before\nafter\n"
assert os.listdir(d) == [os.path.basename(path)]
assert os.stat(os.path.basename(path)).st_size == 13
