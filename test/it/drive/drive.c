/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays the guests of both nodes and the arbiter, on one node: moves a job to and fro through the
 * real engine, over TLS on the loopback, and says what happened.
 *
 * usage: ckpt-drive [-n MOVES] [-a N] [-w MS] [-f POINT] [-r] [-c] [-b] [-x] [-v] -- PROGRAM
 *[ARG...] -n  so many moves (1); -w  pause between two -a  each Nth is aborted when both have voted
 *	-f  fail point (ckpt/NAME) at which the worker kills itself in every move
 *	-r  the first move is not before the program's first output
 *	-x  moves it even if the check before says that it cannot move
 *	-c  with -f: criu is killed there, and the worker goes on
 *	-b  with -f: criu and the worker are killed there, both at once
 *
 * The program's standard output is passed on. Exit status: the program's, or 99 when something
 * was not as it must be: both copies or none, a tree that was not intact.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ckpt/movable.h"
#include "common/cgroup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/preamble.h"
#include "common/proc.h"
#include "test/it/drive/copy.h"

#define MOVE_MS 60000
#define STATE_TEXT "a blob of the guest's"

struct options {
	int moves, pause_ms;
	int aborts;
	bool wait_output, kill_criu, kill_both, verbose, force;
	const char *point;
};

struct end {
	struct engine *en;
	bool voted, over, failed, died;
	double at_vote;
};

struct move {
	struct copy *from, *to;
	struct end src, dst;
	int listener;
	uint16_t port;
	uint8_t token[PREAMBLE_TOKEN], key[ENGINE_KEY_SIZE];
	int pipe; /* write end of the new standard output */
	bool accepted;
	double start, thawed;
	uint64_t bytes;
	char text[ERR_MAX];
};

static struct options opt = {.moves = 1};
static char base[200];

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

__attribute__((noreturn)) static void wrong(const char *what)
{
	fprintf(stderr, "drive: WRONG: %s\n", what);
	fflush(NULL);
	_exit(99);
}

/* ------------------------------------------------------------------ output */

/* Passes on what the job has written; false at its end. */
static bool relay(struct copy *c)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(c->out, buf, sizeof(buf))) > 0) {
		if (fd_write_full(1, buf, (size_t)n) < 0)
			die("write");
	}
	return n < 0;
}

/* ------------------------------------------------------------------ network */

static void listen_on(struct move *m)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->listener < 0 || bind(m->listener, (struct sockaddr *)&a, len) < 0 ||
	    listen(m->listener, 4) < 0 || getsockname(m->listener, (struct sockaddr *)&a, &len) < 0)
		die("listen");
	m->port = ntohs(a.sin_port);
}

static void accept_bulk(struct move *m)
{
	uint8_t buf[PREAMBLE_SIZE];
	struct preamble p;
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept");
	m->accepted = true;
	if (fd_read_full(fd, buf, sizeof(buf)) < 0) {
		close(fd);
		return;
	}
	if (preamble_unpack(buf, &p) < 0 || p.kind != PREAMBLE_BULK ||
	    memcmp(p.token, m->token, PREAMBLE_TOKEN) != 0)
		wrong("bad preamble");
	engine_recv(m->dst.en, fd, m->key);
}

/* ------------------------------------------------------------------ events */

/* A task that criu has let go of is on its way from one kind of stop to the other until it gets a
 * processor; it does not run in between. */
static bool is_frozen(const char *cgroup)
{
	char path[300], text[2] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, 1) != 1)
		die("read %s", path);
	close(fd);
	return *text == '1' && cgroup_freeze(cgroup, 5000) == 0;
}

static void restore(struct move *m, const struct engine_event *ev)
{
	struct engine_inherit in = {.key = m->from->out_key, .fd = m->pipe};
	struct engine_restore r = {.root = m->to->root,
				   .cgroup = m->to->cgroup,
				   .mounts = m->to->mounts,
				   .mount_count = m->to->mount_count,
				   .inherit = &in,
				   .inherit_count = 1};

	if (ev->data_len != strlen(STATE_TEXT) || memcmp(ev->data, STATE_TEXT, ev->data_len) != 0)
		wrong("the guest's state came through changed");
	/* If the worker is gone meanwhile, an event says so. */
	engine_restore(m->dst.en, &r);
}

