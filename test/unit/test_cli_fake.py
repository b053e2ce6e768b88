#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_cli_fake.py FAKE_CLUSTER MOSIXCTL MOSIX_RUN - what the commands ask the daemon for, and what
they make of its answers."""
import json
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from fake_cluster import Cluster, run_tests, wait_until

FAKE, CTL, RUN = (os.path.realpath(p) for p in sys.argv[1:4])


def start_options():
    """mosix-run's options arrive as meant."""
    with Cluster(FAKE, 8, 0) as c:
        def start(*options):
            done = c.run(RUN, *options, "true", check=99)
            assert done.stderr == "mosix-run: Noted\n", done.stderr
            return c.last("start")

        nothing = {"node": "", "best": "0", "or_home": "0", "home": "0", "allowed": "", "memory": "0",
                   "cpu": "0", "io": "0", "class": "0"}
        assert start() == nothing
        assert len(c.log()) == 1, "a start asks for more than the start: %s" % c.log()
        assert start("-b") == dict(nothing, best="1")
        assert start("--best", "-m", "300", "-c") == dict(nothing, best="1", memory=str(300 << 20), cpu="1")
        assert start("-n", "n3") == dict(nothing, node="n3")
        assert start("-h") == dict(nothing, home="1")
        assert start("-r", "n1,3-5,10.0.0.9") == dict(nothing, allowed="1,3,4,5,8")
        assert start("-b", "-r", "home,8-9", "-F", "-G", "7", "-i", "-m2g") == dict(
            nothing, best="1", allowed="1,8,9", or_home="1", io="1", memory=str(2 << 30), **{"class": "7"})
        assert start("-r", "2,3", "-n", "n3") == dict(nothing, allowed="2,3", node="n3")
        for size, value in (("1K", 1 << 10), ("5m", 5 << 20), ("1T", 1 << 40)):
            assert start("-m", size)["memory"] == str(value)


def start_errors():
    """One sentence that names what is wrong, and status 125."""
    with Cluster(FAKE, 8, 0) as c:
        for options, text in (
                ("-r n1,frob,3", "no node 'frob'"), ("-r 1,77", "no node '77'"), ("-r 5-3", "'5-3'"),
                ("-r 90-95", "no node within '90-95'"), ("-r ,", "empty"),
                ("-r 2,3 -n n4", "node n4 is not among"), ("-r 2,3 -n frob", "no node frob"),
                ("-h -r 2", "exclude"), ("-h -b", "exclude"), ("-n 1 -b", "exclude"), ("-n 1 -F -r 1", "exclude"),
                ("-F", "--or-home needs --on"), ("-c -i", "exclude"), ("-G 8", "'8' is no class"),
                ("-G x", "'x' is no class"), ("-m 0", "'0' is no size"), ("-m 5X", "'5X' is no size"),
                ("-m -5", "'-5' is no size"), ("-m 99999999999999999999", "is no size"),
                ("-m 99999999T", "is no size")):
            done = c.run(RUN, *options.split(), "true", check=125)
            assert text in done.stderr, (options, done.stderr)
        assert not [words for words in c.log() if words[0] == "start"]


def controls_of_nodes():
    with Cluster(FAKE, 8, 16) as c:
        for command in "undrain", "block", "unblock", "stay", "unstay", "bring", "expel":
            c.run(CTL, command)
            assert c.last("OP_" + command.upper())["node"] == ""
            c.run(CTL, command, "n3")
            assert c.last("OP_" + command.upper())["node"] == "n3"
        c.run(CTL, "bring", "--all")
        assert c.last("OP_BRING")["all"] == "1"
        c.run(CTL, "speed", "12000")
        assert c.last("OP_SPEED")["value"] == "12000" and c.last("OP_SPEED")["node"] == ""
        c.run(CTL, "speed", "n2", "7000")
        assert c.last("OP_SPEED")["value"] == "7000" and c.last("OP_SPEED")["node"] == "n2"
        c.run(CTL, "balance", "off", "n4")
        assert c.last("OP_BALANCE")["on"] == "0" and c.last("OP_BALANCE")["node"] == "n4"
        c.run(CTL, "balance", "on")
        assert c.last("OP_BALANCE")["on"] == "1" and c.last("OP_BALANCE")["node"] == ""
        asked = len(c.log())
        for line in ("speed", "speed x", "speed n2 -5", "speed 1 2 3", "balance", "balance maybe", "block 1 2",
                     "lock", "freeze 1.1 x", "drain --frob", "undrain -W", "drain -qX"):
            done = c.run(CTL, *line.split(), check=2)
            assert not done.stdout and done.stderr.count("\n") == 1, (line, done)
        assert len(c.log()) == asked
        done = c.run(CTL, "block", "n99", check=1)
        assert done.stderr == "mosixctl: There is no such node in this cluster\n"


