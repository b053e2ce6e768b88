#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Moves between two guest processes of one node, with the real engine."""
import os, re, signal, struct, sys, time
from guestlib import *

COUNT = int(os.environ.get("MOVES", "6"))


def sh(cmd):
    return ["/bin/sh", "-c", cmd]


@test
def one(w):
    """a small job moves and ends"""
    g = w.start(sh("echo a; read x; echo $x; exit 4"))
    w.wait("a", lambda: g.deputy.output[OUT] == b"a\n")
    t = time.time()
    g = w.move(g)
    print(f"# {(time.time() - t) * 1000:.0f} ms in all")
    g.deputy.write(b"b\n")
    m = w.finish(g)
    assert m.status == 4 << 8 and g.deputy.output[OUT] == b"a\nb\n", (m, g.deputy.output)


@test
def lines(w):
    """full pipes in both directions, over moves and aborted moves"""
    g = w.start(["python3", "-uc", """
import sys
n = 0
for line in sys.stdin.buffer:
    assert int(line) == n, (line, n)
    n += 1
    sys.stdout.buffer.write(line)
print('lines', n, file=sys.stderr)
"""])
    total = 300000
    data = b"".join(b"%d\n" % i for i in range(total))
    g.deputy.write(data)
    g.deputy.close()
    for i in range(COUNT):
        # the user takes a part of it between two moves
        g.deputy.taken[OUT] = 200000 * i
        g.deputy.pump()
        w.wait("progress", lambda: len(g.deputy.output[OUT]) > 200000 * i)
        g = w.move(g, commit=i % 3 != 2)
    g.deputy.taken[OUT] = None
    g.deputy.pump()
    m = w.finish(g, 60)
    assert g.deputy.output[OUT] == data, len(g.deputy.output[OUT])
    assert m.status == 0 and g.deputy.output[ERR] == b"lines %d\n" % total


@test
def stuck(w):
    """a user who does not read, for many moves"""
    g = w.start(sh("head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2"))
    g.deputy.taken[OUT] = 1000
    w.wait("the window to fill", lambda: len(g.deputy.output[OUT]) >= WINDOW)
    for i in range(COUNT):
        g = w.move(g, commit=i % 3 != 1)
    g.deputy.taken[OUT] = None
    g.deputy.pump()
    m = w.finish(g)
    assert g.deputy.output[OUT] == b"x" * 3000000 and g.deputy.output[ERR] == b"done\n"


@test
def signal_meanwhile(w):
    """signals that come while the job is frozen arrive once, where it runs"""
    g = w.start(["python3", "-uc", """
import signal, sys, time
n = [0]
def hit(s, f): n[0] += 1
signal.signal(signal.SIGUSR1, hit)
print('ready')
while not sys.stdin.readline():
    pass
print(n[0])
"""])
    w.wait("ready", lambda: g.deputy.output[OUT] == b"ready\n")
    for commit in (True, False):
        n = w.prepare(g)
        w.begin(g, n)
        g.deputy.say(SIGNAL, signal.SIGUSR1)
        g = w.decide(g, n, commit)
        done = len(g.deputy.control)
        w.wait("the signal", lambda: g.deputy.control_done == done)
    time.sleep(0.2)
    g.deputy.write(b"x\n")
    w.finish(g)
    assert g.deputy.output[OUT] == b"ready\n2\n", g.deputy.output