static void on_event(struct move *m, struct end *e, const struct engine_event *ev)
{
	switch (ev->kind) {
	case ENGINE_STATE:
		restore(m, ev);
		break;
	case ENGINE_DUMPED:
		e->voted = true;
		e->at_vote = now_ms();
		m->bytes = ev->bytes;
		if (!is_frozen(m->from->cgroup))
			wrong("the source has voted but is not frozen");
		break;
	case ENGINE_RESTORED:
		e->voted = e->over = true;
		e->at_vote = now_ms();
		m->to->init = ev->pid;
		if (!is_frozen(m->to->cgroup))
			wrong("the destination has voted but is not frozen");
		break;
	case ENGINE_FINISHED:
		e->over = true;
		break;
	case ENGINE_FAILED:
		e->over = e->failed = true;
		snprintf(m->text, sizeof(m->text), "%s", ev->text);
		break;
	case ENGINE_DIED:
		e->over = e->died = true;
		break;
	case ENGINE_READY:
	case ENGINE_PROGRESS:
	default:
		break;
	}
	if (opt.verbose)
		fprintf(stderr, "drive: %.1f %s: event %d %s\n", now_ms() - m->start,
			e == &m->src ? "source" : "destination", (int)ev->kind, ev->text);
}

static void take_events(struct move *m, struct end *e)
{
	struct engine_event ev;

	while (e->en && engine_next(e->en, &ev) > 0)
		on_event(m, e, &ev);
}

/* The worker has stopped itself at the fail point: kills its criu and lets it go on, or not. */
static void kill_criu_of(pid_t worker)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd),
		 "for c in $(cat /proc/%d/task/%d/children); do kill -9 $c; done; kill -%s %d",
		 (int)worker, (int)worker, opt.kill_both ? "KILL" : "CONT", (int)worker);
	if (system(cmd) != 0)
		die("kill criu");
}

static void look_for_stopped(void)
{
	siginfo_t si = {0};

	if (waitid(P_ALL, 0, &si, WSTOPPED | WNOHANG | WNOWAIT) == 0 && si.si_pid) {
		waitid(P_PID, (id_t)si.si_pid, &si, WSTOPPED | WNOHANG);
		kill_criu_of(si.si_pid);
	}
}

static void wait_events(struct move *m, int timeout_ms)
{
	struct pollfd p[3] = {
		{m->src.en && !m->src.over ? engine_fd(m->src.en) : -1, POLLIN, 0},
		{m->dst.en && !m->dst.over ? engine_fd(m->dst.en) : -1, POLLIN, 0},
		{m->accepted ? -1 : m->listener, POLLIN, 0},
	};

	if (poll(p, 3, opt.kill_criu ? 5 : timeout_ms) < 0 && errno != EINTR)
		die("poll");
	if (p[2].revents)
		accept_bulk(m);
	take_events(m, &m->src);
	take_events(m, &m->dst);
	if (opt.kill_criu)
		look_for_stopped();
}

/* ------------------------------------------------------------------ one move */

static void arm(void)
{
	char path[128];
	FILE *f;

	if (!opt.point)
		return;
	mkdir(FAIL_DIR, 0755);
	snprintf(path, sizeof(path), FAIL_DIR "/ckpt.%s", opt.point);
	f = fopen(path, "we");
	if (!f || fputs(opt.kill_criu ? "stop" : "kill", f) < 0 || fclose(f) != 0)
		die("arm %s", path);
}

static bool disarm(void)
{
	char path[128];

	if (!opt.point)
		return true;
	snprintf(path, sizeof(path), FAIL_DIR "/ckpt.%s", opt.point);
	return unlink(path) < 0;
}

static void freeze_and_dump(struct move *m)
{
	struct engine_dump d = {.init = m->from->init,
				.cgroup = m->from->cgroup,
				.mounts = m->from->mounts,
				.mount_count = m->from->mount_count,
				.address = "127.0.0.1",
				.port = m->port,
				.token = m->token,
				.key = m->key,
				.state = STATE_TEXT,
				.state_len = strlen(STATE_TEXT)};

	if (cgroup_freeze(m->from->cgroup, 5000) < 0)
		wrong("cannot freeze the job");
	relay(m->from);
	if (engine_dump(m->src.en, &d) < 0)
		wrong("engine_dump");
}

