#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs in a guest process: how they start, what they see, how they end."""
import os, signal, struct, termios, time
from guestlib import *


def sh(cmd):
    return ["/bin/sh", "-c", cmd]


@test
def hello(w):
    """output and exit status"""
    g, m = w.run(sh("echo out; echo err >&2; exit 3"))
    assert g.deputy.output[OUT] == b"out\n" and g.deputy.output[ERR] == b"err\n"
    assert m.status == 3 << 8 and not m.lost, m


@test
def cat(w):
    """a megabyte through standard input and output"""
    data = os.urandom(1 << 20)
    g, m = w.run(["cat"], data)
    assert m.status == 0 and g.deputy.output[OUT] == data


@test
def null(w):
    """no standard streams at all"""
    g = w.start(sh("cat; echo lost; readlink /proc/self/fd/0 > /tmp/null-test"),
                stdio=(NULL, NULL, NULL))
    assert w.finish(g).status == 0
    assert open("/tmp/null-test").read() == "/dev/null\n"


@test
def relayed(w):
    """the job link through the daemon's connection"""
    data = os.urandom(300000)
    g, m = w.run(["cat"], data, direct=False)
    assert m.status == 0 and g.deputy.output[OUT] == data


@test
def one_pipe(w):
    """standard error into standard output keeps the order"""
    g, m = w.run(sh("for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done"), err_to_out=True)
    assert g.deputy.output[OUT] == b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 6))
    assert g.deputy.output[ERR] == b""


@test
def killed(w):
    """death by a signal"""
    g, m = w.run(sh("kill -KILL $$"))
    assert os.WTERMSIG(m.status) == signal.SIGKILL


@test
def signals(w):
    """a signal from the user reaches the program"""
    g = w.start(["python3", "-uc", """
import signal, sys
got = []
for s in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
    signal.signal(s, lambda n, f: got.append(n))
print('ready')
while len(got) < 3:
    signal.pause()
print(sorted(got))
"""])
    w.wait("ready", lambda: b"ready\n" in g.deputy.output[OUT])
    g.deputy.say(SIGNAL, signal.SIGTERM)
    g.deputy.say(SIGNAL, signal.SIGHUP)
    g.send(pb.MSG_GUEST_SIGNAL, pb.GuestSignal(job=g.job, gen=1, signal=signal.SIGUSR1))
    m = w.finish(g)
    assert m.status == 0 and b"[1, 10, 15]" in g.deputy.output[OUT], g.deputy.output
    assert g.deputy.control_done == 2


@test
def stop(w):
    """stopped and continued"""
    g = w.start(sh("echo ready; sleep 0.2; echo on"))
    w.wait("ready", lambda: g.deputy.output[OUT])
    g.deputy.say(SIGNAL, signal.SIGSTOP)
    w.wait("stopped", lambda: g.deputy.control_in == [signal.SIGSTOP])
    time.sleep(0.4)
    w.pump()
    assert g.deputy.output[OUT] == b"ready\n"
    g.deputy.say(CONT)
    assert w.finish(g).status == 0 and g.deputy.output[OUT] == b"ready\non\n"


@test
def exec_errors(w):
    """what cannot be executed is told"""
    g = w.start(["/nonexistent"], check=False)
    assert g.started.exec_error == 2 and "/nonexistent" in g.started.text, g.started
    w.wait("end", lambda: g.process.poll() is not None)
    g = w.start(["/etc/passwd"], check=False)
    assert g.started.exec_error == 13, g.started
    g = w.start(["true"], cwd=b"/nonexistent/dir", check=False)
    assert g.started.error == 2 and "/nonexistent/dir" in g.started.text, g.started
    open("/tmp/script", "w").write("echo script\n")
    os.chmod("/tmp/script", 0o755)
    g, m = w.run(["/tmp/script"])
    assert g.deputy.output[OUT] == b"script\n"


@test
def identity(w):
    """user, groups, limits, priority, mask, directory, host name, environment"""
    os.makedirs("/tmp/owned", exist_ok=True)
    os.chown("/tmp/owned", 1234, 1234)
    os.chmod("/tmp/owned", 0o700)
    spec = dict(uid=1234, gid=1234, groups=[1234, 7, 8], umask=0o27, nice=5, cwd=b"/tmp/owned",
                ignored_signals=[signal.SIGHUP], env={"MARK": "yes"})
    spec["rlimits"] = [pb.Rlimit(resource=7, soft=100, hard=1000),
                       pb.Rlimit(resource=4, soft=0, hard=0)]
    g, m = w.run(sh("id -u; id -G; umask; nice; pwd; hostname; ulimit -n; ulimit -Hn; ulimit -c;"
                    "echo $MARK; grep -E 'NoNewPrivs|Seccomp:|SigIgn|SigBlk' /proc/self/status;"
                    "ls /proc/self/fd; cat /proc/self/oom_score_adj; ls /run; id -un 2>/dev/null; "
                    "cat /proc/self/stat | cut -d' ' -f5,6; echo $$; kill -0 1"), **spec)
    out = g.deputy.output[OUT].decode().split("\n")
    assert out[:10] == ["1234", "1234 7 8", "0027", "5", "/tmp/owned", "homenode", "100",
                        "1000", "0", "yes"], out
    text = g.deputy.output[OUT].decode()
    assert "NoNewPrivs:\t1" in text and "Seccomp:\t2" in text, text
    assert "SigIgn:\t0000000000000001" in text and "SigBlk:\t0000000000000000" in text, text
    assert "\n0\n1\n2\n3\n0\nmosix.state" in text, text
    assert b"ot permitted" in g.deputy.output[ERR] or m.status, (m, g.deputy.output[ERR])


