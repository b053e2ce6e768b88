#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user expects of a program, checked for programs that mosix-run runs.

usage: deputy_checks.py [-l] [NAME...]

Needs mosix-run in $PATH and a daemon behind it, real or fake. $JOB_OPTIONS are options of
mosix-run for every job ("-n n2"), $BULK_MB says how much goes through pipes (default 8).
Prints TAP; -l lists the names; a name may be given more than once.
"""
import ctypes
import fcntl
import hashlib
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

RUN = "mosix-run " + os.environ.get("JOB_OPTIONS", "")
BULK = int(os.environ.get("BULK_MB", "8")) << 20
checks = []


def check(text):
    def add(f):
        checks.append((f.__name__, text, f))
        return f

    return add


class Failed(Exception):
    pass


def equal(got, want, what="value"):
    if got != want:
        raise Failed("%s: got %.900r instead of %.900r" % (what, got, want))


def wait_for(f, what, seconds=10):
    end = time.monotonic() + seconds
    while not f():
        if time.monotonic() > end:
            raise Failed("after %g s still not: %s" % (seconds, what))
        time.sleep(0.02)


def bash(script, stdin=b"", timeout=60, **kw):
    """Runs a script in which "run" stands for mosix-run; status, stdout, stderr."""
    script = "run() { %s \"$@\"; }\n" % RUN + script
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True, **kw) as p:
        try:
            out, err = p.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as e:
            os.killpg(p.pid, signal.SIGKILL)
            raise Failed("still running after %d s: %s" % (timeout, script)) from e
    return p.returncode, out, err


def same(script):
    """The script has the same effect with and without mosix-run."""
    equal(bash(script), bash("run() { \"$@\"; }\n" + script), script)


def start(*command, **kw):
    """A job as a child of this process, in a group of its own as a shell would start it."""
    return subprocess.Popen(RUN.split() + list(command), process_group=0, **kw)


def ended(p, seconds=10):
    try:
        return p.wait(seconds)
    except subprocess.TimeoutExpired as e:
        p.kill()
        raise Failed("the job did not end in %g s" % seconds) from e


def state(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def running(mark):
    """The processes "sleep MARK" on this machine."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                args = f.read().split(b"\0")
            if args[:2] == [b"sleep", mark.encode()]:
                found.append(int(pid))
        except OSError:
            pass
    return found


def unique():
    """A number of seconds to sleep that nobody else sleeps."""
    return "100.%09d" % (time.time_ns() % 1000000000)


def runs_elsewhere(mark):
    """Whether the daemon says so of the job that sleeps so long."""
    if not os.environ.get("JOB_OPTIONS"):
        return False
    out = subprocess.run(["mosixctl", "ps", "--json"], capture_output=True).stdout
    return any(mark in job["command"] and job["state"] == "running" for job in json.loads(out)["jobs"])


def wait_running(mark):
    """Until the job that sleeps so long runs."""
    wait_for(lambda: running(mark) or runs_elsewhere(mark), "the job runs")


# ------------------------------------------------------------------ status and surroundings


@check("exit statuses arrive")
def exit_status():
    for n in 0, 1, 42, 255:
        equal(bash("run sh -c 'exit %d'" % n)[0], n, "status")


@check("death by a signal looks like the program's own")
def signal_status():
    for sig in signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR1:
        p = start("sh", "-c", "kill -%d $$" % sig)
        equal(ended(p), -sig, "status")


@check("a program that is not there gives 127, one that is none 126")
def cannot_run():
    status, _, err = bash("run /nonexistent/program")
    equal(status, 127, "status")
    if not err.startswith(b"mosix-run: "):
        raise Failed("message %r" % err)
    equal(bash("run no-such-program-anywhere")[0], 127, "status")
    equal(bash("run /etc/passwd")[0], 126, "status")
    equal(bash("run /etc")[0], 126, "status")


@check("without a daemon it says what to do, status 126")
def no_daemon():
    status, _, err = bash("MOSIX_CONTROL=/nonexistent run true")
    equal(status, 126, "status")
    if b"systemctl start mosixd" not in err:
        raise Failed("message %r" % err)


@check("a wrong command line gives 125")
def usage():
    equal(bash("run --no-such-option true")[0], 125, "status")
    equal(bash("mosix-run")[0], 125, "status")


@check("options behind the program are the program's")
def in_order():
    equal(bash("run echo -n --help -v")[1], b"--help -v", "output")
    equal(bash("run -- echo -h")[1], b"-h\n", "output")