@test
def signals_from_home(w):
    """numbered signals from home: none taken while frozen, none twice"""
    g = w.start(["python3", "-uc", """
import signal, sys
number = signal.SIGRTMIN + 1
signal.pthread_sigmask(signal.SIG_BLOCK, [number])
print('ready')
sys.stdin.readline()
n = 0
while signal.sigtimedwait([number], 0.2):
    n += 1
print(n)
"""])

    def send(g, seq):
        g.send(pb.MSG_GUEST_SIGNAL, pb.GuestSignal(job=g.job, gen=g.gen, seq=seq,
                                                   signal=signal.SIGRTMIN + 1))

    def taken(g):
        return max([m.seq for m in g.got(pb.MSG_GUEST_SIGNALLED)], default=0)

    w.wait("ready", lambda: g.deputy.output[OUT] == b"ready\n")
    send(g, 1)
    send(g, 3)
    w.wait("the first one is taken", lambda: taken(g) == 1)
    sent = 1
    for commit in (True, False):
        n = w.prepare(g)
        w.begin(g, n)
        for x in (g, n):
            send(x, sent + 1)
        g = w.decide(g, n, commit)
        assert taken(g) <= sent, "taken while it was frozen"
        for seq in (sent, sent + 1, sent + 1):
            send(g, seq)
        sent += 1
        w.wait("the next one is taken", lambda: taken(g) == sent)
    g.deputy.write(b"x\n")
    w.finish(g)
    assert g.deputy.output[OUT] == b"ready\n3\n", g.deputy.output


@test
def stopped(w):
    """a stopped job stays stopped"""
    g = w.start(sh("echo a; while :; do sleep 0.05; done"))
    w.wait("a", lambda: g.deputy.output[OUT])
    g.deputy.say(SIGNAL, signal.SIGSTOP)
    w.wait("stop", lambda: g.deputy.control_in == [signal.SIGSTOP])
    g = w.move(g)
    w.wait("statistics", lambda: g.got(pb.MSG_GUEST_STATS))
    assert g.got(pb.MSG_GUEST_STATS)[0].stopped
    g.deputy.say(CONT)
    w.wait("running", lambda: not g.got(pb.MSG_GUEST_STATS)[-1].stopped)
    g.deputy.say(SIGNAL, signal.SIGTERM)
    m = w.finish(g)
    assert os.WTERMSIG(m.status) == signal.SIGTERM, m


def start_tty(w, argv, **kw):
    g = w.start(argv, check=False, stdio=(TTY, TTY, TTY), **kw)
    assert not g.started.error and not g.started.exec_error, g.started
    w.link(g)
    return g


@test
def terminal(w):
    """a terminal: half a line, more lines, size, modes, control, over moves"""
    g = start_tty(w, ["bash", "-c", """
echo ready
rm -f /tmp/read; rm -f /tmp/read; while ! [ -e /tmp/read ]; do sleep 0.05; done
while read -r l; do echo "<$l>"; stty size; done
echo end
"""])
    w.wait("ready", lambda: b"ready" in g.deputy.output[TTY_OUT])
    g.deputy.say(WINSIZE, 0, struct.pack("HHHH", 41, 121, 0, 0))
    g.deputy.write(b"first\nsecond\nhal", TTY_IN)
    w.wait("taken", lambda: g.deputy.base[TTY_IN] == 16)
    for i in range(COUNT):
        g = w.move(g, commit=i % 3 != 2)
    open("/tmp/read", "w").close()
    w.wait("lines", lambda: b"<second>\r\n41 121\r\n" in g.deputy.output[TTY_OUT])
    g.deputy.write(b"f line\n", TTY_IN)
    w.wait("lines", lambda: b"<half line>" in g.deputy.output[TTY_OUT])
    g.deputy.write(b"\x04", TTY_IN)
    m = w.finish(g)
    out = g.deputy.output[TTY_OUT].replace(b"\r\n", b"\n")
    assert m.status == 0, (m, out)
    # the echo of what was typed comes once
    assert out == (b"ready\nfirst\nsecond\nhal" + b"<first>\n41 121\n<second>\n41 121\n" +
                   b"f line\n<half line>\n41 121\nend\n"), out


@test
def terminal_eof(w):
    """an end of file that was typed ahead"""
    g = start_tty(w, ["bash", "-c", "echo ready; sleep 1; cat; echo end"])
    w.wait("ready", lambda: b"ready" in g.deputy.output[TTY_OUT])
    g.deputy.write(b"text\n\x04", TTY_IN)
    w.wait("taken", lambda: g.deputy.base[TTY_IN] == 6)
    for i in range(3):
        g = w.move(g, commit=i != 1)
    m = w.finish(g)
    assert m.status == 0 and b"text\r\ntext\r\nend\r\n" in g.deputy.output[TTY_OUT]