def drain_waits():
    with Cluster(FAKE, 4, 16) as c:
        done = c.run(CTL, "drain", "n2")
        assert (done.stdout, done.stderr) == ("Drained\n", "")
        row = json.loads(c.run(CTL, "drain", "--json", "n3").stdout)
        assert row == {"node": "n3", "text": "Drained", "done": row["done"], "left": 0, "waited": True,
                       "stays": []}, row
        assert row["done"] > 4
        jobs = json.loads(c.run(CTL, "ps", "-j").stdout)["jobs"]
        assert not [j for j in jobs if j["node"] == 3]
        assert c.run(CTL, "drain", "-q", "n2").stdout == ""
        on_4 = [j["job"] for j in jobs if j["node"] == 4]
        c.run(CTL, "lock", on_4[0])
        done = c.run(CTL, "drain", "n4", check=1)
        assert done.stderr == "mosixctl: Some jobs cannot leave\n"


def drain_without_waiting():
    with Cluster(FAKE, 2, 100) as c:
        row = json.loads(c.run(CTL, "drain", "-jW", "n1").stdout)
        assert row["waited"] is False and row["left"] == 50 and row["done"] == 0, row
        assert c.run(CTL, "expel", "--no-wait", "n2").stdout.startswith("0 moved, ")


def drain_interrupted():
    with Cluster(FAKE, 2, 400) as c:
        p = subprocess.Popen([CTL, "drain", "n1"], env=c.env, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: [w for w in c.log() if w[0] == "OP_DRAIN"], "the drain was asked for")
        p.send_signal(signal.SIGINT)
        assert p.communicate(timeout=20)[1] == (
            "mosixctl: waiting is over, the drain goes on ('mosixctl undrain n1' ends it)\n")
        assert p.returncode == -signal.SIGINT, p.returncode


def controls_of_jobs():
    with Cluster(FAKE, 4, 8) as c:
        c.run(CTL, "lock", "1.1", "1003")
        c.run(CTL, "freeze", "1.2")
        jobs = {j["job"]: j for j in json.loads(c.run(CTL, "ps", "--json").stdout)["jobs"]}
        assert [j for j in jobs if jobs[j]["lock"]] == ["1.1", "1.4"]
        assert jobs["1.2"]["state"] == "frozen"
        done = c.run(CTL, "unlock", "1.77", "1.1", check=1)
        assert done.stderr == "mosixctl: There is no such job\n"
        rows = json.loads(c.run(CTL, "continue", "-j", "1.2", "1.99", check=1).stdout)["jobs"]
        assert rows == [{"job": "1.2", "ok": True, "text": ""},
                        {"job": "1.99", "ok": False, "text": "There is no such job"}], rows
        jobs = {j["job"]: j for j in json.loads(c.run(CTL, "ps", "--json").stdout)["jobs"]}
        assert [j for j in jobs if jobs[j]["lock"]] == ["1.4"]
        assert jobs["1.2"]["state"] == "running"