@check("arguments of any kind arrive as they are")
def arguments():
    same("run printf '<%s>' '' ' a  b ' $'new\\nline' '*' $'\\xff\\x01' 'ü' \"$(printf '%0100000d' 7)\"")


@check("environment, directory, umask, limits and niceness are inherited")
def surroundings():
    same("cd /usr/share; run pwd; umask 027; run sh -c umask")
    same("export A=b EMPTY= 'C=d e'; run sh -c 'env | grep -v -e ^_ -e ^SHLVL | sort'")
    same("ulimit -S -n 100 -c 0 -f 1000 -t 1000; ulimit -s 4096; run sh -c 'ulimit -a; ulimit -H -a'")
    same("renice -n 7 $$ >/dev/null; run nice")


# ---------------------------------------------------------------------------------- streams


@check("much goes through both pipes and comes out the same")
def bulk():
    block = os.urandom(1 << 20)
    data = block * (BULK >> 20)
    _, out, _ = bash("run cat", data, 300)
    equal(hashlib.sha256(out).digest(), hashlib.sha256(data).digest(), "digest of the output")


@check("nothing, an empty pipe and a closed descriptor as standard input are the end of file")
def empty_stdin():
    equal(bash("run cat </dev/null"), (0, b"", b""))
    equal(bash("run cat"), (0, b"", b""))
    equal(bash("run wc -c <&-")[1].strip(), b"0", "bytes read")


@check("closed and null outputs do not disturb")
def closed_output():
    equal(bash("run echo a >&-; echo $?")[1][-2:], b"0\n", "status")
    equal(bash("run sh -c 'echo a; echo b >&2' 2>&- >/dev/null; echo $?")[1], b"0\n", "status")


@check("standard error is apart")
def stderr_apart():
    equal(bash("run sh -c 'echo out; echo err >&2'"), (0, b"out\n", b"err\n"))


@check("2>&1 keeps the order")
def stderr_order():
    loop = "for i in $(seq 200); do echo o$i; echo e$i >&2; done"
    _, out, _ = bash("run sh -c '%s' 2>&1 | cat" % loop)
    want = b"".join(b"o%d\ne%d\n" % (i, i) for i in range(1, 201))
    equal(out, want, "output")


@check("files: offsets are shared with the shell, appending appends")
def files():
    with tempfile.TemporaryDirectory() as d:
        bash("cd %s; { echo a; run echo b; echo c; run sh -c 'echo d; echo e >&2' 2>&1; echo f; } >one;"
             "echo x >two; run echo y >>two; echo z >>two" % d)
        with open(d + "/one") as f:
            equal(f.read(), "a\nb\nc\nd\ne\nf\n", "file")
        with open(d + "/two") as f:
            equal(f.read(), "x\ny\nz\n", "file")


@check("what the job leaves of a file is there for the next command")
def give_back():
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"".join(b"%07d\n" % i for i in range(100000)))
        f.flush()
        got = bash("{ run dd bs=8 count=3 status=none; sed -n '1p;$p'; } <%s" % f.name)[1]
        equal(got, b"0000000\n0000001\n0000002\n0000003\n0099999\n", "output")
        got = bash("{ run true; head -n 1; } <%s" % f.name)[1]
        equal(got, b"0000000\n", "output")
        got = bash("{ run cat >/dev/null; wc -c; } <%s" % f.name)[1]
        equal(got.strip(), b"0", "left over")


@check("a reader that goes away ends the writer, and is not waited for")
def sigpipe():
    equal(bash("run yes | head -n 1; echo ${PIPESTATUS[0]}")[1], b"y\n141\n", "output")
    equal(bash("yes | run head -n 1; echo ${PIPESTATUS[0]}")[1], b"y\n141\n", "output")
    equal(bash("run sh -c 'exec <&-; sleep 0.3; echo x' < <(yes)")[1], b"x\n", "output")


@check("an output that is closed early reaches its reader")
def early_end():
    begin = time.monotonic()
    equal(bash("run sh -c 'echo a; exec >&-; sleep 2' | cat; echo ${PIPESTATUS[0]}")[1], b"a\n0\n", "output")
    p = start("sh", "-c", "exec >&-; sleep 30", stdout=subprocess.PIPE)
    equal(p.stdout.read(), b"", "output")
    if time.monotonic() - begin > 15:
        raise Failed("the end came with the end of the job only")
    p.terminate()
    ended(p)


@check("pipelines of jobs")
def pipeline():
    equal(bash("run seq 100000 | run grep 7 | run wc -l")[1].strip(), b"40951", "lines")