static void spawn_engines(struct move *m)
{
	struct err e = {0};

	if (engine_spawn(&m->src.en, ENGINE_SOURCE, NULL, base, &e) < 0 ||
	    engine_spawn(&m->dst.en, ENGINE_DESTINATION, m->to->cgroup, base, &e) < 0)
		die("spawn: %s", e.text);
	/* Both criu are idle before the job is disturbed. */
	for (int ready = 0; ready < 2;) {
		struct end *e2 = ready == 0 ? &m->src : &m->dst;
		struct pollfd p = {engine_fd(e2->en), POLLIN, 0};
		struct engine_event ev;

		poll(&p, 1, 10000);
		if (engine_next(e2->en, &ev) > 0) {
			if (ev.kind != ENGINE_READY)
				die("not ready: %s", ev.text);
			ready++;
		}
	}
}

static void wait_votes(struct move *m)
{
	double deadline = now_ms() + MOVE_MS;

	while (!(m->src.voted && m->dst.voted)) {
		if (m->src.failed || m->src.died || m->dst.failed || m->dst.died)
			return;
		if (now_ms() > deadline)
			wrong("the move takes too long");
		wait_events(m, 1000);
	}
}

static void finish_source(struct move *m, bool commit)
{
	double deadline = now_ms() + MOVE_MS;

	if (!m->src.over)
		engine_decide(m->src.en, commit);
	while (!m->src.over) {
		if (now_ms() > deadline)
			wrong("the source does not finish");
		wait_events(m, 1000);
	}
	m->src.en = engine_free(m->src.en);
}

static void reap(pid_t pid)
{
	if (pid > 0 && waitpid(pid, NULL, 0) < 0)
		wrong("the job's init is no child of the guest");
}

static void commit(struct move *m)
{
	m->dst.en = engine_free(m->dst.en);
	if (cgroup_thaw(m->to->cgroup) < 0)
		wrong("cannot thaw");
	m->thawed = now_ms();
	finish_source(m, true);
	if (m->src.died)
		cgroup_kill(m->from->cgroup, 5000);
	if (copy_processes(m->from) != 0)
		wrong("processes are left at the source");
	reap(m->from->init);
	relay(m->from);
	copy_remove(m->from);
}