def columns_of_jobs():
    with Cluster(FAKE, 8, 12) as c:
        def table(*options):
            lines = c.run(CTL, "ps", *options).stdout.splitlines()
            return lines[0].split(), lines[1:]

        assert table()[0] == "JOB PID USER NODE STATE CPU MEMORY MOVES COMMAND".split()
        header, rows = table("-l")
        assert header == ("JOB PID USER HOME START NODE STATE %CPU %MEM MEMORY DEMAND PROCS CPU ELAPSED MOVES "
                          "DIRECTORY COMMAND").split(), header
        assert len(rows) == 12 and "/home/root?[31m" in rows[0], rows
        header, rows = table("-o", "job,pcpu,node", "-s", "-pcpu")
        assert header == ["JOB", "%CPU", "NODE"]
        assert rows[0].split() == ["1.11", "100.0", "n4"], rows[0]
        assert [float(r.split()[1]) for r in rows] == sorted((float(r.split()[1]) for r in rows), reverse=True)
        assert [r.split()[0] for r in table("--sort=name", "--fields=name")[1]][:3] == ["job1", "job10", "job11"]
        jobs = json.loads(c.run(CTL, "ps", "-j", "-s", "-job").stdout)["jobs"]
        assert [j["job"] for j in jobs][:2] == ["1.12", "1.11"]
        assert jobs[0]["cwd"] == "/home/root\x1b[31m" and jobs[0]["memory_total_bytes"] == 4 << 30, jobs[0]
        for line, text in (("-o frob", "no field 'frob'; there are job, pid"), ("-s -frob", "no field 'frob'"),
                           ("-o job,,pid", "no field ''"), ("-o", "needs"), ("--fields", "needs"),
                           ("-o " + ",".join(["job"] * 21), "too many"), ("--long=x", "does not know")):
            done = c.run(CTL, "ps", *line.split(), check=2)
            assert text in done.stderr, (line, done.stderr)


def columns_of_nodes():
    with Cluster(FAKE, 12, 8) as c:
        c.run(CTL, "drain", "-q", "n2")
        c.run(CTL, "block", "n3")
        lines = c.run(CTL, "nodes").stdout.splitlines()
        assert lines[0].split() == ("NODE NAME ADDRESS STATE LOAD SPEED CPUS MEMORY FREE JOBS GUESTS AGE "
                                    "NOTES").split()
        rows = [line.split() for line in lines[1:]]
        assert rows[0][:7] == ["1", "n1*", "10.0.0.2", "alive", "2.00", "0.50", "1"], rows[0]
        assert [r[3] for r in rows].count("dead") == 1 and rows[6][3] == "dead" and rows[10][3] == "suspect"
        assert rows[6][4:-2] == ["-"] * 7, rows[6]
        assert lines[2].endswith("draining") and lines[3].endswith("no guests"), lines
        nodes = json.loads(c.run(CTL, "nodes", "--json").stdout)["nodes"]
        assert nodes[1]["flags"] == ["draining"] and nodes[1]["age_ms"] == 100 and nodes[1]["speed"] == 10000
        assert nodes[6]["state"] == "dead" and nodes[10]["state"] == "suspect"
        assert c.run(CTL, "status").stdout.startswith("mosixd:")


def explain():
    with Cluster(FAKE, 4, 4) as c:
        text = c.run(CTL, "explain", "1.3").stdout
        assert text == (
            "1.3 can move.\n"
            "Now it stays on n3.\n"
            "  No node is cheaper by enough.\n"
            "  cost:  1.5 here, 1.25 on n2; to move, it must be above 1.62 here\n"
            "  load:  1.20 here, 0.95 on n2\n"
            "  move:  takes about 340 ms, and pays after 1.20 s\n"
            "Before:\n"
            "  2023-11-14 22:13:20  n3 to n2: It cost less there: moved in 210 ms (cost 1.5 here, "
            "1.25 there, threshold 1.62)\n"), text
        now, before = json.loads(c.run(CTL, "explain", "-j", "1.3").stdout)["decisions"]
        assert now["at"] is None and now["reason"] == "cost" and now["stays"] is True
        assert before["at"] == 1700000000 and before["reason"] == "load" and before["stays"] is False
        assert before["threshold"] == 1.625 and before["text"].endswith("moved in 210 ms")


run_tests([start_options, start_errors, controls_of_nodes, drain_waits, drain_without_waiting, drain_interrupted,
           controls_of_jobs, columns_of_jobs, columns_of_nodes, explain])