@check("named pipes and sockets")
def fifo():
    with tempfile.TemporaryDirectory() as d:
        got = bash("cd %s; mkfifo f g; run cat <f >g & seq 50000 >f & cat g | md5sum; wait" % d)[1]
        equal(got, bash("seq 50000 | md5sum")[1], "output")


# ---------------------------------------------------------------------------------- signals


@check("signals are passed on")
def signals():
    for name in "HUP", "INT", "TERM", "USR1", "USR2", "ALRM", "WINCH", "RTMIN+3":
        if name == "WINCH":
            continue
        p = start("bash", "-c", "trap 'echo got; exit 3' %s; echo ready; while :; do sleep 0.05; done"
                  % name, stdout=subprocess.PIPE)
        equal(p.stdout.readline(), b"ready\n", "line")
        number = signal.SIGRTMIN + 3 if name == "RTMIN+3" else getattr(signal, "SIG" + name)
        p.send_signal(number)
        equal((p.stdout.read(), ended(p)), (b"got\n", 3), name)


@check("a signal that kills the job gives its status")
def fatal_signal():
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT:
        mark = unique()
        p = start("sleep", mark)
        wait_running(mark)
        p.send_signal(sig)
        equal(ended(p), -sig, "status")


@check("signals work while nobody reads the output")
def full_output():
    p = start("yes", stdout=subprocess.PIPE)
    wait_for(lambda: state(p.pid) == "S", "it waits")
    time.sleep(0.5)
    p.terminate()
    equal(ended(p), -signal.SIGTERM, "status")