@test
def terminal_keys(w):
    """Ctrl-Z, continue and Ctrl-C after moves; the controlling terminal"""
    g = start_tty(w, ["python3", "-uc", """
import os, time
print('ready')
try:
    n = 0
    while True:
        time.sleep(0.05)
        n += 1
        if n % 10 == 0:
            t = open('/dev/tty', 'w')
            print('tick', n, os.tcgetpgrp(0) == os.getpgrp(), file=t)
            t.close()
except KeyboardInterrupt:
    print('interrupted')
"""], uid=1234, gid=1234, groups=[1234])
    w.wait("ready", lambda: b"tick" in g.deputy.output[TTY_OUT])
    g = w.move(g)
    n = len(g.deputy.output[TTY_OUT])
    w.wait("ticks", lambda: b"tick" in g.deputy.output[TTY_OUT][n:])
    g.deputy.write(b"\x1a", TTY_IN)
    w.wait("stop", lambda: g.deputy.control_in == [signal.SIGTSTP])
    g = w.move(g)
    n = len(g.deputy.output[TTY_OUT])
    g.deputy.say(CONT)
    w.wait("ticks", lambda: b"tick" in g.deputy.output[TTY_OUT][n:])
    g.deputy.write(b"\x03", TTY_IN)
    m = w.finish(g)
    out = g.deputy.output[TTY_OUT]
    assert m.status == 0 and b"interrupted" in out and b"False" not in out, out


@test
def terminal_ground(w):
    """in the background and in the foreground, over moves"""
    g = start_tty(w, ["python3", "-uc", """
import os, time
while True:
    print('mine' if os.tcgetpgrp(1) == os.getpgrp() else 'theirs')
    time.sleep(0.02)
"""], background=True)

    def expect(word):
        at = len(g.deputy.output[TTY_OUT])
        w.wait(word, lambda: g.deputy.output[TTY_OUT][at:].count(word) > 5)
        assert set(g.deputy.output[TTY_OUT][at:].split(b"\r\n")[2:-1]) == {word}

    for word in (b"theirs", b"mine", b"theirs"):
        if word == b"mine" or g.gen > 1:
            g.deputy.say(GROUND, word == b"mine")
            w.wait("that it is done", lambda: g.deputy.control_done == len(g.deputy.control))
        expect(word)
        g = w.move(g)
        expect(word)
    g.deputy.say(SIGNAL, signal.SIGTERM)
    w.finish(g)


@test
def terminal_flood(w):
    """much output on a terminal"""
    g = start_tty(w, ["seq", "1", "200000"])
    for i in range(COUNT):
        # the user takes a part of it between two moves
        g.deputy.taken[TTY_OUT] = 150000 * i
        g.deputy.pump()
        w.wait("progress", lambda: len(g.deputy.output[TTY_OUT]) > 150000 * i)
        g = w.move(g, commit=i % 3 != 2)
    g.deputy.taken[TTY_OUT] = None
    g.deputy.pump()
    w.finish(g, 60)
    out = g.deputy.output[TTY_OUT]
    assert out == b"".join(b"%d\r\n" % i for i in range(1, 200001)), len(out)


@test
def tree_of_processes(w):
    """a shell with children and a pipeline"""
    g = w.start(["bash", "-c", """
seq 1 60000 | while read x; do echo $((x * 2)); done | awk '{s += $1} END {print s}' &
for i in 1 2 3 4 5 6 7 8; do sleep 0.2; /bin/true; done
wait
echo status $?
"""])
    for i in range(COUNT):
        time.sleep(0.1)
        w.pump()
        g = w.move(g, commit=i % 3 != 2)
    m = w.finish(g, 60)
    assert m.status == 0 and g.deputy.output[OUT] == b"3600060000\nstatus 0\n", g.deputy.output


