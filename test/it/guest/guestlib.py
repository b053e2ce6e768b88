# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the daemon and the deputy for guest processes (mosix-guest) on one node, without mosixd.

A Job has a deputy, which keeps what the user would see, and one or two guests. Everything runs in
one thread around pump(); wait() pumps until something is true.
"""
import array, os, select, signal, socket, struct, subprocess, sys, termios, time

sys.path.insert(0, os.environ.get("MOSIX_PB", "/tmp"))
import mosix_pb2 as pb

GUEST = os.environ.get("MOSIX_GUEST", "/usr/libexec/mosix/mosix-guest")
GUEST_SOCK = "/run/mosix/guest.sock"
IN, OUT, ERR, TTY_IN, TTY_OUT, CONTROL = range(6)
DATA, ACK, EOF, HELLO, BROKEN, SIGNAL, WINSIZE, TERMIOS, STOPPED, CONT, ENDED, GROUND = range(1, 13)
WINDOW = 256 << 10
NULL, PIPE, TTY = pb.STDIO_NULL, pb.STDIO_PIPE, pb.STDIO_TTY


class Chan:
    """Frames of u32 length, u16 type, u16 flags over a stream socket."""

    def __init__(self, sock):
        self.sock, self.inbuf, self.out, self.fds, self.closed = sock, b"", b"", [], False
        sock.setblocking(False)

    def send(self, typ, body, fd=None):
        frame = struct.pack("<IHH", len(body), typ, 1 if fd is not None else 0) + body
        if fd is not None:
            self.flush(True)
            n = socket.send_fds(self.sock, [frame], [fd])
            frame = frame[n:]
        self.out += frame
        self.flush()

    def flush(self, wait=False):
        while self.out and not self.closed:
            try:
                self.out = self.out[self.sock.send(self.out):]
            except BlockingIOError:
                if not wait:
                    return
                select.select([], [self.sock], [])
            except (BrokenPipeError, ConnectionResetError):
                self.closed = True

    def receive(self):
        """All frames that are there: (type, body) each."""
        while not self.closed:
            try:
                data, fds, _, _ = socket.recv_fds(self.sock, 1 << 18, 8)
            except BlockingIOError:
                break
            except ConnectionResetError:
                self.closed = True
                break
            self.fds += fds
            if not data:
                self.closed = True
                break
            self.inbuf += data
        frames = []
        while len(self.inbuf) >= 8:
            n, typ, _ = struct.unpack("<IHH", self.inbuf[:8])
            if len(self.inbuf) < 8 + n:
                break
            frames.append((typ, self.inbuf[8:8 + n]))
            self.inbuf = self.inbuf[8 + n:]
        return frames


class Deputy:
    """The user's end of the job link."""

    def __init__(self, job):
        self.job, self.gen, self.chan, self.synced = job, 0, None, False
        self.output = {OUT: b"", ERR: b"", TTY_OUT: b""}
        self.taken = {s: None for s in self.output}  # limit of what is acknowledged, for tests
        self.ended = {}
        self.base = {IN: 0, TTY_IN: 0}
        self.sent = dict(self.base)
        self.queue = {IN: b"", TTY_IN: b""}
        self.in_eof, self.eof_sent, self.eof_acked = set(), set(), set()
        self.broken = {}
        self.control, self.control_done, self.control_sent = [], 0, 0
        self.control_in, self.control_seq, self.control_acked = [], 0, 0
        self.acked = {}

    def up(self, chan, gen):
        self.chan, self.gen, self.synced = chan, gen, False
        received = [0, len(self.output[OUT]), len(self.output[ERR]), 0,
                    len(self.output[TTY_OUT]), self.control_seq]
        self.frame(HELLO, data=struct.pack("<6Q", *received))

    def down(self):
        self.chan, self.synced = None, False

    def frame(self, kind, stream=0, arg=0, seq=0, data=b""):
        body = struct.pack("<QIIBBHIQ", self.job, self.gen, 0, kind, stream, arg, len(data), seq)
        self.chan.send(pb.MSG_LINK, body + data)

    def receive(self, body):
        job, gen, _, kind, stream, arg, n, seq = struct.unpack("<QIIBBHIQ", body[:32])
        data = body[32:]
        assert job == self.job and n == len(data)
        if gen != self.gen or not self.chan:
            return
        if kind == HELLO:
            received = struct.unpack("<6Q", data)
            for s in self.sent:
                self.sent[s] = max(self.base[s], received[s])
            self.eof_sent = set()
            self.control_sent = max(self.control_done, received[CONTROL])
            self.acked = {}
            self.synced = True
        elif not self.synced:
            return
        elif kind == DATA:
            have = len(self.output[stream])
            assert seq <= have, f"gap in stream {stream}: {seq} after {have}"
            self.output[stream] += data[have - seq:]
        elif kind == EOF and arg:
            self.break_known = True
        elif kind == EOF:
            assert seq == len(self.output[stream]), "end of a stream that is not complete"
            self.ended[stream] = True
            self.acked.pop(stream, None)
        elif kind == ACK and stream == CONTROL:
            self.control_done = max(self.control_done, seq)
        elif kind == ACK:
            if seq > self.base[stream]:
                self.queue[stream] = self.queue[stream][seq - self.base[stream]:]
                self.base[stream] = seq
                self.sent[stream] = max(self.sent[stream], seq)
            if arg:
                self.eof_acked.add(stream)
        elif kind == BROKEN:
            self.broken[stream] = seq
            self.frame(EOF, stream, 1, self.base[stream])
        elif kind in (STOPPED, ENDED):
            if seq == self.control_seq + 1:
                self.control_seq = seq
                if kind == STOPPED:
                    self.control_in.append(arg)
            self.control_acked = -1
        self.pump()

    def pump(self):
        if not self.synced:
            return
        for s in self.output:
            have = len(self.output[s])
            if self.taken[s] is not None:
                have = min(have, self.taken[s])
            if self.acked.get(s, 0) != (have, s in self.ended) and (have or s in self.ended):
                self.acked[s] = (have, s in self.ended)
                self.frame(ACK, s, 1 if s in self.ended else 0, have)
        if self.control_acked != self.control_seq:
            self.control_acked = self.control_seq
            self.frame(ACK, CONTROL, 0, self.control_acked)
        while self.control_sent < len(self.control):
            kind, arg, data = self.control[self.control_sent]
            self.control_sent += 1
            self.frame(kind, 0, arg, self.control_sent, data)
        for s in self.queue:
            if s in self.broken:
                continue
            end = self.base[s] + len(self.queue[s])
            while self.sent[s] < min(end, self.base[s] + WINDOW):
                at = self.sent[s] - self.base[s]
                chunk = self.queue[s][at:at + min(32 << 10, WINDOW - at)]
                self.frame(DATA, s, 0, self.sent[s], chunk)
                self.sent[s] += len(chunk)
            if s in self.in_eof and s not in self.eof_sent and self.sent[s] == end:
                self.eof_sent.add(s)
                self.frame(EOF, s, 0, end)

    # what the user does
    def write(self, data, stream=IN):
        self.queue[stream] += data
        self.pump()

    def close(self, stream=IN):
        self.in_eof.add(stream)
        self.pump()

    def say(self, kind, arg=0, data=b""):
        self.control.append((kind, arg, data))
        self.pump()

    def break_stream(self, stream):
        self.frame(BROKEN, stream, 0, 0)