@check("nohup: an ignored SIGHUP stays ignored")
def nohup():
    equal(bash("trap '' HUP; run sh -c 'kill -HUP $$; echo alive'")[1], b"alive\n", "output")
    p = start("sh", "-c", "echo ready; read x; echo $x", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
              preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    equal(p.stdout.readline(), b"ready\n", "line")
    p.send_signal(signal.SIGHUP)
    equal(p.communicate(b"still\n", 10)[0], b"still\n", "output")


@check("a job that stops is seen to stop, and goes on")
def stop():
    p = start("sh", "-c", "kill -STOP $$; echo on", stdout=subprocess.PIPE)
    wait_for(lambda: state(p.pid) == "T", "mosix-run stopped")
    p.send_signal(signal.SIGCONT)
    equal((p.stdout.read(), ended(p)), (b"on\n", 0), "the rest")


@check("SIGTSTP stops job and deputy, SIGCONT continues both")
def tstp():
    p = start("bash", "-c", "i=0; while :; do echo $((i++)); sleep 0.05; done", stdout=subprocess.PIPE)
    p.stdout.readline()
    p.send_signal(signal.SIGTSTP)
    wait_for(lambda: state(p.pid) == "T", "mosix-run stopped")
    p.send_signal(signal.SIGCONT)
    os.set_blocking(p.stdout.fileno(), False)
    time.sleep(0.3)
    p.stdout.read()
    select.select([p.stdout], [], [], 5)
    if not p.stdout.read():
        raise Failed("the job does not go on")
    if state(p.pid) == "T":
        raise Failed("mosix-run is stopped still")
    p.terminate()
    equal(ended(p), -signal.SIGTERM, "status")


@check("kill -STOP of mosix-run stops the job, kill -CONT continues both")
def sigstop():
    if "MOSIX_CONTROL" in os.environ:
        return  # the daemon sees to it, and this one is none
    with tempfile.TemporaryDirectory() as d:
        count = os.path.join(d, "count")
        p = start("bash", "-c", "while :; do echo >>%s; sleep 0.05; done" % count)

        def size():
            return os.path.getsize(count) if os.path.exists(count) else 0

        def grows():
            before = size()
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                if size() > before:
                    return True
                time.sleep(0.02)
            return False

        for _ in range(3):
            wait_for(grows, "the job runs")
            p.send_signal(signal.SIGSTOP)
            wait_for(lambda: state(p.pid) == "T" and not grows(), "the job has stopped")
            p.send_signal(signal.SIGCONT)
        wait_for(grows, "the job goes on")
        equal(state(p.pid), "S", "state of mosix-run")
        p.terminate()
        equal(ended(p), -signal.SIGTERM, "status")


@check("kill -9 of mosix-run ends the job")
def kill_deputy():
    mark = unique()
    p = start("sleep", mark)
    wait_running(mark)
    p.kill()
    p.wait()
    wait_for(lambda: not running(mark), "the job is gone")


@check("ps shows the program's name")
def title():
    p = start("sleep", "30")

    def comm():
        with open("/proc/%d/comm" % p.pid) as f:
            return f.read() == "sleep\n"

    wait_for(comm, "the name is sleep")
    p.terminate()
    ended(p)


# --------------------------------------------------------------------------------- terminal


class Terminal:
    """An interactive shell on a terminal, and somebody who types and reads."""

    PROMPT = "@> "

    def __init__(self, rows=24, cols=80):
        self.seen = self.all = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1=self.PROMPT, TERM="vt100", PS0="", HISTFILE="")
            os.environ.pop("PROMPT_COMMAND", None)
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
        self.size(rows, cols)
        self.expect(self.PROMPT)
        self.command("run() { %s \"$@\"; }" % RUN)

    def size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, seconds=10):
        """Reads until the pattern; returns what came before it."""
        end = time.monotonic() + seconds
        while True:
            m = re.search(pattern, self.seen)
            if m:
                before = self.seen[: m.start()]
                self.seen = self.seen[m.end():]
                return before
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Failed("%r did not come, but %r" % (pattern, self.seen))
            try:
                got = os.read(self.fd, 65536).decode("latin-1")
                self.seen += got
                self.all += got
            except OSError as e:
                raise Failed("terminal closed; %r" % self.seen) from e

    def command(self, text):
        """A command that ends; returns what it printed."""
        self.type(text + "\n")
        self.expect(re.escape(text.split("\n")[-1]) + "\r*\n")
        return self.expect("(?<![^\n])" + self.PROMPT).replace("\r", "")

    def begin(self, text):
        self.type(text + "\n")
        self.expect(re.escape(text) + "\r*\n")

    def modes(self):
        return termios.tcgetattr(self.fd)

    def wait_raw(self, raw=True):
        try:
            wait_for(lambda: bool(self.modes()[3] & termios.ICANON) != raw,
                     "the terminal is %s" % ("raw" if raw else "cooked"))
        except Failed as e:
            os.set_blocking(self.fd, False)
            raise Failed("%s; %r" % (e, self.seen + (os.read(self.fd, 65536) or b"").decode())) from e

    def done(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass
        self.done()


@check("the job has a terminal of the same size and modes")
def terminal():
    with Terminal(33, 101) as t:
        equal(t.command("run tty | grep -c pts"), "1\n", "tty with a pipe as output")
        equal(t.command("run sh -c 'test -t 0 && test -t 1 && test -t 2 && echo yes'"), "yes\n", "isatty")
        equal(t.command("run stty size"), "33 101\n", "size")
        equal(t.command("run sh -c 'stty -a </dev/tty' | grep -c -- '-icanon'"), "0\n", "modes")
        before = t.modes()
        equal(t.command("run sh -c 'echo a; echo b >&2'"), "a\nb\n", "output")
        equal(t.modes(), before, "modes afterwards")


@check("^C ends the job")
def ctrl_c():
    with Terminal() as t:
        mark = unique()
        t.begin("run sh -c 'sleep %s; echo no'" % mark)
        t.wait_raw()
        wait_running(mark)
        t.type("\x03")
        t.expect(t.PROMPT)
        equal(t.command("echo $?"), "130\n", "status")


@check("^\\ ends the job")
def ctrl_backslash():
    with Terminal() as t:
        t.begin("run sh -c 'ulimit -c 0; echo ready; exec sleep 100'")
        t.expect("ready")
        t.wait_raw()
        t.type("\x1c")
        t.expect(t.PROMPT)
        equal(t.command("echo $?"), "131\n", "status")


@check("^Z, fg, what is typed, ^D")
def ctrl_z():
    with Terminal() as t:
        t.begin("run cat")
        t.wait_raw()
        t.type("one\n")
        t.expect("one\r\none\r\n")
        for _ in range(3):
            t.type("\x1a")
            t.expect("Stopped.*\n.*" + t.PROMPT)
            equal(bool(t.modes()[3] & termios.ICANON), True, "cooked for the shell")
            equal(t.command("echo shell"), "shell\n", "the shell's own")
            t.begin("fg")
            t.wait_raw()
            t.type("two\n")
            t.expect("two\r\ntwo\r\n")
        t.type("\x04")
        t.expect(t.PROMPT)
        equal(t.command("echo $?"), "0\n", "status")


@check("^Z while a script waits for the job stops the whole script")
def ctrl_z_script():
    with Terminal() as t:
        t.begin("sh -c '%s cat; echo after'" % RUN)
        t.wait_raw()
        t.type("\x1a")
        t.expect("Stopped.*\n.*" + t.PROMPT)
        t.begin("fg")
        t.wait_raw()
        t.type("x\n")
        t.expect("x\r\nx\r\n")
        t.type("\x04")
        t.expect("after\r\n")


@check("a job in the background leaves the terminal alone")
def background():
    with Terminal() as t:
        t.command("run sleep 100 &")
        time.sleep(0.4)
        equal(bool(t.modes()[3] & termios.ICANON), True, "cooked")
        equal(t.command("echo mine"), "mine\n", "output")
        t.begin("fg")
        t.wait_raw()
        t.type("\x03")
        t.expect(t.PROMPT)
        equal(t.command("echo $?"), "130\n", "status")


@check("a job in the background that reads the terminal stops, and reads it in the foreground")
def background_input():
    with Terminal() as t:
        t.begin("run sh -c 'read x; echo \"<$x>\"; read y; echo \"<$y>\"' &")
        t.expect(t.PROMPT)
        wait_for(lambda: re.search("Stopped.*tty input", t.command("jobs -l")), "stopped by its input")
        t.begin("bg")
        t.expect(t.PROMPT)
        wait_for(lambda: re.search("Stopped.*tty input", t.command("jobs -l")), "stopped once more")
        t.begin("fg")
        t.wait_raw()
        t.type("one\n")
        t.expect("<one>\r\n")
        t.type("\x1a")
        t.expect("Stopped.*\n.*" + t.PROMPT)
        t.begin("bg")
        t.expect(t.PROMPT)
        wait_for(lambda: re.search("Stopped.*tty input", t.command("jobs -l")), "and by its second input")
        t.begin("fg")
        t.wait_raw()
        t.type("two\n")
        t.expect("<two>\r\n")
        t.expect(t.PROMPT)


@check("a job in the background that sets the terminal's modes stops")
def background_modes():
    with Terminal() as t:
        t.begin("run stty -echo &")
        t.expect(t.PROMPT)
        wait_for(lambda: re.search("Stopped.*tty output", t.command("jobs -l")), "stopped")
        t.begin("fg")
        t.expect(t.PROMPT)


@check("a job in the background of no shell does not stop for good")
def background_orphan():
    with Terminal() as t:
        t.begin("(run sh -c 'echo begun; sleep 0.5; read x </dev/tty; echo \"got $?\"' &)")
        t.expect("begun")
        found = bash("pgrep -nf 'mosix-run.*[b]egun'")[1]

        def switches():
            with open("/proc/%d/status" % int(found)) as f:
                return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M)[1])

        time.sleep(1)  # by then it reads
        before = switches()
        time.sleep(0.5)
        if switches() - before > 20:
            raise Failed("it is stopped and continued for ever")
        equal(t.command("echo shell"), "shell\n", "the shell's own")
        os.kill(int(found), signal.SIGTERM)


