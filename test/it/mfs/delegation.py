#!/usr/bin/env python3
"""Names and contents that are kept by one node and changed by another or at home.

    delegation.py LAB-COMMAND STEP

A directory or file is delegated when it has not been changed for ten seconds: changes are made in
spurts, with pauses in which it is read.

Drives an agent (agent.py) on each of n1 (home), n2 and n3. What a client changes is to be seen by the
others when its call has returned. What is changed at home is to be seen at once, which is: well before
anybody could have looked by himself.
"""
import json
import random
import subprocess
import sys
import time

HOME = "/srv/delegation"
FAR = "/mfs/1" + HOME
CALM = 11  # seconds without a change, after which names and files are delegated
SOON = 1.0  # seconds, for changes at home on a machine that has other things to do


class Node:
    def __init__(self, lab, name):
        self.name = name
        self.home = name == "n1"
        self.base = HOME if self.home else FAR
        self.p = subprocess.Popen(
            [lab, "sh", name, "python3", "-u", "/srv/agent.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def path(self, arg):
        return self.base + arg if isinstance(arg, str) and arg.startswith("/") else arg

    def send(self, op, *args):
        self.p.stdin.write(json.dumps([op, *map(self.path, args)]) + "\n")
        self.p.stdin.flush()

    def answer(self):
        return json.loads(self.p.stdout.readline())

    def do(self, op, *args):
        self.send(op, *args)
        return self.answer()

    def must(self, op, *args):
        status, value = self.do(op, *args)
        if status != "ok":
            sys.exit(f"{self.name}: {op} {args}: {value}")
        return value


def same_soon(node, truth, op, *args):
    """What @node sees is what home sees. Returns how long that took."""
    want = truth.do(op, *args)
    start = time.monotonic()
    while True:
        got = node.do(op, *args)
        took = time.monotonic() - start
        if got == want:
            return took
        if took > SOON:
            sys.exit(f"{node.name}: {op} {args}: {got} instead of {want}")


def same_now(node, truth, op, *args):
    want, got = truth.do(op, *args), node.do(op, *args)
    if got != want:
        sys.exit(f"{node.name}: {op} {args}: {got} instead of {want}")


def change(r, node):
    """One random change; the paths that it is about."""
    names = [f"/{d}/{n}" for d in ("a", "b") for n in "uvwxyz"]
    a, b = r.sample(names, 2)
    op = r.choice(
        ["write", "create", "unlink", "mkdir", "rmdir", "rename", "exchange", "link", "symlink", "chmod"]
    )
    args = {
        "write": [a, str(r.random())],
        "rename": [a, b],
        "exchange": [a, b],
        "link": [a, b],
        "symlink": ["target", a],
        "chmod": [a, r.choice([0o600, 0o644, 0o755])],
    }.get(op, [a])
    status, value = node.do(op, *args)
    if status == "error" and value not in ("EEXIST", "ENOENT", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EPERM"):
        sys.exit(f"{node.name}: {op} {args}: {value}")
    return [a, b]


def names(nodes, seed, spurts, count):
    n1, n2, n3 = nodes
    r = random.Random(seed)
    for d in ("/a", "/b"):
        n1.must("mkdir", d)
    for i in range(spurts * count):
        if i % count == 0:
            time.sleep(CALM)
            for _ in range(3):
                for node in (n2, n3):
                    for path in [f"/{d}/{n}" for d in "ab" for n in "uvwxyz"] + ["/a", "/b"]:
                        same_now(node, n1, "kind", path)
        who = r.choice(nodes)
        paths = change(r, who) + [f"/{r.choice('ab')}/{r.choice('uvwxyz')}"]
        for node in (n2, n3):
            for path in paths + [p.rsplit("/", 1)[0] for p in paths]:
                (same_soon if who.home else same_now)(node, n1, "times", path)
    for d in ("/a", "/b"):
        for node in (n2, n3):
            same_soon(node, n1, "list", d)


def contents(nodes):
    n1, n2, n3 = nodes
    n1.must("write", "/file", "0" * 100)
    for node in (n2, n3):
        node.fd = node.must("open", "/file")
        node.m = node.must("map", "/file")
    slowest = 0
    for i in range(1, 200):
        text = f"{i:08d}" * 10
        if i % 66 == 1:
            time.sleep(CALM)
        for node in (n2, n3):
            for _ in range(2):
                node.must("read", "/file")
            node.must("mapped", node.m, 8)
        who = (n1, n2, n3)[i % 3]
        slowest = max(slowest, who.must("overwrite", "/file", text))
        for node in (n2, n3):
            for op, args in (("read", ["/file"]), ("pread", [node.fd]), ("mapped", [node.m, 8])):
                got = node.must(op, *args)
                if got[:8] != text[:8]:
                    sys.exit(f"{node.name}: {op}: {got[:8]} instead of {text[:8]}, written at {who.name}")
    if slowest > 1.5:
        sys.exit(f"somebody had to wait for {slowest:.1f} s to write")
    # A shorter one, one that replaces it, and one that is gone but open.
    n1.must("truncate", "/file", 50)
    for node in (n2, n3):
        if len(node.must("read", "/file")) != 50:
            sys.exit(f"{node.name}: a file that was cut has its old size")
    for i in range(50):
        n3.must("write", "/other", f"new {i}")
        n2.must("read", "/file")
        n3.must("rename", "/other", "/file")
        if n2.must("read", "/file") != f"new {i}":
            sys.exit("n2: a file that was replaced has its old contents")
    time.sleep(CALM)
    for _ in range(3):
        n2.must("close", n2.must("open", "/file"))
    fd = n2.must("open", "/file")
    n1.must("unlink", "/file")
    if n2.must("pread", fd) != "new 49" or n2.must("fstat", fd) != 6:
        sys.exit("n2: an open file has lost its contents with its name")
    if n2.do("read", "/file") != ["error", "ENOENT"] and same_soon(n2, n1, "read", "/file") > SOON:
        sys.exit("n2: a file that is gone is there")


def access(nodes):
    n1, n2, _ = nodes
    alice, bob = 1001, 1002
    n1.must("mkdir", "/open")
    n1.must("mkdir", "/open/private")
    n1.must("write", "/open/private/file", "secret")
    n1.must("chmod", "/open/private", 0o711)
    n1.must("chmod", "/open/private/file", 0o644)
    time.sleep(CALM)
    for who in (alice, bob):
        if n2.must("as", who, "read", "/open/private/file")[1] != "secret":
            sys.exit("what everybody may read cannot be read")
    for i in range(20):
        if i == 10:
            time.sleep(CALM)
        for mode, want in ((0o700, ["error", "EACCES"]), (0o711, ["ok", "secret"])):
            n1.must("chmod", "/open/private", mode)
            start = time.monotonic()
            # Root keeps names in it, whatever its mode.
            n2.must("read", "/open/private/file")
            while n2.must("as", bob, "read", "/open/private/file") != want:
                if time.monotonic() - start > SOON:
                    sys.exit(f"bob does not get {want} after chmod {mode:o}")
            n2.must("read", "/open/private/file")
            if n2.must("as", bob, "read", "/open/private/file") != want:
                sys.exit("what root has read is open to bob")
            if n2.must("as", bob, "enter", "/open/private")[0] != want[0]:
                sys.exit(f"bob may enter, or not, against mode {mode:o}")
    time.sleep(CALM)
    for who in (alice, bob):
        n2.must("as", who, "read", "/open/private/file")
    n1.must("chmod", "/open/private/file", 0o600)
    start = time.monotonic()
    while n2.must("as", bob, "read", "/open/private/file") != ["error", "EACCES"]:
        if time.monotonic() - start > SOON:
            sys.exit("bob reads what he may not any more")
    capabilities(n1, n2)


def capabilities(n1, n2):
    """A program that is given some has them elsewhere as well, whatever was kept of it."""
    n1.must("write", "/open/program", "a program")
    time.sleep(CALM)
    for _ in range(2):
        n2.must("read", "/open/program")
        if n2.do("capability", "/open/program") != ["error", "ENODATA"]:
            sys.exit("a plain file has capabilities")
    n1.must("set_capability", "/open/program")
    same_soon(n2, n1, "capability", "/open/program")
    n2.must("read", "/open/program")
    if n2.do("capability", "/open/program")[0] != "ok":
        sys.exit("capabilities are gone after it was opened")


def directories(nodes):
    """Directories that are kept: what is in them, their times, and who may read them."""
    n1, n2, n3 = nodes
    bob = 1002
    n1.must("mkdir", "/d")
    n1.must("mkdir", "/d/sub")
    for i in range(5):
        n1.must("create", f"/d/{i}")
    time.sleep(CALM)
    for spurt in range(2):
        for _ in range(3):
            for node in (n2, n3):
                for op in ("list", "times"):
                    same_now(node, n1, op, "/d")
        for who, change in (
            (n2, ("create", f"/d/new{spurt}")),
            (n2, ("unlink", f"/d/{spurt}")),
            (n3, ("mkdir", f"/d/dir{spurt}")),
            (n3, ("rename", f"/d/dir{spurt}", f"/d/sub/dir{spurt}")),
            (n1, ("create", f"/d/home{spurt}")),
            (n1, ("mkdir", f"/d/homedir{spurt}")),
        ):
            who.must(*change)
            for node in (n2, n3):
                for path in ("/d", "/d/sub"):
                    for op in ("list", "times"):
                        (same_soon if who.home else same_now)(node, n1, op, path)
        time.sleep(CALM)
    # A directory that moves has other times, too; one that is gone but open has nothing in it.
    for who, other in ((n3, "/d2"), (n1, "/d3")):
        for node in (n2, n3):
            same_now(node, n1, "times", "/d/sub")
        who.must("rename", "/d/sub", "/d/sub.new")
        for node in (n2, n3):
            (same_soon if who.home else same_now)(node, n1, "times", "/d/sub.new")
        who.must("rename", "/d/sub.new", "/d/sub")
        n1.must("mkdir", other)
        time.sleep(CALM)
        fds = {}
        for node in (n2, n1):
            node.must("list", other)
            node.must("list", other)
            fds[node] = node.must("open", other)
        who.must("rmdir", other)
        if n2.do("list", fds[n2]) != n1.do("list", fds[n1]):
            sys.exit(f"n2: {n2.do('list', fds[n2])} in a directory that is gone")
    time.sleep(CALM)
    for mode, want in ((0o711, "error"), (0o755, "ok"), (0o700, "error")):
        for _ in range(2):
            n2.must("as", bob, "list", "/d")
        n1.must("chmod", "/d", mode)
        start = time.monotonic()
        while n2.must("as", bob, "list", "/d")[0] != want:
            if time.monotonic() - start > SOON:
                sys.exit(f"bob does not get {want} after chmod {mode:o}")


def together(nodes):
    """Several nodes make and remove the same names at once: nobody gets a wrong error, nobody waits long."""
    n1, n2, n3 = nodes
    n1.must("mkdir", "/hammer")
    n1.do("chmod", "/hammer", 0o777)
    time.sleep(CALM)
    for node in (n2, n3):
        for name in ("shared", *(f"{n.name}.{i}" for n in nodes for i in range(7))):
            same_now(node, n1, "kind", f"/hammer/{name}")
    start = time.monotonic()
    for node in nodes:
        node.send("hammer", "/hammer", node.name, 100)
    for node in nodes:
        answer = node.answer()
        if answer != ["ok", {}]:
            sys.exit(f"{node.name}: {answer}")
    print(f"300 rounds took {time.monotonic() - start:.1f} s")
    if time.monotonic() - start > 60:
        sys.exit("they have been in each other's way")
    for node in (n2, n3):
        same_soon(node, n1, "list", "/hammer")


def replaced(nodes):
    """A file is replaced again and again by one node while others look at it: everybody gets on."""
    n1, n2, n3 = nodes
    n1.must("mkdir", "/r")
    n1.must("chmod", "/r", 0o777)
    n1.must("write", "/r/file", "old")
    time.sleep(CALM)
    n2.send("read_often", "/r/file", 6, 4)
    n3.send("replace_often", "/r/other", "/r/file", 400)
    for node in (n3, n2):
        status, value = node.answer()
        if status != "ok":
            sys.exit(f"{node.name}: {value}")
        print(f"{node.name} is through")


def warm(nodes):
    """Names, one that is not there, and contents are kept at n2, and after it at n3."""
    n1, n2, n3 = nodes
    for i in range(20):
        n1.must("write", f"/warm{i}", "old")
    time.sleep(CALM)
    for node in (n2, n3):
        for i in range(20):
            for _ in range(3):
                node.must("read", f"/warm{i}")
                node.do("kind", f"/none{i}")


def changed(nodes):
    """... and changed at home, by unlink, create and write. n3 is well, and sees it."""
    n1, _, n3 = nodes
    slowest = 0
    for i in range(20):
        start = time.monotonic()
        if i % 2:
            n1.must("unlink", f"/warm{i}")
        else:
            n1.must("overwrite", f"/warm{i}", "new")
        n1.must("create", f"/none{i}")
        slowest = max(slowest, time.monotonic() - start)
        for op, path in (("read", f"/warm{i}"), ("kind", f"/none{i}")):
            same_soon(n3, n1, op, path)
    print(f"the slowest change took {slowest:.1f} s")
    if slowest > 3:
        sys.exit("a change took too long")


def seen(nodes):
    """... is seen at n2, where that is possible at all, at the first look."""
    n1, n2, _ = nodes
    for i in range(20):
        want = ["error", "ENOENT"] if i % 2 else ["ok", "new"]
        got = n2.do("read", f"/warm{i}")
        if got != want:
            sys.exit(f"/warm{i}: {got} instead of {want}")
        if n2.do("kind", f"/none{i}")[0] != "ok":
            sys.exit(f"/none{i} is not there")


def main():
    lab, step, *args = sys.argv[1:]
    nodes = [Node(lab, n) for n in ("n1", "n2", "n3")]
    steps = {
        "names": lambda: names(nodes, *map(int, args)),
        "contents": lambda: contents(nodes),
        "access": lambda: access(nodes),
        "directories": lambda: directories(nodes),
        "together": lambda: together(nodes),
        "replaced": lambda: replaced(nodes),
        "warm": lambda: warm(nodes),
        "changed": lambda: changed(nodes),
        "seen": lambda: seen(nodes),
    }
    steps[step]()


main()