@test
def closed_streams(w):
    """broken output, ended input"""
    g = w.start(sh("exec 3>&2; read a; read b || echo end >&2; sleep 0.5; "
                   "trap '' PIPE; echo x || echo broken >&3"))
    g.deputy.write(b"a\n")
    g.deputy.close()
    w.wait("end", lambda: g.deputy.output[ERR] == b"end\n")
    g.deputy.break_stream(OUT)
    g = w.move(g)
    g = w.move(g)
    m = w.finish(g)
    assert g.deputy.output[ERR].endswith(b"broken\n"), g.deputy.output


@test
def no_stdio(w):
    """a job without any standard stream"""
    g = w.start(sh("rm -f /tmp/go; while ! [ -e /tmp/go ]; do sleep 0.05; done; echo x > /tmp/done"),
                stdio=(NULL, NULL, NULL))
    g = w.move(g)
    open("/tmp/go", "w").close()
    assert w.finish(g).status == 0 and open("/tmp/done").read() == "x\n"


@test
def ends_at_the_wrong_moment(w):
    """the job ends when a move begins"""
    for i in range(8):
        g = w.start(sh(f"sleep 0.0{i}; exit 7"))
        n = w.prepare(g)
        w.begin(g, n)
        if g.got(pb.MSG_MOVE_DUMPED) and n.got(pb.MSG_MOVE_READY):
            g = w.decide(g, n, i % 2 == 0)
        else:
            d = pb.MoveDecision(move=n.move, job=g.job, gen=n.gen, commit=False)
            g.send(pb.MSG_MOVE_DECISION, d)
            if n.process.poll() is None:
                n.send(pb.MSG_MOVE_DECISION, d)
            w.wait("the destination's end", lambda: n.process.poll() is not None)
            w.guests.remove(n)
        m = w.finish(g)
        assert m.status == 7 << 8 and not m.lost, m


@test
def refused(w):
    """what cannot move is said, and goes on"""
    g = w.start(["python3", "-uc", """
import os, sys
d = os.scandir('/usr')
next(d)
print('open')
sys.stdin.readline()
d.close()
print('closed')
sys.stdin.readline()
"""])
    w.wait("open", lambda: b"open" in g.deputy.output[OUT])
    n = w.prepare(g)
    t = time.time()
    w.begin(g, n)
    f = g.got(pb.MSG_MOVE_FAILED)
    assert f and f[0].refused and "/usr" in f[0].text and time.time() - t > 1.5, f
    n.send(pb.MSG_MOVE_DECISION, pb.MoveDecision(move=n.move, job=g.job, gen=n.gen))
    w.wait("the destination's end", lambda: n.process.poll() is not None)
    w.guests.remove(n)
    g.messages.clear()
    g.deputy.write(b"\n")
    w.wait("closed", lambda: b"closed" in g.deputy.output[OUT])
    g = w.move(g)
    g.deputy.write(b"\n")
    assert w.finish(g).status == 0


def kill_children(g, name):
    """The worker or criu of a guest."""
    for p in os.listdir("/proc"):
        try:
            stat = open(f"/proc/{p}/stat").read()
            if f"({name})" in stat and int(stat.split(") ")[1].split()[1]) in pids_below(g):
                os.kill(int(p), signal.SIGKILL)
                return True
        except (OSError, ValueError, IndexError):
            pass
    return False


def pids_below(g):
    found = {g.process.pid}
    for _ in range(3):
        for p in os.listdir("/proc"):
            try:
                stat = open(f"/proc/{p}/stat").read()
                if int(stat.split(") ")[1].split()[1]) in found:
                    found.add(int(p))
            except (OSError, ValueError, IndexError):
                pass
    return found


