/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon and a guest in one, for tests of the deputy alone: runs the programs that mosix-run asks
 * for as plain children, with the standard descriptors and the terminal that it asked for, and
 * joins them to it by a real job link. For mosix-batch it is the only node of a cluster. No
 * containers, no moves, no other users.
 *
 *	fake_mosixd SOCKET [relay] [cut] [restart]
 *
 * relay: the link goes through the control channel; cut: the path is lost after every 300 kB or so
 * and each second; restart: the control socket with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/msg.h"
#include "job/endpoint.h"
#include "proto/mosix.pb-c.h"

#define CUT_EVERY 300000
#define CUT_EVERY_MS 1000
#define DOWN_MS 60

static bool relay, cut, restart;

struct job {
	uint64_t id;
	pid_t pid;
	bool started, exited, told, acked, deputy_gone;
	int status;
	int stdin_fd, stdin_peek, out_fd, err_fd, pty_in, pty_out;
	bool used[LINK_STREAMS];
	struct endpoint *ep;
	struct chan *control, *direct;
	bool path;
	uint64_t moved; /* bytes since the last cut */
	int64_t cut_at, up_at;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ------------------------------------------------------------------------ the program */

static char **strings(size_t n, const ProtobufCBinaryData *in)
{
	char **out = calloc(n + 1, sizeof(*out));

	for (size_t i = 0; i < n; i++)
		/* An empty one has no data at all. */
		out[i] = strndup(in[i].len ? (char *)in[i].data : "", in[i].len);
	return out;
}

static void run_program(const Mosix__JobSpec *s, int fds[3], int tty, int report)
{
	char *cwd = strndup((char *)s->cwd.data, s->cwd.len);
	sigset_t none;
	int r;

	setpgid(0, 0);
	if (tty >= 0 && !s->background)
		tcsetpgrp(tty, getpid());
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_DFL);
	for (size_t i = 0; i < s->n_ignored_signals; i++)
		signal((int)s->ignored_signals[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	umask(s->umask);
	for (size_t i = 0; i < s->n_rlimits; i++) {
		struct rlimit l = {s->rlimits[i]->soft, s->rlimits[i]->hard};

		setrlimit((int)s->rlimits[i]->resource, &l);
	}
	setpriority(PRIO_PROCESS, 0, s->nice);
	if (chdir(cwd) == 0) {
		char **argv = strings(s->n_argv, s->argv);

		environ = strings(s->n_envp, s->envp);
		execvp(argv[0], argv);
	}
	r = errno;
	(void)!write(report, &r, sizeof(r));
	_exit(127);
}

static void make_pipe(int p[2])
{
	if (pipe2(p, O_CLOEXEC) < 0)
		die("pipe");
}

static int open_tty(struct job *j, const Mosix__JobSpec *s)
{
	struct winsize w = {0};
	struct termios t;
	int master, slave;

	if (s->winsize) {
		w.ws_row = (unsigned short)s->winsize->rows;
		w.ws_col = (unsigned short)s->winsize->cols;
	}
	if (s->has_termios && s->termios.len == sizeof(t))
		memcpy(&t, s->termios.data, sizeof(t));
	if (openpty(&master, &slave, NULL, s->has_termios ? &t : NULL, &w) < 0)
		die("openpty");
	fd_set_nonblock(master, true);
	fd_set_cloexec(master, true);
	fd_set_cloexec(slave, true);
	j->pty_out = master;
	j->pty_in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	return slave;
}

static int start_stdio(struct job *j, const Mosix__JobSpec *s, int fds[3])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), tty = -1, p[2];