class Guest:
    """One mosix-guest, and its daemon's side."""

    def __init__(self, job, gen, cgroup, remote=None):
        self.job, self.gen, self.cgroup = job, gen, cgroup
        self.messages, self.link, self.direct, self.chan = [], None, None, None
        a, b = socket.socketpair()
        def fd3():
            os.dup2(b.fileno(), 3, inheritable=True)
        self.process = subprocess.Popen([GUEST], preexec_fn=fd3, close_fds=False,
                                        stdin=subprocess.DEVNULL)
        b.close()
        self.chan = Chan(a)
        self.send(pb.MSG_GUEST_ASSIGN,
                  pb.GuestAssign(job=job, gen=gen, cgroup=cgroup, tree=remote or "/"))

    def send(self, typ, m=None, fd=None):
        self.chan.send(typ, m.SerializeToString() if m is not None else b"", fd)

    def got(self, typ):
        return [m for t, m in self.messages if t == typ]


TYPES = {
    pb.MSG_GUEST_STARTED: pb.GuestStarted, pb.MSG_GUEST_EXITED: pb.GuestExited,
    pb.MSG_GUEST_STATS: pb.GuestStats, pb.MSG_GUEST_SIGNALLED: pb.GuestSignal,
    pb.MSG_GUEST_CHECKED: pb.GuestChecked,
    pb.MSG_GUEST_HELLO: pb.GuestHello, pb.MSG_MOVE_PREPARED: pb.MovePrepared,
    pb.MSG_MOVE_DUMPED: pb.MoveRef, pb.MSG_MOVE_READY: pb.MoveRef,
    pb.MSG_MOVE_FAILED: pb.MoveFailed, pb.MSG_MOVE_FINISHED: pb.MoveRef,
    pb.MSG_MOVE_PROGRESS: pb.MoveProgress, pb.MSG_MOVE_QUERY: pb.MoveRef,
}