@check("output from the background, and with stty tostop none")
def background_output():
    with Terminal() as t:
        t.command("run sh -c 'sleep 0.2; echo hello' &")
        t.expect("hello\r*\n")
        t.command("wait")
        t.command("stty tostop")
        t.begin("run sh -c 'echo hidden' &")
        t.expect(t.PROMPT)
        wait_for(lambda: "Stopped" in t.command("jobs"), "stopped by its output")
        t.begin("fg")
        t.expect("hidden\r*\n")


@check("changes of the window's size arrive")
def window():
    with Terminal() as t:
        t.begin("run bash -c 'trap \"stty size; exit\" WINCH; echo ready; while :; do sleep 0.05; done'")
        t.expect("ready")
        t.size(41, 99)
        t.expect("41 99\r\n")


@check("keys one by one, without echo where the job wants none")
def keys():
    with Terminal() as t:
        t.begin("run bash -c 'read -r -s -p secret: x; echo \"<$x>\"; read -r -n 1 y; echo \"<$y>\"'")
        t.expect("secret:")
        t.wait_raw()
        t.type("abc\n")
        equal(t.expect("<abc>\r\n"), "", "echo of a secret")
        t.type("k")
        t.expect("k<k>\r\n")


@check("a pipeline into a pager: the pager has the keys")
def pager():
    with Terminal() as t:
        t.begin("run seq 5000 | LESS= LESSCHARSET=ascii less")
        t.expect("22\r\n23\r\n")
        t.type("G")
        t.expect("5000")
        t.type("q")
        t.expect(t.PROMPT)
        equal(t.command("run echo a | cat"), "a\n", "the next command")