	for (size_t i = 0; i < 3; i++) {
		fds[i] = null;
		if (s->stdio[i] == MOSIX__STDIO_KIND__STDIO_TTY) {
			if (tty < 0)
				tty = open_tty(j, s);
			fds[i] = tty;
		} else if (s->stdio[i] == MOSIX__STDIO_KIND__STDIO_PIPE && i == 2 &&
			   s->err_to_out) {
			fds[2] = fds[1];
		} else if (s->stdio[i] == MOSIX__STDIO_KIND__STDIO_PIPE) {
			make_pipe(p);
			fds[i] = p[i ? 1 : 0];
			fd_set_nonblock(p[i ? 0 : 1], true);
			*(i == 0 ? &j->stdin_fd : i == 1 ? &j->out_fd : &j->err_fd) = p[i ? 0 : 1];
			j->used[i == 0 ? LINK_IN : i == 1 ? LINK_OUT : LINK_ERR] = true;
		}
	}
	/* To see what is left unread even after its end was delivered. */
	if (j->stdin_fd >= 0) {
		char path[32];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
		j->stdin_peek = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	}
	j->used[LINK_TTY_OUT] = tty >= 0;
	return tty;
}

static int start_program(struct job *j, const Mosix__JobSpec *s)
{
	int fds[3], report[2], tty, error = 0;

	make_pipe(report);
	tty = start_stdio(j, s, fds);
	/* The session's leader is somebody else, or its terminal could not stop the program. */
	setsid();
	if (tty >= 0)
		ioctl(tty, TIOCSCTTY, 0);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	j->pid = fork();
	if (j->pid == 0)
		run_program(s, fds, tty, report[1]);
	close(report[1]);
	for (int i = 0; i < 3; i++)
		if (i == 0 || (fds[i] != fds[0] && (i == 1 || fds[i] != fds[1])))
			close(fds[i]);
	if (tty >= 0)
		close(tty);
	(void)!read(report[0], &error, sizeof(error));
	close(report[0]);
	return error;
}

/* ---------------------------------------------------------------------------- the link */

static void path_down(struct job *j)
{
	Mosix__GuestRef ref = MOSIX__GUEST_REF__INIT;

	if (!j->path)
		return;
	j->path = false;
	j->direct = chan_free(j->direct);
	endpoint_path_down(j->ep);
	j->up_at = now_ms() + DOWN_MS;
	ref.has_job = ref.has_gen = true;
	ref.job = j->id;
	ref.gen = 1;
	if (j->control)
		msg_send(j->control, MOSIX__MSG_TYPE__MSG_LINK_DOWN, &ref.base, -1);
}

static void path_up(struct job *j)
{
	Mosix__LinkUp up = MOSIX__LINK_UP__INIT;
	struct stream *s;
	int pair[2] = {-1, -1};

	up.has_job = up.has_gen = up.has_direct = true;
	up.job = j->id;
	up.gen = 1;
	up.direct = !relay;
	if (!relay) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			die("socketpair");
		if (stream_new_plain(&s, pair[0]) < 0 ||
		    chan_new(&j->direct, s, LINK_BODY_MAX, 1u << 20) < 0)
			die("chan_new");
	}
	msg_send(j->control, MOSIX__MSG_TYPE__MSG_LINK_UP, &up.base, pair[1]);
	fd_close(pair[1]);
	j->path = true;
	j->moved = 0;
	j->cut_at = now_ms() + CUT_EVERY_MS;
	endpoint_path_up(j->ep);
}

static void control_lost(struct job *j)
{
	if (relay)
		path_down(j);
	j->control = chan_free(j->control);
}

static void link_frame(struct job *j, const struct chan_frame *f)
{
	struct link_frame lf;
	uint64_t job;
	uint32_t gen;

	if (link_frame_unpack(f->body, f->len, &job, &gen, &lf) < 0 || job != j->id)
		die("bad frame");
	j->moved += f->len;
	if (endpoint_receive(j->ep, &lf) < 0)
		die("bad link frame");
}

static void send_frames(struct job *j)
{
	struct chan *c = j->direct ? j->direct : j->control;
	uint8_t body[LINK_BODY_MAX];
	struct link_frame f;

	while (j->path && c && chan_queued(c) < 100000 && endpoint_next_to_send(j->ep, &f)) {
		link_frame_pack(j->id, 1, &f, body);
		if (f.len)
			memcpy(body + LINK_REF + LINK_HEADER, f.data, f.len);
		j->moved += f.len;
		chan_send(c, MOSIX__MSG_TYPE__MSG_LINK, body, LINK_REF + LINK_HEADER + f.len, -1);
	}
}

/* ------------------------------------------------------------------------------ streams */