def cgroup_base():
    for line in open("/proc/self/mountinfo"):
        left, right = line.split(" - ")
        if right.split()[0] == "cgroup2":
            path = left.split()[4] + f"/guest-test.{time.time_ns()}"
            os.mkdir(path)
            return path
    raise SystemExit("no cgroup2 is mounted")


class World:
    seq = 0

    def __init__(self):
        self.base = cgroup_base()
        self.guests, self.deputies = [], []
        self.listener = None
        os.makedirs("/run/mosix", exist_ok=True)

    def listen(self):
        if os.path.exists(GUEST_SOCK):
            os.unlink(GUEST_SOCK)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(GUEST_SOCK)
        self.listener.listen(8)

    def close(self):
        for g in self.guests:
            if g.process.poll() is None:
                g.process.kill()
                g.process.wait()
        for d, _, _ in list(os.walk(self.base, topdown=False)):
            try:
                open(d + "/cgroup.kill", "w").write("1")
            except OSError:
                pass
            for _ in range(200):
                try:
                    os.rmdir(d)
                    break
                except OSError:
                    time.sleep(0.01)

    def read_guest(self, g):
        for typ, body in g.chan.receive():
            if typ == pb.MSG_LINK:
                if g.deputy.chan is g.chan:
                    g.deputy.receive(body)
                continue
            m = TYPES[typ]()
            m.ParseFromString(body)
            g.messages.append((typ, m))
            if os.environ.get("VERBOSE"):
                print(f"# gen {g.gen}: {pb.MsgType.Name(typ)} {str(m)!r}", file=sys.stderr)

    def accept(self):
        sock, _ = self.listener.accept()
        c = Chan(sock)
        end = time.time() + 5
        while time.time() < end:
            select.select([sock], [], [], 0.1)
            frames = c.receive()
            if frames:
                hello = pb.GuestHello()
                assert frames[0][0] == pb.MSG_GUEST_HELLO
                hello.ParseFromString(frames[0][1])
                for g in self.guests:
                    if g.job == hello.job and g.gen == hello.gen:
                        g.chan = c
                        g.hello = hello
                        c.inbuf = b"".join(struct.pack("<IHH", len(b), t, 0) + b
                                           for t, b in frames[1:]) + c.inbuf
                        return
                raise AssertionError("a guest that nobody knows")
        raise AssertionError("no hello")

    def pump(self, timeout=0.02):
        rd, wr = [], []
        for g in self.guests:
            for c in (g.chan, g.direct):
                if c and not c.closed:
                    rd.append(c.sock)
                    if c.out:
                        wr.append(c.sock)
        if self.listener:
            rd.append(self.listener)
        r, w, _ = select.select(rd, wr, [], timeout)
        if self.listener in r:
            self.accept()
        for g in self.guests:
            for c in (g.chan, g.direct):
                if c and c.out:
                    c.flush()
            if g.chan and not g.chan.closed:
                self.read_guest(g)
            if g.direct and not g.direct.closed:
                for typ, body in g.direct.receive():
                    assert typ == pb.MSG_LINK
                    if g.deputy.chan is g.direct:
                        g.deputy.receive(body)

    def wait(self, what, condition, seconds=10):
        end = time.time() + seconds
        while not condition():
            if time.time() > end:
                raise AssertionError(f"timed out: {what}")
            self.pump()

    # ------------------------------------------------------------------------------- jobs

    def spec(self, argv, stdio=(PIPE, PIPE, PIPE), **kw):
        World.seq += 1
        s = pb.JobSpec()
        s.job = 1 << 32 | World.seq
        s.uid, s.gid, s.cwd, s.umask, s.hostname, s.home = 0, 0, b"/", 0o22, "homenode", 1
        s.argv.extend(a.encode() if isinstance(a, str) else a for a in argv)
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "TERM": "xterm",
               "LC_ALL": "C.UTF-8"}
        env.update(kw.pop("env", {}))
        s.envp.extend(f"{k}={v}".encode() for k, v in env.items())
        s.stdio.extend(stdio)
        s.home_mounts.extend(home_mounts())
        for k, v in kw.items():
            f = getattr(s, k)
            if hasattr(f, "extend"):
                f.extend(v)
            else:
                setattr(s, k, v)
        return s

    def new_guest(self, spec, gen, deputy, remote=None):
        cgroup = f"{self.base}/{spec.job & 0xffffffff}.{gen}"
        g = Guest(spec.job, gen, cgroup, remote)
        g.spec, g.deputy = spec, deputy
        self.guests.append(g)
        return g

    def link(self, g, direct=True):
        m = pb.LinkUp(job=g.job, gen=g.gen, direct=direct)
        if direct:
            a, b = socket.socketpair()
            g.send(pb.MSG_LINK_UP, m, b.fileno())
            b.close()
            g.direct = Chan(a)
            g.deputy.up(g.direct, g.gen)
        else:
            g.direct = None
            g.send(pb.MSG_LINK_UP, m)
            g.deputy.up(g.chan, g.gen)

    def start(self, argv, direct=True, check=True, **kw):
        spec = self.spec(argv, **kw)
        g = self.new_guest(spec, 1, Deputy(spec.job))
        m = pb.GuestStart(job=spec.job, gen=1)
        m.spec.CopyFrom(spec)
        g.t0 = time.time()
        g.send(pb.MSG_GUEST_START, m)
        self.wait("the start", lambda: g.got(pb.MSG_GUEST_STARTED))
        g.start_seconds = time.time() - g.t0
        g.started = g.got(pb.MSG_GUEST_STARTED)[0]
        if check:
            assert not g.started.error and not g.started.exec_error, g.started
            self.link(g, direct)
        return g

    def ended(self, g):
        return bool(g.got(pb.MSG_GUEST_EXITED))

    def finish(self, g, seconds=30):
        self.wait("the end of the job", lambda: self.ended(g), seconds)
        m = g.got(pb.MSG_GUEST_EXITED)[0]
        g.send(pb.MSG_GUEST_EXITED_ACK, pb.GuestRef(job=g.job, gen=g.gen))
        self.wait("the end of the guest", lambda: g.process.poll() is not None)
        assert g.process.returncode == 0, g.process.returncode
        assert not os.path.exists(g.cgroup), "its control group is left"
        self.guests.remove(g)
        return m

    def run(self, argv, data=b"", direct=True, **kw):
        g = self.start(argv, direct, **kw)
        g.deputy.write(data)
        g.deputy.close()
        return g, self.finish(g)

    # ------------------------------------------------------------------------------ moves

    moves = 0

    def prepare(self, g, remote=None, check=True):
        """A destination guest for the copy that g holds."""
        World.moves += 1
        n = self.new_guest(g.spec, g.gen + 1, g.deputy, remote)
        n.move = World.moves
        m = pb.MovePrepare(move=n.move, job=g.job, gen=n.gen, source=1)
        m.spec.CopyFrom(g.spec)
        del m.spec.argv[:], m.spec.envp[:]
        n.send(pb.MSG_MOVE_PREPARE, m)
        self.wait("prepared", lambda: n.got(pb.MSG_MOVE_PREPARED) or n.got(pb.MSG_MOVE_FAILED))
        if check:
            assert n.got(pb.MSG_MOVE_PREPARED), n.got(pb.MSG_MOVE_FAILED)
        return n

    def begin(self, g, n):
        """Both have voted, or one of them has failed."""
        p = n.got(pb.MSG_MOVE_PREPARED)[0]
        port = socket.socket()
        port.bind(("127.0.0.1", 0))
        port.listen(1)
        m = pb.MoveBegin(move=n.move, job=g.job, gen=n.gen, destination=2, token=p.token,
                         key=p.key, address="127.0.0.1", port=port.getsockname()[1])
        done = lambda: (g.got(pb.MSG_MOVE_FAILED) or n.got(pb.MSG_MOVE_FAILED))
        g.send(pb.MSG_MOVE_BEGIN, m)
        port.setblocking(False)
        bulk = []

        def connected():
            try:
                bulk.append(port.accept()[0])
            except BlockingIOError:
                pass
            return bulk or done()
        self.wait("the image connection", connected, 20)
        port.close()
        if not bulk:
            return
        bulk[0].setblocking(True)
        head = b""
        while len(head) < 24:
            head += bulk[0].recv(24 - len(head))
        assert p.token in head
        n.send(pb.MSG_MOVE_BULK, pb.MoveRef(move=n.move, job=n.job, gen=n.gen),
               bulk[0].fileno())
        bulk[0].close()
        self.wait("both votes", lambda: done() or
                  (g.got(pb.MSG_MOVE_DUMPED) and n.got(pb.MSG_MOVE_READY)), 30)

    def decide(self, g, n, commit):
        assert g.got(pb.MSG_MOVE_DUMPED) and n.got(pb.MSG_MOVE_READY), \
            (g.got(pb.MSG_MOVE_FAILED), n.got(pb.MSG_MOVE_FAILED))
        m = pb.MoveDecision(move=n.move, job=g.job, gen=n.gen, commit=commit)
        g.deputy.down()
        g.send(pb.MSG_MOVE_DECISION, m)
        n.send(pb.MSG_MOVE_DECISION, m)
        self.wait("the source to finish", lambda: g.got(pb.MSG_MOVE_FINISHED))
        self.wait("the destination to finish", lambda: n.got(pb.MSG_MOVE_FINISHED))
        gone, stays = (g, n) if commit else (n, g)
        self.link(stays)
        self.wait("the other guest to end", lambda: gone.process.poll() is not None)
        assert not os.path.exists(gone.cgroup), "control group is left"
        self.guests.remove(gone)
        stays.messages = [x for x in stays.messages
                          if not pb.MSG_MOVE_PREPARE <= x[0] <= pb.MSG_MOVE_BULK]
        return stays

    def move(self, g, commit=True, remote=None):
        n = self.prepare(g, remote)
        self.begin(g, n)
        return self.decide(g, n, commit)