@test
def hidden(w):
    """system calls that cannot move do not exist"""
    g, m = w.run(["python3", "-c", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for nr in (425, 444, 447, 240, 248, 321, 323, 298, 300, 0x40000000 + 39):
    r = libc.syscall(nr, 0, 0, 0, 0, 0)
    print(nr, r, ctypes.get_errno())
print(libc.syscall(39) > 0)
"""])
    lines = g.deputy.output[OUT].decode().splitlines()
    assert len(lines) == 11 and all(l.endswith(" -1 38") for l in lines[:10]), lines
    assert lines[10] == "True"


@test
def tree(w):
    """the container's mounts"""
    os.makedirs("/tmp/x", exist_ok=True)
    open("/tmp/x/file", "w").write("in tmp")
    g, m = w.run(sh("cat /tmp/x/file; cut -d' ' -f5 /proc/self/mountinfo; ls /dev /dev/pts; "
                    "ls -d /proc/[0-9]*; echo w > /dev/shm/s && cat /dev/shm/s; cat /proc/1/comm; "
                    "touch /run/x; touch /sys/x"))
    out = g.deputy.output[OUT].decode()
    assert out.startswith("in tmp/\n"), out
    for p in ("/proc", "/sys", "/run", "/dev", "/dev/pts", "/dev/shm", "/tmp"):
        assert f"\n{p}\n" in out, (p, out)
    assert "mosix-init" in out and "/proc/1\n/proc/2\n" in out, out
    assert b"/sys/x" in g.deputy.output[ERR]


@test
def broken_output(w):
    """the user's reader goes away: SIGPIPE"""
    g = w.start(["yes"])
    w.wait("output", lambda: len(g.deputy.output[OUT]) > 100000)
    g.deputy.break_stream(OUT)
    m = w.finish(g)
    assert os.WIFSIGNALED(m.status) and os.WTERMSIG(m.status) == signal.SIGPIPE, m


@test
def unread_input(w):
    """how much of its input a job has read"""
    g = w.start(["head", "-c", "1000"])
    g.deputy.write(b"x" * 50000)
    g.deputy.close()
    m = w.finish(g)
    assert g.deputy.output[OUT] == b"x" * 1000
    # head reads in blocks
    assert 1000 <= g.deputy.broken[IN] < 50000, g.deputy.broken


@test
def flow(w):
    """a user who does not read stops the job"""
    g = w.start(["sh", "-c", "head -c 2000000 /dev/zero; echo done >&2"])
    g.deputy.taken[OUT] = 0
    w.wait("the window to fill", lambda: len(g.deputy.output[OUT]) >= WINDOW)
    time.sleep(0.3)
    w.pump()
    assert len(g.deputy.output[OUT]) == WINDOW and not g.deputy.output[ERR]
    g.deputy.taken[OUT] = None
    g.deputy.pump()
    m = w.finish(g)
    assert len(g.deputy.output[OUT]) == 2000000 and g.deputy.output[ERR] == b"done\n"


def tty_spec(**kw):
    return dict(stdio=(TTY, TTY, TTY), winsize=None, **kw)


def start_tty(w, argv, **kw):
    spec = dict(stdio=(TTY, TTY, TTY), **kw)
    g = w.start(argv, check=False, **spec)
    assert not g.started.error and not g.started.exec_error, g.started
    w.link(g)
    return g


@test
def terminal(w):
    """a terminal: size, control, keys"""
    g = start_tty(w, ["bash", "-c", "tty; stty size; trap 'stty size' WINCH; ps -o "
                      "pid,pgid,tpgid,stat -p $$ | tail -1; echo ready; read line; "
                      "echo got $line; read l2; echo $l2"],
                  uid=1234, gid=1234, groups=[1234])
    w.wait("ready", lambda: b"ready" in g.deputy.output[TTY_OUT])
    g.deputy.say(WINSIZE, 0, struct.pack("HHHH", 40, 123, 0, 0))
    g.deputy.write(b"some text\n", TTY_IN)
    w.wait("echo", lambda: b"got some text" in g.deputy.output[TTY_OUT])
    g.deputy.write(b"more\n", TTY_IN)
    m = w.finish(g)
    out = g.deputy.output[TTY_OUT].decode()
    assert m.status == 0 and "/dev/pts/0\r\n" in out and "40 123" in out, out
    assert " 2       2       2 S" in out or "2       2       2 S" in out, out


@test
def keys(w):
    """Ctrl-Z and Ctrl-C in a job with a terminal"""
    g = start_tty(w, ["python3", "-uc", """
import time
print('ready')
try:
    n = 0
    while True:
        time.sleep(0.05)
        n += 1
        print('tick', n)
except KeyboardInterrupt:
    print('interrupted')
"""])
    w.wait("ready", lambda: b"tick 2" in g.deputy.output[TTY_OUT])
    g.deputy.write(b"\x1a", TTY_IN)
    w.wait("stop", lambda: g.deputy.control_in == [signal.SIGTSTP])
    n = len(g.deputy.output[TTY_OUT])
    time.sleep(0.3)
    w.pump()
    assert len(g.deputy.output[TTY_OUT]) == n
    g.deputy.say(CONT)
    w.wait("more", lambda: len(g.deputy.output[TTY_OUT]) > n)
    g.deputy.write(b"\x03", TTY_IN)
    m = w.finish(g)
    assert m.status == 0 and b"interrupted" in g.deputy.output[TTY_OUT]


@test
def mixed(w):
    """keys and prompts on /dev/tty while input and output are pipes"""
    g = w.start(["bash", "-c", "cat; read -p 'key? ' k </dev/tty 2>/dev/tty; echo got $k; "
                 "echo shown >/dev/tty"], stdio=(PIPE, PIPE, TTY))
    g.deputy.write(b"from the pipe\n")
    g.deputy.close()
    w.wait("prompt", lambda: b"key? " in g.deputy.output[TTY_OUT])
    g.deputy.write(b"x\n", TTY_IN)
    assert w.finish(g).status == 0
    assert g.deputy.output[OUT] == b"from the pipe\ngot x\n", g.deputy.output
    assert g.deputy.output[TTY_OUT].endswith(b"x\r\nshown\r\n"), g.deputy.output


@test
def resolver(w):
    """the node's name servers"""
    os.makedirs("/run/systemd/resolve", exist_ok=True)
    open("/run/systemd/resolve/resolv.conf", "w").write("nameserver 192.0.2.1\n")
    g, m = w.run(["cat", "/run/systemd/resolve/resolv.conf"])
    assert m.status == 0 and g.deputy.output[OUT] == b"nameserver 192.0.2.1\n"


@test
def daemon_restart(w):
    """the daemon goes away and comes back"""
    g = w.start(sh("echo a; read x; echo $x; exit 5"))
    w.wait("a", lambda: g.deputy.output[OUT] == b"a\n")
    g.chan.sock.close()
    g.chan = None
    time.sleep(0.3)
    # the direct path works on without a daemon
    g.deputy.write(b"hello\n")
    w.wait("hello", lambda: g.deputy.output[OUT] == b"a\nhello\n")
    w.listen()
    w.wait("hello", lambda: g.chan is not None)
    assert g.hello.job == g.job and g.hello.gen == 1 and g.hello.pid == g.process.pid
    if g.hello.state == pb.GUEST_ENDED:
        assert g.hello.exited.status == 5 << 8
        g.messages.append((pb.MSG_GUEST_EXITED, g.hello.exited))
    m = w.finish(g)
    assert m.status == 5 << 8


@test
def kill_guest(w):
    """nothing is left of a guest that is killed"""
    g = w.start(sh("sleep 1000 & sleep 1000"))
    g.send(pb.MSG_GUEST_KILL, pb.GuestRef(job=g.job, gen=1))
    w.wait("end", lambda: g.process.poll() is not None)
    assert not os.path.exists(g.cgroup)
    assert "/run/mosix/job" not in open("/proc/self/mountinfo").read()


@test
def stats(w):
    """statistics"""
    g = w.start(sh("while :; do :; done"))
    w.wait("two reports", lambda: len(g.got(pb.MSG_GUEST_STATS)) >= 2, 5)
    a, b = g.got(pb.MSG_GUEST_STATS)[:2]
    assert b.cpu_usec > a.cpu_usec > 0 and b.rss > 100000 and b.processes == 2, b
    g.deputy.say(SIGNAL, signal.SIGKILL)
    m = w.finish(g)
    assert m.cpu_usec >= b.cpu_usec and m.max_rss > 100000, m


@test
def background(w):
    """children that outlive the main process end with it"""
    g, m = w.run(sh("sleep 1000 & echo gone"))
    assert m.status == 0 and g.deputy.output[OUT] == b"gone\n"


@test
def quick(w):
    """a start takes milliseconds"""
    times = []
    for _ in range(20):
        g = w.start(["true"])
        times.append(g.start_seconds)
        assert w.finish(g).status == 0
    times.sort()
    print(f"# start: median {times[10] * 1000:.1f} ms, best {times[0] * 1000:.1f} ms")
    assert times[10] < 0.1


if __name__ == "__main__":
    main()