@check("lines typed into a job at the head of a pipeline, ^D, ^C")
def typed_lines():
    with Terminal() as t:
        t.begin("run cat | cat")
        time.sleep(0.3)
        t.type("hello\n")
        equal(t.expect("hello\r\n"), "", "the echo")
        equal(t.expect("hello\r\n"), "", "the output")
        t.type("\x04")
        t.expect(t.PROMPT)
        mark = unique()
        t.begin("run sh -c 'sleep %s; echo no' | cat" % mark)
        wait_running(mark)
        t.type("\x03")
        t.expect(t.PROMPT, 5)
        mark = unique()
        t.begin("run sh -c 'sleep %s; echo no' </dev/null | cat" % mark)
        wait_running(mark)
        t.type("\x03")
        t.expect(t.PROMPT, 5)


@check("^Z at the head of a pipeline")
def pipeline_stop():
    with Terminal() as t:
        t.begin("run sh -c 'echo ready >&2; exec sleep 2' | cat")
        t.expect("ready")
        t.type("\x1a")
        t.expect("Stopped.*\n.*" + t.PROMPT)
        equal(t.command("echo shell"), "shell\n", "the shell's own")
        t.begin("fg")
        t.expect(t.PROMPT)


@check("what comes through a pipe can be paged with keys")
def paged_job():
    with Terminal() as t:
        t.begin("seq 3000 | run env LESS= LESSCHARSET=ascii less")
        # One more \r where the daemon was away: output went past the news of the terminal's modes.
        t.expect("22\r+\n23\r+\n")
        t.wait_raw()
        t.type("q")
        t.expect(t.PROMPT)


@check("a shell as a job has job control of its own")
def shell_job():
    with Terminal() as t:
        t.type("run bash --norc --noprofile --noediting -i\n")
        t.expect("bash.*\n")
        t.expect(t.PROMPT)
        t.begin("cat")
        t.type("in\n")
        t.expect("in\r\nin\r\n")
        t.type("\x1a")
        t.expect("Stopped")
        t.expect(t.PROMPT)
        t.begin("fg")
        t.type("\x04")
        t.expect(t.PROMPT)
        t.type("exit 5\n")
        t.expect("exit\r\n")
        t.expect(t.PROMPT)
        equal(t.command("echo $?"), "5\n", "status")


@check("a terminal that is closed ends the job")
def hangup():
    mark = unique()
    t = Terminal()
    t.begin("run sh -c 'echo ready; exec sleep %s'" % mark)
    t.expect("ready")
    t.done()
    wait_for(lambda: not running(mark), "the job is gone")


@check("modes are set back when mosix-run crashes")
def crash():
    with Terminal() as t:
        before = t.modes()
        t.begin("run sh -c 'echo ready; exec sleep 100'")
        t.expect("ready")
        t.wait_raw()
        os.kill(os.tcgetpgrp(t.fd), signal.SIGSEGV)
        t.expect(t.PROMPT)
        after = t.modes()
        equal(after[3] & termios.ICANON, before[3] & termios.ICANON, "line mode")


def kill_orphans():
    """What failed checks left behind; as the subreaper we are the parent of it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == os.getpid():
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass


def show_processes():
    """What the failed check waits for; a T in the state is a process that is stopped."""
    rows = subprocess.run(["ps", "-eo", "pid,ppid,pgid,tpgid,stat,wchan:20,args"],
                          capture_output=True, text=True).stdout.splitlines()
    for row in rows:
        if any(word in row for word in ("mosix-run", "bash", "sleep", "cat", " PID")):
            print("#   " + row[:150])


def main(args):
    # whoever started the tests may ignore it (nohup): then jobs would too
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    if args[:1] == ["-l"]:
        print("\n".join(name for name, _, _ in checks))
        return 0
    named = {c[0]: c for c in checks}
    chosen = [named[a] for a in args] or checks
    failed = 0
    print("1..%d" % len(chosen))
    for i, (name, text, f) in enumerate(chosen, 1):
        begin = time.monotonic()
        try:
            f()
            print("ok %d - %s # %s, %.1f s" % (i, text, name, time.monotonic() - begin))
        except (Failed, OSError, subprocess.TimeoutExpired) as e:
            failed += 1
            print("not ok %d - %s # %s\n#   %s" % (i, text, name, str(e).replace("\n", "\n#   ")))
            show_processes()
            kill_orphans()
        sys.stdout.flush()
    kill_orphans()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