static void feed(struct job *j, unsigned int stream, int *fd)
{
	const uint8_t *data;
	size_t len;
	ssize_t n;

	while (*fd >= 0 && (len = endpoint_pending(j->ep, stream, &data))) {
		n = write(*fd, data, len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			endpoint_break(j->ep, stream);
			*fd = fd_close(*fd);
			return;
		}
		endpoint_delivered(j->ep, stream, (size_t)n);
	}
	if (*fd >= 0 && endpoint_at_end(j->ep, stream)) {
		endpoint_end_delivered(j->ep, stream);
		*fd = fd_close(*fd);
	}
}

static void drain(struct job *j, unsigned int stream, int *fd)
{
	uint8_t buf[65536];
	size_t space;
	ssize_t n;

	if (*fd >= 0 && endpoint_broken(j->ep, stream))
		*fd = fd_close(*fd);
	while (*fd >= 0 && (space = endpoint_space(j->ep, stream))) {
		n = read(*fd, buf, space < sizeof(buf) ? space : sizeof(buf));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0) {
			endpoint_put(j->ep, stream, buf, (size_t)n);
			continue;
		}
		endpoint_put_eof(j->ep, stream);
		*fd = fd_close(*fd);
	}
}

static void give_terminal(pid_t group)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		tcsetpgrp(fd, group);
	fd_close(fd);
}

static void control_messages(struct job *j)
{
	struct link_frame f;
	struct winsize w;

	while (endpoint_control_next(j->ep, &f)) {
		if (f.kind == LINK_SIGNAL && !j->exited)
			kill(f.arg & LINK_SIGNAL_GROUP ? -j->pid : j->pid, f.arg & 0xff);
		if (f.kind == LINK_CONT && !j->exited)
			kill(-j->pid, SIGCONT);
		if (f.kind == LINK_GROUND && !j->exited)
			give_terminal(f.arg ? j->pid : getpid());
		if (f.kind == LINK_WINSIZE && j->pty_out >= 0) {
			memcpy(&w, f.data, sizeof(w));
			ioctl(j->pty_out, TIOCSWINSZ, &w);
		}
		endpoint_control_done(j->ep);
	}
}

static void reap(struct job *j)
{
	int status, left = 0;

	while (!j->exited && waitpid(j->pid, &status, WNOHANG | WUNTRACED) == j->pid) {
		if (WIFSTOPPED(status)) {
			endpoint_control_put(j->ep, LINK_STOPPED, (uint16_t)WSTOPSIG(status), NULL,
					     0);
			continue;
		}
		j->exited = true;
		j->status = status;
		/* In a container everything ends with the program. */
		kill(-j->pid, SIGKILL);
		endpoint_control_put(j->ep, LINK_ENDED, (uint16_t)status, NULL, 0);
		if (j->stdin_peek >= 0)
			ioctl(j->stdin_peek, FIONREAD, &left);
		if (j->stdin_peek >= 0)
			endpoint_break_unread(j->ep, LINK_IN, (uint64_t)left);
		j->stdin_fd = fd_close(j->stdin_fd);
		j->stdin_peek = fd_close(j->stdin_peek);
	}
}

/* ------------------------------------------------------------------------------- control */

static void start_job(struct job *j, const struct chan_frame *f)
{
	Mosix__JobStart *m = msg_unpack(&mosix__job_start__descriptor, f->body, f->len);
	Mosix__JobStarted started = MOSIX__JOB_STARTED__INIT;
	int error;

	if (!m || !m->spec || m->spec->n_stdio != 3)
		die("bad JobStart");
	error = start_program(j, m->spec);
	started.has_job = started.has_error = started.has_node = true;
	started.job = j->id;
	started.node = 1;
	if (error) {
		started.error = error == ENOENT ? 127 : 126;
		started.text = strerror(error);
	}
	msg_send(j->control, MOSIX__MSG_TYPE__MSG_JOB_STARTED, &started.base, -1);
	if (error) {
		chan_flush(j->control, 1000);
		exit(0);
	}
	j->started = true;
	path_up(j);
	msg_free(m);
}

