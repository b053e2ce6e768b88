#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_sim_program.py MOSIX_SIM - its reports and charts, of a cluster so small that a run takes no time."""
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
from fake_cluster import run_tests

SIM = os.path.realpath(sys.argv[1])
SMALL = "--nodes", "8", "--cpus", "2", "--speed", "0.5-2", "--hours", "0.03"
POLICIES = ["none", "random", "ours"]
SOME = *SMALL, "--policy", ",".join(POLICIES)
CHARTS = ["gossip-age.svg", "slowdown-cdf.svg", "slowdown.svg", "spread.svg"]
SVG = "{http://www.w3.org/2000/svg}"


def sim(*options, check=0, out=subprocess.PIPE):
    """Its output; or what it says on standard error, where it is to fail."""
    done = subprocess.run([SIM, *options], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == check, "%s: status %d, not %d\n%s" % (options, done.returncode, check, done.stderr)
    assert bool(check) == bool(done.stderr), done.stderr
    return done.stderr if check else done.stdout


def tables(text):
    """Those of a report as lists of rows, the first of which are the headers; there are blanks within cells."""
    return [[re.split(r" {2,}|(?<!/) (?!bound|%|job)", line.strip()) for line in part.splitlines()]
            for part in text.split("\n\n") if part.startswith("policy ")]


def report():
    text = sim(*SOME, "--seed", "5")
    assert re.match(r"8 nodes, 16 CPUs \([\d.]+ standard ones\), 32\.0 GiB; \d+ jobs, [\d.]+ CPU hours; seed 5\n\n",
                    text), text
    assert re.search(r"\n\ngossip of \d+ entries: age [\d.]+ steps on average .* bytes per node and second\n$", text)
    slowdowns, moves = tables(text)
    assert slowdowns[0] == ["policy", "slowdown", "median", "95 %", "99 %", "makespan", "/ bound", "spread",
                            "unended"], slowdowns[0]
    assert moves[0] == ["policy", "remote", "moves", "per job", "useless", "overloads", "avoidable", "OOM", "refused",
                        "lost"], moves[0]
    for table in slowdowns, moves:
        assert [row[0] for row in table[1:]] == POLICIES, table
        assert {len(row) for row in table} == {len(table[0])}, table
    for row in slowdowns[1:]:
        mean, median, most, nearly_all, makespan, bound = (float(cell.rstrip("s")) for cell in row[1:7])
        assert 1 <= median <= most <= nearly_all and mean >= 1 and makespan > 0 and bound >= 1, row
    assert moves[1][1:3] == ["0", "0"] and int(moves[2][1]) > 0, moves
    # The same numbers for programs.
    found = json.loads(sim(*SOME, "--seed", "5", "--json"))
    assert (found["nodes"], found["seed"]) == (8, 5), found
    for row, counts, r in zip(slowdowns[1:], moves[1:], found["results"], strict=True):
        assert row[:3] == [r["policy"], "%.2f" % r["slowdown"]["mean"], "%.2f" % r["slowdown"]["p50"]], (row, r)
        assert counts[:3] == [r["policy"], str(r["remote_starts"]), str(r["moves"]["all"])], (counts, r)
    # All policies are those of the help.
    known = re.findall(r"^  ([a-z-]+) ", sim("--help").split("\nPolicies:\n")[1], re.M)
    assert set(POLICIES) < set(known), known
    assert [row[0] for row in tables(sim(*SMALL))[0][1:]] == known


def chart(directory, name):
    with open(os.path.join(directory, name), "rb") as f:
        text = f.read()
    root = ElementTree.fromstring(text)
    assert root.tag == SVG + "svg", root.tag
    lines = [[tuple(float(v) for v in point.split(",")) for point in line.get("points").split()]
             for line in root.iter(SVG + "polyline")]
    for line in lines:
        assert line and all(0 <= x <= 900 and 0 <= y <= 520 for x, y in line), (name, line)
    return text, lines, [t.text for t in root.iter(SVG + "text")], list(root.iter(SVG + "rect"))


def charts():
    """Well-formed, with one series for each policy under its name."""
    with tempfile.TemporaryDirectory() as tmp:
        directory = os.path.join(tmp, "charts")
        assert sim(*SOME, "--plot", directory) == sim(*SOME)
        assert sorted(os.listdir(directory)) == CHARTS
        for name in "slowdown-cdf.svg", "spread.svg":
            _, lines, texts, _ = chart(directory, name)
            assert len(lines) == len(POLICIES) and [t for t in texts if t in POLICIES] == POLICIES, (name, texts)
            for line in lines:
                assert len(line) > 5 and line == sorted(line, key=lambda point: point[0]), (name, line)
        for line in chart(directory, "slowdown-cdf.svg")[1]:
            assert [y for _, y in line] == sorted((y for _, y in line), reverse=True), line
        _, lines, texts, bars = chart(directory, "slowdown.svg")
        # The background and the frame are none.
        assert not lines and len(bars) == len(POLICIES) + 2, bars
        assert [t for t in texts if t in POLICIES] == POLICIES, texts
        means = ["%.2f" % r["slowdown"]["mean"] for r in json.loads(sim(*SOME, "--json"))["results"]]
        assert [t for t in texts if t in means] == means, (texts, means)
        _, lines, texts, _ = chart(directory, "gossip-age.svg")
        assert len(lines) == 4 and texts[-4:] == ["ages", "average", "formula", "largest, formula"], texts


def by_seed():
    """The same seed gives the same, to the byte; another one does not."""
    def run(seed):
        with tempfile.TemporaryDirectory() as tmp:
            text = sim(*SMALL, "--seed", seed, "--plot", tmp)
            return [text[text.index("\n"):]] + [chart(tmp, name)[0] for name in CHARTS]

    first, again, other = run("7"), run("7"), run("8")
    assert first == again
    for one, two in zip(first, other):
        assert one != two, one


def errors():
    """What is wrong with options is said before anything runs, and what failed afterwards."""
    for line, text in (("--frob", "unrecognized option '--frob'"), ("frob", 'nothing to be done with "frob"'),
                       ("--nodes", "requires an argument"), ("--nodes 0", 'nodes: "0" is not possible'),
                       ("--nodes 10001", 'nodes: "10001" is not possible'), ("--seed -1", 'seed: "-1" is not possible'),
                       ("--policy ours,frob", 'policy: "ours,frob" is not possible'),
                       ("--scenario /none", "/none is no preset and cannot be opened"),
                       ("--nodes 8 --homes 9", "homes: there are only 8 nodes"),
                       ("--cpus 0.5-2", "cpus: from one number to another"),
                       ("--length pareto:1,1", "these lengths have no mean")):
        said = sim(*line.split(), check=2)
        assert re.match(r"\S*mosix-sim: ", said) and text in said.splitlines()[0], (line, said)
    for line, text in (("--hours 0.0001 --arrivals rate:0.001", "no job arrives in this time"),
                       ("--trace /none", "the trace /none cannot be read: No such file"),
                       ("--write-trace /none/x", "/none/x cannot be written: No such file"),
                       ("--plot /none/x", "/none/x cannot be made: No such file")):
        said = sim(*SMALL, *line.split(), check=1)
        assert said.startswith("mosix-sim: ") and said.count("\n") == 1 and text in said, (line, said)
    for options in [], ["--json"]:
        with open("/dev/full", "w") as full:
            said = sim(*SOME, *options, check=1, out=full)
        assert said.startswith("mosix-sim: the results cannot be written"), said


run_tests([report, charts, by_seed, errors])
