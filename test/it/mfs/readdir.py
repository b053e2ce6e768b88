"""Deletes all files of a directory while it is being read: every name comes up exactly once. Also
goes back to remembered places."""
import os
import sys

path = sys.argv[1]
seen = set()
with os.scandir(path) as it:
    for e in it:
        assert e.name not in seen, e.name
        seen.add(e.name)
        if len(seen) % 3 == 0:
            os.unlink(os.path.join(path, e.name))
assert len(seen) == 10000, len(seen)
assert len(os.listdir(path)) == 10000 - 3333
for name in os.listdir(path):
    os.unlink(os.path.join(path, name))
assert os.listdir(path) == []
