# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster that does not exist (fake_cluster.c), for tests of the commands, and their report."""
import os
import subprocess
import sys
import tempfile
import time
import traceback


def wait_until(condition, what, seconds=20):
    """Polls; what it returns at last is the result."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, "after %d s still not: %s" % (seconds, what)
        time.sleep(0.02)


class Cluster:
    """with Cluster(fake, nodes, jobs) as c: …; programs find it by c.env"""

    def __init__(self, program, nodes, jobs):
        self.program, self.nodes, self.jobs = program, nodes, jobs
        self.dir = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.dir.name, "control.sock")
        self.log_path = os.path.join(self.dir.name, "log")
        self.env = dict(os.environ, MOSIX_CONTROL=self.socket, LC_ALL="C.UTF-8", TZ="UTC")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.program, self.socket, str(self.nodes), str(self.jobs), self.log_path])
        wait_until(lambda: os.path.exists(self.socket), "the fake daemon listens")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        os.unlink(self.socket)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *args):
        self.stop()
        self.dir.cleanup()

    def log(self):
        """Requests so far, as lists of words."""
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path) as f:
            return [line.split() for line in f]

    def last(self, op):
        """The last request of that kind, as a dictionary."""
        line = [words for words in self.log() if words[0] == op][-1]
        return dict(word.split("=", 1) for word in line[1:])

    def run(self, *argv, check=0, **kwargs):
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60, **kwargs)
        assert done.returncode == check, "%s: status %d, not %d\n%s%s" % (
            argv, done.returncode, check, done.stdout, done.stderr)
        return done


def run_tests(tests):
    """TAP; the exit status."""
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print("ok %d - %s" % (number, test.__name__), flush=True)
        except Exception:  # whatever it is, it is this test's failure
            failed += 1
            print("not ok %d - %s" % (number, test.__name__))
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    print("1..%d" % len(tests))
    sys.exit(1 if failed else 0)
