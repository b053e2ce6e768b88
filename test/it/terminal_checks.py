#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs on a terminal that move from node to node while they are used: everything that their
user sees must be, byte by byte, what an unmoved run without mosix-run shows.

usage: terminal_checks.py [-l] [NAME...]

Runs on n1 of a cluster with n2 and n3, in the home directory of a user who has payload/ there.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import deputy_checks as dc
from deputy_checks import Terminal, check, equal, wait_for

dc.checks.clear()
PAYLOAD = os.path.expanduser("~/payload")


def jobs():
    out = subprocess.run(["mosixctl", "ps", "--json"], check=True, capture_output=True).stdout
    return json.loads(out)["jobs"]


class Session:
    """A shell on a terminal in which "job COMMAND" is the program under test."""

    def __init__(self, moved):
        self.moved, self.moves = moved, 0
        self.t = Terminal(30, 90)
        # one text, which the shell shows when it stops
        self.t.command("JOB='%s'; job() { $JOB \"$@\"; }" % ("mosix-run -J terminal --" if moved else "command"))

    def begin(self, command):
        self.t.begin("job " + command)
        self.from_here = len(self.t.all) - len(self.t.seen)
        if self.moved:
            self.t.wait_raw()

    def type(self, text, pattern=None):
        self.t.type(text)
        if pattern:
            self.t.expect(pattern)

    def move(self):
        """To the next of n2, n3 and n1, if this is the moved run."""
        if not self.moved:
            return
        job = [j["job"] for j in jobs() if j["name"] == "terminal"][0]
        node = ("n2", "n3", "n1")[self.moves % 3]
        self.moves += 1

        def done():
            return subprocess.run(["mosixctl", "migrate", job, node], capture_output=True).returncode == 0

        wait_for(done, "job %s moved to %s" % (job, node), 20)

    def fg(self):
        self.t.begin("fg")
        self.t.expect("JOB.*\r\n")
        if self.moved:
            self.t.wait_raw()

    def end(self):
        """The program has ended: all that was shown since it began, and its exit status."""
        self.t.expect(self.t.PROMPT)
        self.t.command("echo status $?")
        return self.t.all[self.from_here:]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.t.__exit__(*exc)


def same(script, at_least):
    """The script shows the same, moved and unmoved."""
    shown = []
    for moved in False, True:
        with Session(moved) as s:
            script(s)
            shown.append(s.end())
            if moved and s.moves < at_least:
                raise dc.Failed("only %d moves" % s.moves)
    at = len(os.path.commonprefix(shown))
    equal(shown[1][at:], shown[0][at:], "what was shown behind %r" % shown[0][max(at - 100, 0):at])


@check("a program reading its terminal: lines, half lines, a password, sizes, ^C, ^Z and fg")
def reader():
    def script(s):
        s.begin(PAYLOAD + "/reader.py")
        s.t.expect("size 90 30\r\n1> ")
        s.move()
        s.type("hello\n", "you said: hello\r\n2> ")
        s.type("half a li", "half a li")
        s.move()
        s.type("ne\n", "you said: half a line\r\n3> ")
        s.type("secret\n", "password: ")
        s.move()
        s.type("abc")
        s.move()
        s.type("def\n", "length 6\r\n4> ")
        s.t.size(40, 100)
        s.t.expect("size 100 40\r\n")
        s.move()
        s.t.size(41, 101)
        s.t.expect("size 101 41\r\n")
        s.type("\x03", "interrupt 1\r\n")
        s.move()
        s.type("\x03", "interrupt 2\r\n")
        s.type("wrongX\x7f\x7f\x15right\n", "you said: right\r\n5> ")
        for n, line in (6, "one"), (7, "two"):
            s.type("\x1a", "Stopped.*\r\n" + s.t.PROMPT)
            s.move()
            s.fg()
            s.type(line + "\n", "you said: %s\r\n%d> " % (line, n))
        s.move()
        s.type("quit\n", "bye after 2 interrupts\r\n")

    same(script, 9)


@check("a program that reads single keys in raw mode")
def raw():
    def script(s):
        s.begin(PAYLOAD + "/keys.py")
        s.t.expect("keys\r\n")
        for key in "a", "\x03", "\x1a", "\x04", "\r", "\n", "\x7f":
            s.type(key, "%02x\r\n" % ord(key))
            s.move()
        s.t.size(20, 60)
        s.t.expect("size 20 60\r\n")
        s.type("\x1b[A", "1b\r\n5b\r\n41\r\n")
        s.type("q", "71\r\n")

    same(script, 7)


@check("a pager")
def pager():
    with tempfile.NamedTemporaryFile("w", dir=os.path.expanduser("~")) as f:
        f.write("".join("line %d\n" % i for i in range(1, 3001)))
        f.flush()
        os.environ.update(LESS="", LESSCHARSET="ascii", LESSHISTFILE="-")

        def script(s):
            s.begin("less " + f.name)
            s.t.expect("line 29\r\n.*\x1b\\[K")
            for key, last in (" ", "line 58"), ("G", "line 3000"), ("77g", "line 77"):
                s.move()
                s.type(key, last + "\r\n.*(:|END\\)\x1b\\[m)\x1b\\[K$")  # until it waits for a key
            s.move()
            s.type("q")

        same(script, 4)


@check("a terminal that is closed hangs up a job that has moved")
def hangup():
    with tempfile.TemporaryDirectory(dir=os.path.expanduser("~")) as d:
        mark = os.path.join(d, "mark")
        s = Session(True)
        s.begin("sh -c 'trap \"echo hup >>%s; exit\" HUP; echo ready; while :; do sleep 0.05; done'" % mark)
        s.t.expect("ready")
        s.move()
        s.t.done()
        wait_for(lambda: os.path.exists(mark) and open(mark).read() == "hup\n", "it got SIGHUP, once")
        wait_for(lambda: not jobs(), "the job has ended")
        time.sleep(0.2)
        equal(open(mark).read(), "hup\n", "signals")


if __name__ == "__main__":
    sys.exit(dc.main(sys.argv[1:]))
