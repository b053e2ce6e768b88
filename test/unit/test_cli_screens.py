#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_cli_screens.py FAKE_CLUSTER MOSIXCTL - mosixctl top, nodes --watch and mon on a terminal."""
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from fake_cluster import Cluster, run_tests, wait_until
from screen import DOWN, END, ENTER, PAGE_DOWN, RIGHT, TAB, Terminal

FAKE, CTL = (os.path.realpath(p) for p in sys.argv[1:3])


def top_for_scripts():
    with Cluster(FAKE, 8, 12) as c:
        text = c.run(CTL, "top", "-b", "-n2", "-d", "0.1", "-s", "-rss", "-o", "job,rss").stdout
        pictures = text.split("\n\nMOSIX")
        assert len(pictures) == 2, text
        lines = pictures[0].splitlines()
        assert re.fullmatch(r"MOSIX \d\d:\d\d:\d\d  7 of 8 nodes, 17 CPUs, mean load [\d.]+, \d+ guests, 12 jobs",
                            lines[0]), lines[0]
        assert lines[2].split() == ["JOB", "MEMORY"] and lines[3].split()[:2] == ["1.12", "12.0"], lines
        for line in "-n 0", "-n x", "-d 0", "-d x", "-s frob", "-o frob", "x":
            c.run(CTL, "top", *line.split(), check=2)
        assert "needs a terminal" in c.run(CTL, "top", check=1).stderr


def top_on_a_terminal():
    with Cluster(FAKE, 8, 40) as c, Terminal([CTL, "top", "-d", "0.2"], c.env) as t:
        t.shows(r"^MOSIX .* 40 jobs$").shows(r"^ *JOB +PID +USER +START +NODE").shows(r"^1\.11 ")
        t.key("J")
        t.shows(r"^ *1\.1 ").shows("^ *1.9 ")
        t.key(DOWN * 3)
        t.until(lambda: re.match(r" *1\.4 ", t.picture.lines()[3]), "scrolled")
        t.resize(10, 60)
        t.shows(r"^ *1\.4 ").until(lambda: t.picture.lines()[9], "the last line")
        asked = len(c.log())
        t.until(lambda: len(c.log()) >= asked + 6, "asked again")
        t.key("q")
        t.ends(0)


def watch_nodes():
    with Cluster(FAKE, 30, 4) as c:
        with Terminal([CTL, "nodes", "--watch", "0.2"], c.env) as t:
            t.shows(r"^ *7 +n7 .* dead ").shows("MOSIX .* 26 of 30 nodes")
            t.key(PAGE_DOWN)
            t.shows(r"^ *30 +n30 ")
            c.run(CTL, "block", "n30")
            t.shows(r"^ *30 +n30 .*no guests")
            t.key(RIGHT * 10)
            t.shows(r"NOTES$").shows("s  no guests$")
            t.key("\x03")
            t.ends(-signal.SIGINT)
        p = subprocess.Popen([CTL, "nodes", "-w", "0.1"], env=c.env, stdout=subprocess.PIPE, text=True)
        for _ in range(70):
            assert p.stdout.readline()
        p.stdout.close()
        p.wait(timeout=10)


def gone_daemon():
    """Is said, what was there stays, and it goes on when the daemon is back."""
    with Cluster(FAKE, 8, 4) as c, Terminal([CTL, "nodes", "-w", "0.2"], c.env) as t:
        t.shows(r"^ *8 +n8 ")
        c.stop()
        t.shows("^mosixd does not run on this node").shows(r"^ *8 +n8 ")
        c.start()
        t.shows("^q quit")
        t.key("q")
        t.ends(0)
        c.stop()
        done = c.run(CTL, "top", check=3)
        assert "systemctl start mosixd" in done.stderr
        c.start()


def mon_shows_the_spread():
    with Cluster(FAKE, 8, 24) as c, Terminal([CTL, "mon", "-d", "0.2"], c.env) as t:
        t.shows(r"^MOSIX load  7 of 8 nodes").shows("1 n1: alive, load 8.00")

        def height(node):
            return sum(line[8 + 9 * (node - 1)] in "▁▂▃▄▅▆▇█" for line in (l.ljust(80) for l in t.picture.lines()))

        t.until(lambda: height(1) > height(5) > height(8) > height(7) == 0, "a bar for each node")
        before = height(1)
        c.run(CTL, "drain", "-q", "n1")
        t.until(lambda: height(1) == 0 < height(2), "the drained node empty")
        assert before > 10
        for key, title in zip("msgutl", ("memory", "capacity", "guests", "utilisation", "status", "load")):
            t.key(key)
            t.shows("^MOSIX " + title)
        t.key("d")
        t.until(lambda: not re.search("^ +1 .* 7 +8$", t.picture.text(), re.M), "without the dead node")
        t.key("h")
        t.shows("MOSIX help").shows("In the list of jobs")
        t.key("x")
        t.shows("MOSIX load")
        t.key("q")
        t.ends(0)