/* As a guest does: the end is told once all else has arrived. */
static bool delivered(const struct job *j)
{
	static const unsigned int outputs[] = {LINK_OUT, LINK_ERR, LINK_TTY_OUT};

	for (size_t i = 0; i < 3; i++)
		if (j->used[outputs[i]] && !endpoint_finished(j->ep, outputs[i]))
			return false;
	return !j->used[LINK_IN] || endpoint_break_known(j->ep, LINK_IN);
}

static void tell_end(struct job *j)
{
	Mosix__JobEnded e = MOSIX__JOB_ENDED__INIT;

	e.has_job = e.has_gen = e.has_status = true;
	e.job = j->id;
	e.gen = 1;
	e.status = (uint32_t)j->status;
	msg_send(j->control, MOSIX__MSG_TYPE__MSG_JOB_ENDED, &e.base, -1);
	j->told = true;
}

/* For mosix-batch: one node, this one. */
static void answer_nodes(struct job *j)
{
	Mosix__NodeRow row = MOSIX__NODE_ROW__INIT, *rows[] = {&row};
	Mosix__NodeInfo info = MOSIX__NODE_INFO__INIT;
	Mosix__Reply m = MOSIX__REPLY__INIT;

	row.has_node = row.has_up = row.has_self = info.has_cpus = true;
	row.node = 1;
	row.up = row.self = true;
	row.info = &info;
	info.cpus = 2;
	m.nodes = rows;
	m.n_nodes = 1;
	msg_send(j->control, MOSIX__MSG_TYPE__MSG_REPLY, &m.base, -1);
}

static void control_frame(struct job *j, const struct chan_frame *f)
{
	Mosix__GuestSignal *m;

	switch (f->type) {
	case MOSIX__MSG_TYPE__MSG_JOB_START:
		start_job(j, f);
		return;
	case MOSIX__MSG_TYPE__MSG_REQUEST:
		answer_nodes(j);
		return;
	case MOSIX__MSG_TYPE__MSG_LINK:
		if (j->path)
			link_frame(j, f);
		return;
	case MOSIX__MSG_TYPE__MSG_JOB_ENDED_ACK:
		j->acked = true;
		return;
	case MOSIX__MSG_TYPE__MSG_JOB_SIGNAL:
		m = msg_unpack(&mosix__guest_signal__descriptor, f->body, f->len);
		if (m && !j->exited)
			kill(j->pid, (int)m->signal);
		msg_free(m);
		return;
	case MOSIX__MSG_TYPE__MSG_DEPUTY_HELLO:
		j->told = false;
		if (!j->path)
			path_up(j);
		return;
	default:
		die("unexpected message");
	}
}

static void run_chan(struct job *j, struct chan **c)
{
	struct chan_frame f;
	int r;

	if (!*c)
		return;
	r = chan_process(*c);
	while (r >= 0 && *c && (r = chan_next(*c, &f)) > 0) {
		if (c == &j->control)
			control_frame(j, &f);
		else
			link_frame(j, &f);
	}
	if (r >= 0 || !*c)
		return;
	if (c == &j->direct) {
		path_down(j);
		return;
	}
	j->deputy_gone = true;
	control_lost(j);
}

static void faults(struct job *j)
{
	if (!cut && !restart)
		return;
	if (j->path && (j->moved > CUT_EVERY || now_ms() > j->cut_at)) {
		path_down(j);
		if (restart && j->control) {
			chan_process(j->control);
			control_lost(j);
		}
	}
}

/* The deputy dialled again; the connection comes from the process that listens. */
static void take_control(struct job *j, struct stream *redials)
{
	struct stream *s;
	char c;
	int fd;

	if (stream_read(redials, &c, 1) <= 0)
		return;
	fd = stream_take_fd(redials);
	if (fd < 0 || stream_new_plain(&s, fd) < 0 ||
	    chan_new(&j->control, s, CHAN_FRAME_MAX, 8u << 20) < 0)
		die("redial");
}