@test
def worker_killed_after_votes(w):
    """the source's worker dies after both votes: nothing runs until the decision"""
    for commit in (False, True):
        g = w.start(sh("n=0; while :; do n=$((n + 1)); echo $n; sleep 0.01; done"))
        w.wait("output", lambda: len(g.deputy.output[OUT]) > 20)
        n = w.prepare(g)
        w.begin(g, n)
        assert g.got(pb.MSG_MOVE_DUMPED) and n.got(pb.MSG_MOVE_READY)
        assert kill_children(g, "mosix-ckpt"), "no worker"
        time.sleep(0.3)
        w.pump()
        assert open(g.cgroup + "/cgroup.events").read().split()[3] == "1", "the source runs"
        assert open(n.cgroup + "/cgroup.events").read().split()[3] == "1", "the copy runs"
        g = w.decide(g, n, commit)
        n = len(g.deputy.output[OUT])
        w.wait("output", lambda: len(g.deputy.output[OUT]) > n + 20)
        g.deputy.say(SIGNAL, signal.SIGTERM)
        w.finish(g)
        lines = g.deputy.output[OUT].split()
        assert lines == [b"%d" % i for i in range(1, len(lines) + 1)]


@test
def daemon_gone_in_doubt(w):
    """both daemons restart after the votes"""
    for commit in (False, True):
        g = w.start(sh("echo a; read x; echo $x"))
        w.wait("a", lambda: g.deputy.output[OUT] == b"a\n")
        n = w.prepare(g)
        w.begin(g, n)
        for x in (g, n):
            x.chan.sock.close()
            x.chan = None
        time.sleep(0.5)
        w.listen()
        w.wait("hello of both", lambda: g.chan and n.chan)
        assert g.hello.state == pb.GUEST_DUMPED and g.hello.move == n.move, g.hello
        assert n.hello.state == pb.GUEST_READY and n.hello.move == n.move, n.hello
        g = w.decide(g, n, commit)
        # once more, as an arbiter does that did not hear the answer
        g.send(pb.MSG_MOVE_DECISION,
               pb.MoveDecision(move=w.moves, job=g.job, gen=g.gen + (not commit), commit=commit))
        w.wait("finished", lambda: g.got(pb.MSG_MOVE_FINISHED))
        g.deputy.write(b"b\n")
        assert w.finish(g).status == 0 and g.deputy.output[OUT] == b"a\nb\n"


@test
def locks(w):
    """a file that is locked now and then: not at that moment"""
    g = w.start(["python3", "-uc", """
import fcntl, time
f = open('/tmp/locked', 'w')
for i in range(100):
    fcntl.lockf(f, fcntl.LOCK_EX)
    time.sleep(0.02)
    fcntl.lockf(f, fcntl.LOCK_UN)
    time.sleep(0.003)
    print(i)
"""])
    for _ in range(COUNT):
        w.pump()
        g = w.move(g)
    assert w.finish(g).status == 0


@test
def vfork(w):
    """a shell that starts programs all the time moves many times"""
    g = w.start(["sh", "-c", "n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); /bin/echo $n; done"])
    g.deputy.taken[OUT] = 0
    moves = 0
    while not w.ended(g) and moves < COUNT * 3:
        at = len(g.deputy.output[OUT])
        w.wait("output", lambda: len(g.deputy.output[OUT]) > at or w.ended(g))
        if w.ended(g):
            break
        n = w.prepare(g)
        w.begin(g, n)
        if g.got(pb.MSG_MOVE_FAILED):
            break
        g = w.decide(g, n, True)
        moves += 1
    g.deputy.taken[OUT] = None
    g.deputy.pump()
    m = w.finish(g, 60)
    print(f"# {moves} moves")
    assert g.deputy.output[OUT] == b"".join(b"%d\n" % i for i in range(1, 3001))


@test
def times(w):
    """how long a move takes"""
    g = w.start(sh("while :; do echo x; sleep 0.001; done"))
    took = []
    for _ in range(10):
        n = w.prepare(g)
        t = time.time()
        w.begin(g, n)
        g = w.decide(g, n, True)
        at = len(g.deputy.output[OUT])
        w.wait("output", lambda: len(g.deputy.output[OUT]) > at)
        took.append(time.time() - t)
    took.sort()
    print(f"# begin to first output: median {took[5] * 1000:.0f} ms, best {took[0] * 1000:.0f} ms")
    g.deputy.say(SIGNAL, signal.SIGTERM)
    w.finish(g)


if __name__ == "__main__":
    main()
