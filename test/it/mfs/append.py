"""Several processes append to one file by different ways: no line is lost or torn."""
import os
import sys

LINES = 300
pids = []
for n, path in enumerate(sys.argv[1:]):
    pid = os.fork()
    if pid == 0:
        f = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        for i in range(LINES):
            line = b"%d %d\n" % (n, i)
            assert os.write(f, line) == len(line)
        os._exit(0)
    pids.append(pid)
for pid in pids:
    assert os.waitpid(pid, 0)[1] == 0
for path in sys.argv[1:]:
    lines = open(path).read().splitlines()
    assert len(lines) == LINES * len(pids), (path, len(lines))
    for n in range(len(pids)):
        assert [x for x in lines if x.startswith("%d " % n)] == ["%d %d" % (n, i) for i in range(LINES)]
