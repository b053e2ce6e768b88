#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_cli_batch.py FAKE_MOSIXD MOSIX_BATCH - what mosix-batch shows and notes, with a daemon that runs jobs
as plain children (fake_mosixd.c)."""
import os
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from fake_cluster import run_tests, wait_until
from screen import Terminal

FAKE, BATCH = (os.path.realpath(p) for p in sys.argv[1:3])


class Daemon:
    """with Daemon() as d: …; programs find it by d.env and run in d.dir"""

    def __enter__(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = self.tmp.name
        socket = self.path("control.sock")
        self.env = dict(os.environ, MOSIX_CONTROL=socket, LC_ALL="C.UTF-8", TMPDIR=self.dir)
        self.process = subprocess.Popen([FAKE, socket])
        wait_until(lambda: os.path.exists(socket), "the fake daemon listens")
        return self

    def __exit__(self, *args):
        self.process.terminate()
        self.process.wait()
        self.tmp.cleanup()

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        if not os.path.exists(self.path(name)):
            return ""
        with open(self.path(name)) as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def noted(self):
        return [line.split()[1] for line in self.read("state").splitlines()[1:]]

    def batch(self, *options, check=0):
        done = subprocess.run([BATCH, *options], env=self.env, cwd=self.dir, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == check, "%s: status %d, not %d\n%s%s" % (
            options, done.returncode, check, done.stdout, done.stderr)
        return done


def in_order_and_resumed():
    """Killed while output waits for an earlier line: together the two runs show all of it, each once."""
    with Daemon() as d:
        d.write("lines", "echo 1\n"
                "while [ ! -e go ]; do sleep 0.05; done; echo 2\n"
                "echo 3\n"
                "echo 4; [ -e go ] || exit 1\n")
        options = "-k", "-j", "2", "-s", "state", "lines"
        with open(d.path("out"), "w") as out:
            p = subprocess.Popen([BATCH, *options], env=d.env, cwd=d.dir, stdout=out, stderr=subprocess.PIPE,
                                 text=True)
            # The second has one of two places, so the third has ended before the fourth.
            assert p.stderr.readline() == "mosix-batch: line 4 failed with status 1\n"
            p.send_signal(signal.SIGKILL)
            p.wait()
            p.stderr.close()
        assert d.read("out") == "1\n", d.read("out")
        assert d.noted() == ["1"], d.read("state")
        d.write("go", "")
        assert d.batch(*options).stdout == "2\n3\n4\n"
        assert d.noted() == ["1", "2", "3", "4"], d.read("state")
        assert d.batch(*options).stdout == ""


def in_order_and_interrupted():
    """What waited for a line that is ended with the batch is shown then, and so it is done."""
    with Daemon() as d:
        d.write("lines", "while [ ! -e go ]; do sleep 0.05; done; exit 1\necho 2\nexit 3\n")
        options = "-k", "-j", "2", "-s", "state", "lines"
        p = subprocess.Popen([BATCH, *options], env=d.env, cwd=d.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        assert p.stderr.readline() == "mosix-batch: line 3 failed with status 3\n"
        p.send_signal(signal.SIGTERM)
        assert p.communicate(timeout=30)[0] == "2\n"
        assert p.returncode == -signal.SIGTERM, p.returncode
        assert d.noted() == ["2"], d.read("state")
        d.write("go", "")
        assert d.batch(*options, check=1).stdout == ""


def progress():
    """On a terminal a line says how far it is; it is gone where something else is said, and at the end."""
    with Daemon() as d:
        d.write("lines", "".join("while [ ! -e go%d ]; do sleep 0.05; done%s\n" % (i, "; exit 7" if i == 2 else "")
                                 for i in (1, 2, 3)))
        with Terminal([BATCH, "-j", "2", d.path("lines")], d.env, cwd=d.dir) as t:
            t.shows(r"^0 of 3 done, 2 running, 0:\d\d$")
            d.write("go1", "")
            t.shows(r"^1 of 3 done, 2 running, 0:\d\d$")
            d.write("go2", "")
            t.shows(r"^mosix-batch: line 2 failed with status 7\n2 of 3 done, 1 running, 1 failed, 0:\d\d$")
            d.write("go3", "")
            t.ends(1)
            assert t.picture.text().rstrip() == (
                "mosix-batch: line 2 failed with status 7\nmosix-batch: 1 of 3 lines failed"), t.picture.text()
        assert " done" not in d.batch("lines", check=1).stderr, "progress without a terminal"


run_tests([in_order_and_resumed, in_order_and_interrupted, progress])