static void step(struct job *j, struct stream *redials, int sigfd)
{
	struct pollfd p[] = {
		{.fd = sigfd, .events = POLLIN},
		{.fd = j->control ? chan_fd(j->control) : stream_fd(redials),
		 .events = j->control ? chan_events(j->control) : POLLIN},
		{.fd = j->direct ? chan_fd(j->direct) : -1,
		 .events = j->direct ? chan_events(j->direct) : 0},
		{.fd = endpoint_space(j->ep, LINK_OUT) ? j->out_fd : -1, .events = POLLIN},
		{.fd = endpoint_space(j->ep, LINK_ERR) ? j->err_fd : -1, .events = POLLIN},
		{.fd = endpoint_space(j->ep, LINK_TTY_OUT) ? j->pty_out : -1, .events = POLLIN},
		{.fd = j->stdin_fd, .events = 0},
	};
	const uint8_t *data;
	struct signalfd_siginfo info;

	if (endpoint_pending(j->ep, LINK_IN, &data))
		p[6].events = POLLOUT;
	poll(p, 7, cut || restart || !j->path ? 20 : 1000);
	(void)!read(sigfd, &info, sizeof(info));
	if (!j->control)
		take_control(j, redials);
	run_chan(j, &j->control);
	run_chan(j, &j->direct);
	if (j->control && !j->path && j->started && now_ms() > j->up_at)
		path_up(j);
	control_messages(j);
	feed(j, LINK_IN, &j->stdin_fd);
	feed(j, LINK_TTY_IN, &j->pty_in);
	reap(j);
	drain(j, LINK_OUT, &j->out_fd);
	drain(j, LINK_ERR, &j->err_fd);
	drain(j, LINK_TTY_OUT, &j->pty_out);
	send_frames(j);
	if (j->exited && !j->told && j->control && delivered(j))
		tell_end(j);
	run_chan(j, &j->control);
	run_chan(j, &j->direct);
	send_frames(j);
	faults(j);
}

/* One process for each job. */
static void run_job(int fd, int redial_fd, uint64_t id)
{
	struct job j = {.id = id,
			.stdin_fd = -1,
			.stdin_peek = -1,
			.out_fd = -1,
			.err_fd = -1,
			.pty_in = -1,
			.pty_out = -1};
	struct stream *s, *redials;
	sigset_t set;
	int sigfd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (stream_new_plain(&redials, redial_fd) < 0 || endpoint_new(&j.ep, ENDPOINT_GUEST) < 0 ||
	    stream_new_plain(&s, fd) < 0 || chan_new(&j.control, s, CHAN_FRAME_MAX, 8u << 20) < 0)
		die("start");
	while (!j.acked && !j.deputy_gone)
		step(&j, redials, sigfd);
	if (!j.exited && j.pid > 0)
		kill(-j.pid, SIGKILL);
	exit(0);
}

/* The job whose deputy dials again, 0 if it is a new one. */
static uint64_t redialled(int fd)
{
	uint8_t buf[64];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);
	Mosix__DeputyHello *m;
	uint64_t job;

	if (n < CHAN_HEADER || buf[4] != MOSIX__MSG_TYPE__MSG_DEPUTY_HELLO)
		return 0;
	m = msg_unpack(&mosix__deputy_hello__descriptor, buf + CHAN_HEADER, buf[0]);
	if (!m)
		die("bad DeputyHello");
	job = m->job;
	msg_free(m);
	return job;
}

static void serve(int fd)
{
	static struct stream *jobs[1 << 16];
	static uint32_t seq;
	uint64_t job = redialled(fd);
	int pair[2];

	if (job && jobid_seq(job) <= seq) {
		stream_write_fd(jobs[jobid_seq(job)], "", 1, fd);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    stream_new_plain(&jobs[++seq], pair[0]) < 0)
		die("socketpair");
	if (fork() == 0) {
		signal(SIGCHLD, SIG_DFL);
		run_job(fd, pair[1], jobid_make(1, seq));
	}
	close(pair[1]);
}

int main(int argc, char **argv)
{
	int listener;

	if (argc < 2)
		return 2;
	for (int i = 2; i < argc; i++) {
		relay |= !strcmp(argv[i], "relay");
		cut |= !strcmp(argv[i], "cut");
		restart |= !strcmp(argv[i], "restart");
	}
	listener = unix_listen(argv[1], 0600);
	if (listener < 0)
		die(argv[1]);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			die("accept");
		serve(fd);
		close(fd);
	}
}