/* It may have been at its end when the move began. */
static bool ended_by_itself(const struct copy *c)
{
	siginfo_t si = {0};

	return waitid(P_PID, (id_t)c->init, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid &&
	       si.si_code == CLD_EXITED;
}

static void take_back(struct move *m)
{
	m->dst.en = engine_free(m->dst.en);
	if (cgroup_kill(m->to->cgroup, 5000) < 0 || copy_processes(m->to) != 0)
		wrong("processes are left at the destination");
	if (m->dst.voted)
		reap(m->to->init);
	copy_remove(m->to);
	finish_source(m, false);
	if (m->src.failed && !is_frozen(m->from->cgroup))
		wrong("the source has failed but is not frozen");
	if (copy_processes(m->from) == 0 && !ended_by_itself(m->from))
		wrong("the job is lost");
	if (m->src.died && cgroup_freeze(m->from->cgroup, 5000) == 0)
		engine_tidy(m->from->init, m->from->cgroup);
	if (cgroup_thaw(m->from->cgroup) < 0)
		wrong("cannot thaw");
	m->thawed = now_ms();
}

/* Says what stands against a move; the caller may try it all the same. */
static bool look(const struct copy *c)
{
	struct movable why = {0};
	struct stat st;
	bool movable;
	double start = now_ms();

	if (fstat(c->out, &st) < 0 || movable_check(&why, c->init, c->cgroup, &st.st_ino, 1) < 0)
		wrong("movable_check");
	if (opt.verbose)
		fprintf(stderr, "drive: looked for %.2f ms\n", now_ms() - start);
	for (size_t i = 0; i < why.count; i++)
		fprintf(stderr, "drive: cannot move: %s\n", why.reasons[i]);
	movable = why.count == 0;
	movable_done(&why);
	return movable;
}

/* True when the job is at @to. */
static bool move(struct copy *from, struct copy *to, int number)
{
	struct move m = {.from = from, .to = to, .listener = -1};
	bool done, ask_abort = opt.aborts && (number + 1) % opt.aborts == 0;

	listen_on(&m);
	memset(m.token, 7, sizeof(m.token));
	memset(m.key, 9, sizeof(m.key));
	m.pipe = copy_new_pipe(to);
	spawn_engines(&m);
	arm();
	m.start = now_ms();
	freeze_and_dump(&m);
	wait_votes(&m);
	done = m.src.voted && m.dst.voted && !ask_abort;
	close(m.pipe);
	if (done)
		commit(&m);
	else
		take_back(&m);
	close(m.listener);
	fprintf(stderr,
		"drive: move %d %s: %.1f MB, dumped after %.1f ms, restored %.1f, runs %.1f%s%s\n",
		number, done ? "committed" : "taken back", (double)m.bytes / 1e6,
		m.src.at_vote > 0 ? m.src.at_vote - m.start : 0.0,
		m.dst.at_vote > 0 ? m.dst.at_vote - m.start : 0.0, m.thawed - m.start,
		*m.text ? ": " : "", m.text);
	if (!disarm() && !ended_by_itself(from))
		wrong("the fail point was not reached");
	return done;
}

/* ------------------------------------------------------------------ main */

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+n:w:a:f:rcbvx")) != -1) {
		switch (c) {
		case 'n':
			opt.moves = atoi(optarg);
			break;
		case 'w':
			opt.pause_ms = atoi(optarg);
			break;
		case 'a':
			opt.aborts = atoi(optarg);
			break;
		case 'f':
			opt.point = optarg;
			break;
		case 'c':
			opt.kill_criu = true;
			break;
		case 'b':
			opt.kill_criu = opt.kill_both = true;
			break;
		case 'r':
			opt.wait_output = true;
			break;
		case 'x':
			opt.force = true;
			break;
		case 'v':
			opt.verbose = true;
			break;
		default:
			exit(2);
		}
	}
	if (optind == argc)
		exit(2);
}

static void set_up(void)
{
	char self[160];

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("set up");
	if (cgroup_self(self, sizeof(self)) < 0)
		die("cgroup");
	snprintf(base, sizeof(base), "%s/drive.%d", self, (int)getpid());
	if (cgroup_create(base) < 0)
		die("create %s", base);
	signal(SIGPIPE, SIG_IGN);
}

/* Passes output on for @ms milliseconds, or until the job ends (-1). */
static bool run_for(struct copy *c, int ms)
{
	double end = now_ms() + ms;

	for (;;) {
		int left = ms < 0 ? -1 : (int)(end - now_ms());
		struct pollfd p = {c->out, POLLIN, 0};

		if (ms >= 0 && left <= 0)
			return true;
		if (poll(&p, 1, left) > 0 && !relay(c))
			return false;
	}
}

static void wait_output(const struct copy *c)
{
	struct pollfd p = {c->out, POLLIN, 0};

	if (poll(&p, 1, 60000) != 1)
		wrong("the job says nothing");
}

int main(int argc, char **argv)
{
	struct copy copies[2], *here = &copies[0], *there = &copies[1];
	int status, n = 0;

	if (argc > 3 && strcmp(argv[1], "--init") == 0)
		return copy_init_main(argv + 2);
	parse(argc, argv);
	set_up();
	copy_prepare(here, base, n++);
	copy_start(here, argv + optind);
	if (opt.wait_output)
		wait_output(here);
	for (int i = 0; i < opt.moves && run_for(here, opt.pause_ms ? opt.pause_ms : 50); i++) {
		if (!look(here) && !opt.force)
			continue;
		copy_prepare(there, base, n++);
		if (move(here, there, i)) {
			struct copy *t = here;

			here = there;
			there = t;
		}
	}
	run_for(here, -1);
	if (waitpid(here->init, &status, 0) != here->init)
		wrong("the job's init is no child of the guest");
	copy_remove(here);
	cgroup_remove(base);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