def mon_asks_once_a_second():
    with Cluster(FAKE, 8, 24) as c, Terminal([CTL, "mon"], c.env) as t:
        t.shows("1 n1: alive")
        before, drawn = len(c.log()), t.drawn
        t.until(lambda: len(c.log()) >= before + 3, "three questions", 8)
        asked = [words[0] for words in c.log()[before:]]
        assert set(asked) == {"OP_NODES"}, asked
        ticks = os.sysconf("SC_CLK_TCK")
        with open("/proc/%d/stat" % t.process.pid) as f:
            used = sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:13]) / ticks
        assert used < 0.5, "%.2f s of CPU time" % used
        assert t.drawn - drawn < 4000, "%d bytes drawn without news" % (t.drawn - drawn)
        t.key("q")
        t.ends(0)


def mon_controls_jobs():
    with Cluster(FAKE, 8, 24) as c, Terminal([CTL, "mon", "-d", "0.2"], c.env) as t:
        t.shows("1 n1: alive")
        t.key(TAB)
        t.shows(r"24 jobs").shows(r"^ 1\.1 ")
        t.key(DOWN)
        t.until(lambda: t.picture.selected() and t.picture.selected()[0].startswith("1.2 "), "job 1.2 selected")
        t.key(ENTER)
        t.shows(r"Move 1\.2 to which node \(or home\)\?")
        t.key("n9\x7f5" + ENTER)
        t.shows(r"Moving 1\.2 to n5: done, in 20 ms").shows(r"^ 1\.2  root  n1     n5 ")
        t.key("b")
        t.shows(r"Moving 1\.2 to home: done").shows(r"^ 1\.2  root  n1     n1 ")
        t.key("L")
        t.shows(r"^ 1\.2 .* running, locked")
        t.key("f")
        t.shows(r"^ 1\.2 .* frozen, locked")
        t.key("f")
        t.shows(r"^ 1\.2 .* running, locked")
        t.key("K")
        t.shows("Killing 1.2: really")
        t.key("y")
        t.shows("23 jobs").until(lambda: "1.2 " not in t.picture.text(), "without job 1.2")
        assert c.last("OP_KILL")["signal"] == "9"
        t.key(ENTER + "frob" + ENTER)
        t.shows("There is no such node in this cluster")
        t.key(TAB)
        t.key(RIGHT)
        t.key("D")
        t.shows("Draining node 2: really")
        t.key("y")
        t.shows("Draining node 2: . jobs have to leave").shows("2 n2: alive, draining")
        t.key("q")
        t.ends(0)


def mon_at_all_sizes():
    with Cluster(FAKE, 200, 24) as c, Terminal([CTL, "mon", "-d", "0.2"], c.env) as t:
        t.shows("1-72 of 200 >")
        t.key(END)
        t.shows("< 129-200 of 200").shows("200 n200: alive")
        t.resize(50, 240)
        t.shows("200 n200: alive").until(lambda: " of 200 nodes" in t.picture.lines()[0] and
                                         re.match("l load", t.picture.lines()[49]), "the new size")
        t.resize(5, 20)
        t.shows("too small")
        t.resize(24, 80)
        t.shows("< 129-200 of 200")
        t.key("q")
        t.ends(0)


def mon_ends_well():
    """However it ends, the terminal is as before; a daemon that goes away does not end it."""
    with Cluster(FAKE, 8, 24) as c:
        for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            with Terminal([CTL, "mon"], c.env) as t:
                t.shows("1 n1: alive")
                t.signal(sig)
                t.ends(-sig)
        with Terminal([CTL, "mon", "-d", "0.2"], c.env) as t:
            t.shows("1 n1: alive")
            c.stop()
            t.shows("mosixd does not run on this node").shows("1 n1: alive")
            t.key("m")
            t.shows("MOSIX memory")
            c.start()
            t.until(lambda: "does not run" not in t.picture.text(), "asking again")
            t.key("\x03")
            t.ends(-signal.SIGINT)


def mon_without_utf8_and_colours():
    with Cluster(FAKE, 8, 24) as c:
        c.env["LC_ALL"] = "C"
        with Terminal([CTL, "mon"], c.env) as t:
            t.shows("1 n1: alive").shows("^      5[|]#")
            assert t.picture.text().isascii()
            t.key("q")
            t.ends(0)
        c.env["LC_ALL"] = "C.UTF-8"
        with Terminal([CTL, "mon", "--ascii"], c.env, term="vt220") as t:
            t.shows("1 n1: alive").shows("^      5[|]#")
            t.key("q")
            t.until(lambda: t.process.poll() is not None, "ended")


def no_terminal():
    with Cluster(FAKE, 2, 1) as c:
        # ncurses forgets a screen when it does not know the terminal
        env = dict(c.env, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        with Terminal([CTL, "top"], env, term="frob") as t:
            t.shows("the terminal 'frob' is not known")
            t.ends(1)
        t = Terminal([CTL, "top"], c.env)
        t.shows("^ *JOB")
        t.hang_up()
        assert t.process.returncode in (0, -signal.SIGHUP), t.process.returncode


run_tests([top_for_scripts, top_on_a_terminal, watch_nodes, gone_daemon, mon_shows_the_spread, mon_asks_once_a_second,
           mon_controls_jobs, mon_at_all_sizes, mon_ends_well, mon_without_utf8_and_colours, no_terminal])