def home_mounts():
    """The mount points below "/" of this node."""
    skipped = {"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "autofs", "fuse.mfs",
               "mqueue", "hugetlbfs"}
    found = set()
    for line in open("/proc/self/mountinfo"):
        left, right = line.split(" - ")
        point = left.split()[4]
        if right.split()[0] in skipped or point == "/" or "\\" in point:
            continue
        if point.split("/")[1] in ("proc", "sys", "dev", "run"):
            continue
        found.add(point.encode())
    return sorted(found)


# ----------------------------------------------------------------------------------- tests

TESTS = []


def test(f):
    TESTS.append(f)
    return f


def main():
    wanted = sys.argv[1:]
    failed = 0
    for n, f in enumerate(TESTS, 1):
        if wanted and not any(w in f.__name__ for w in wanted):
            continue
        w = World()
        try:
            f(w)
            print(f"ok {n} - {f.__doc__ or f.__name__}", flush=True)
        except Exception as e:
            import traceback
            failed += 1
            traceback.print_exc()
            for g in w.guests:
                print("#", g.gen, g.process.poll(),
                      [(pb.MsgType.Name(t), str(m)) for t, m in g.messages[-4:]],
                      {s: d[-300:] for s, d in g.deputy.output.items()}, file=sys.stderr)
            print(f"not ok {n} - {f.__doc__ or f.__name__}: {e}", flush=True)
        finally:
            w.close()
    print(f"1..{len(TESTS)}")
    sys.exit(1 if failed else 0)
