/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job itself: start, signals, stops, its end.
 */
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "job/guest.h"
#include "job/guest_spec.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_MS 10000
#define GROUND_TICKS 50 /* of 0.2 ms, for init to act */

/* --------------------------------------------------------------------------------- start */

static void start_failed(struct guest *g, int error, bool exec, const struct err *e)
{
	Mosix__GuestStarted m = MOSIX__GUEST_STARTED__INIT;

	m.has_job = m.has_gen = m.has_error = m.has_exec_error = true;
	m.job = g->job;
	m.gen = g->gen;
	m.error = exec ? 0 : error;
	m.exec_error = exec ? error : 0;
	m.text = (char *)e->text;
	guest_farewell(g, MOSIX__MSG_TYPE__MSG_GUEST_STARTED, &m.base);
}

static void started(struct guest *g)
{
	Mosix__GuestStarted m = MOSIX__GUEST_STARTED__INIT;
	struct err e = {0};
	int r;

	r = guest_job_watch(g, &e);
	if (r < 0) {
		start_failed(g, -r, false, &e);
		return;
	}
	g->state = MOSIX__GUEST_STATE__GUEST_RUNNING;
	m.has_job = m.has_gen = m.has_error = m.has_exec_error = m.has_pid = true;
	m.job = g->job;
	m.gen = g->gen;
	m.pid = (int32_t)g->init;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_STARTED, &m.base);
}

static void error_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	struct init_error ie;
	struct err e = {0};
	ssize_t n = read(g->error_fd, &ie, sizeof(ie));

	(void)loop;
	(void)revents;
	guest_close(g, &g->error_io, &g->error_fd);
	if (n == sizeof(ie)) {
		container_explain(&g->container, &g->init_spec, &ie, &e);
		start_failed(g, (int)ie.error, ie.stage == INIT_STAGE_EXEC, &e);
	} else {
		started(g);
	}
	guest_spec_done(&g->init_spec);
}

int guest_build(struct guest *g, struct err *e)
{
	_cleanup_(strings_freep) char **home = NULL, **mfs = NULL;
	int r;

	r = cgroup_create(g->cgroup);
	if (r == -EEXIST && cgroup_remove(g->cgroup) == 0)
		r = cgroup_create(g->cgroup);
	if (r < 0)
		return err_sys(e, r, "cannot create the control group %s", g->cgroup);
	r = guest_spec_mounts(g->spec->home_mounts, g->spec->n_home_mounts, &home, e);
	if (r >= 0)
		r = guest_spec_mounts(g->spec->mfs_mounts, g->spec->n_mfs_mounts, &mfs, e);
	if (r < 0)
		return r;
	r = container_build(&g->container, g->job, g->gen, g->tree, (const char *const *)home,
			    (const char *const *)mfs, e);
	if (r < 0)
		return r;
	g->built = true;
	return 0;
}

static int start(struct guest *g, struct err *e)
{
	struct guest_stdio_spec stdio;
	int child[3], r;
	struct container_start s = {
		.cgroup = g->cgroup,
		.hostname = g->spec->hostname ? g->spec->hostname : "localhost",
		.stdio = child,
		.nice = g->spec->nice,
		.spec = &g->init_spec,
	};

	r = guest_build(g, e);
	if (r < 0)
		return r;
	FAIL_POINT("guest/start");
	r = guest_spec_init(g->spec, &g->init_spec, e);
	if (r < 0)
		return r;
	guest_spec_stdio(g->spec, &stdio);
	r = stdio_create(&g->stdio, &stdio.spec, &g->container, child, e);
	if (r < 0)
		return r;
	s.tty = g->stdio.slave_path;
	r = container_start(&g->container, &s, &g->init, &g->error_fd, e);
	for (int i = 0; i < 3; i++)
		if (child[i] >= 0)
			close(child[i]);
	return r;
}

void guest_start(struct guest *g, Mosix__GuestStart *m)
{
	struct err e = {0};
	int r;

	if (g->spec || !m->spec || m->job != g->job || m->gen != g->gen) {
		log_err("Job %s: this guest cannot be started as %s.%u", jobid_str(g->job).s,
			jobid_str(m->job).s, m->gen);
		return;
	}
	g->spec = steal_ptr(m->spec);
	g->state = MOSIX__GUEST_STATE__GUEST_STARTING;
	r = start(g, &e);
	if (r < 0) {
		start_failed(g, -r, false, &e);
		return;
	}
	guest_io(g, &g->error_io, g->error_fd, EV_READ);
}

/* --------------------------------------------------------------------------------- state */

static void tell_deputy(struct guest *g, enum link_kind kind, int arg)
{
	if (endpoint_control_put(g->ep, kind, (uint16_t)arg, NULL, 0) < 0)
		log_warn("Job %s: its deputy does not hear that it has %s", jobid_str(g->job).s,
			 kind == LINK_STOPPED ? "stopped" : "ended");
}

static void changed(struct guest *g, int status)
{
	g->status = (uint32_t)status;
	if (WIFSTOPPED(status)) {
		/* Said once more by init where a move has restored it as stopped. */
		if (!g->stopped) {
			guest_relay_take_tty(g);
			tell_deputy(g, LINK_STOPPED, WSTOPSIG(status));
		}
		g->stopped = true;
	} else if (WIFCONTINUED(status)) {
		g->stopped = false;
	} else {
		g->stopped = false;
		g->main_ended = true;
		tell_deputy(g, LINK_ENDED, status);
	}
	guest_stats_soon(g);
}

void guest_job_look(struct guest *g)
{
	_cleanup_fd_ int fd = container_open_state(&g->container, O_RDONLY);
	struct init_state state;

	if (fd < 0 || pread(fd, &state, sizeof(state), 0) != sizeof(state))
		return;
	if (!state.serial || state.serial == g->state_serial)
		return;
	g->state_serial = state.serial;
	changed(g, (int)state.status);
}

static void watch_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	uint8_t buf[4096];

	(void)loop;
	(void)revents;
	while (read(g->watch_fd, buf, sizeof(buf)) > 0)
		;
	if (!g->frozen)
		guest_job_look(g);
}

static void init_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	struct rusage usage;

	(void)loop;
	(void)revents;
	if (wait4(g->init, NULL, WNOHANG, &usage) == 0)
		return;
	if (g->max_rss < (uint64_t)usage.ru_maxrss << 10)
		g->max_rss = (uint64_t)usage.ru_maxrss << 10;
	guest_job_unwatch(g);
	g->init = 0;
}

int guest_job_watch(struct guest *g, struct err *e)
{
	char path[64];

	g->init_fd = (int)syscall(SYS_pidfd_open, g->init, 0);
	if (g->init_fd < 0)
		return err_sys(e, -errno, "cannot watch the job's first process");
	fd_set_cloexec(g->init_fd, true);
	/* Held to the end of this process: else init would take them down before it is gone. */
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)g->init);
	g->mounts_fd = open(path, O_RDONLY | O_CLOEXEC);
	g->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (g->watch_fd >= 0) {
		int fd = container_open_state(&g->container, O_RDONLY);

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (inotify_add_watch(g->watch_fd, path, IN_MODIFY) < 0)
			g->watch_fd = fd_close(g->watch_fd);
		fd_close(fd);
	}
	if (g->watch_fd < 0)
		return err_sys(e, -errno, "cannot watch the job's state");
	guest_io(g, &g->init_io, g->init_fd, EV_READ);
	guest_io(g, &g->watch_io, g->watch_fd, EV_READ);
	guest_stats_start(g);
	/* What happened before is in the file. */
	guest_job_look(g);
	return 0;
}

void guest_job_unwatch(struct guest *g)
{
	guest_close(g, &g->init_io, &g->init_fd);
	/* To close it takes 10 ms and more, which a job's end need not wait for: left to our own.
	 */
	ev_io_stop(g->loop, &g->watch_io);
	guest_stats_stop(g);
}

/* ------------------------------------------------------------------------------- signals */

bool guest_signal(struct guest *g, int sig, bool group)
{
	union sigval v = {.sival_int = sig | (group ? INIT_TO_GROUP : 0)};

	/* It would be none of the state that a move takes along. */
	if (g->frozen || g->state == MOSIX__GUEST_STATE__GUEST_STARTING)
		return false;
	if (sig < 1 || sig > 64 || !g->init)
		return true;
	if (sigqueue(g->init, INIT_SIGNAL, v) >= 0) {
		g->stopped &= sig != SIGCONT;
		if (sig == SIGCONT)
			guest_stats_soon(g);
		return true;
	}
	log_warn("Job %s: cannot pass signal %d on: %s", jobid_str(g->job).s, sig, strerror(errno));
	return false;
}

/* The next key shall find it done. A session's leader is the group as whose guests know it. */
static void wait_ground(const struct guest *g, bool foreground)
{
	const struct timespec tick = {.tv_nsec = 200000};
	pid_t group;

	for (int i = 0; i < GROUND_TICKS; i++) {
		if (ioctl(g->stdio.master, TIOCGPGRP, &group) < 0 ||
		    (group != g->init) == foreground)
			return;
		nanosleep(&tick, NULL);
	}
}

void guest_ground(struct guest *g, bool foreground)
{
	union sigval v = {.sival_int = foreground ? INIT_FOREGROUND : INIT_BACKGROUND};

	if (!g->init || g->stdio.master < 0)
		return;
	if (sigqueue(g->init, INIT_SIGNAL, v) >= 0)
		wait_ground(g, foreground);
}

static void tell_taken(struct guest *g)
{
	Mosix__GuestSignal m = MOSIX__GUEST_SIGNAL__INIT;

	m.has_job = m.has_gen = m.has_seq = true;
	m.job = g->job;
	m.gen = g->gen;
	m.seq = g->signal_seq;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_SIGNALLED, &m.base);
}

/* Home sends all that were not taken again and again, in their order. */
void guest_signal_from_home(struct guest *g, const Mosix__GuestSignal *m)
{
	if (!m->seq)
		(void)guest_signal(g, (int)m->signal, m->group);
	else if (m->seq == g->signal_seq + 1 && guest_signal(g, (int)m->signal, m->group))
		g->signal_seq++;
	if (m->seq && m->seq <= g->signal_seq && !g->frozen)
		tell_taken(g);
}

/* ------------------------------------------------------------------------------- the end */

static void report_exited(struct guest *g)
{
	Mosix__GuestExited *m = &g->exited;

	mosix__guest_exited__init(m);
	m->has_job = m->has_gen = m->has_status = m->has_lost = true;
	m->has_cpu_usec = m->has_max_rss = true;
	m->job = g->job;
	m->gen = g->gen;
	m->status = g->status;
	m->lost = !g->main_ended;
	if (m->lost)
		m->text = (char *)"the job's first process was killed, and all others with it";
	if (cgroup_cpu_usec(g->cgroup, &m->cpu_usec) < 0)
		m->cpu_usec = 0;
	m->max_rss = g->max_rss;
	g->state = MOSIX__GUEST_STATE__GUEST_ENDED;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_EXITED, &m->base);
}

void guest_job_settle(struct guest *g)
{
	if (g->state != MOSIX__GUEST_STATE__GUEST_RUNNING || g->frozen)
		return;
	if (g->init)
		return;
	if (!g->drained) {
		/* With init the kernel has ended all others. */
		guest_job_look(g);
		guest_relay_end(g);
		g->drained = true;
	}
	if (guest_relay_finished(g))
		report_exited(g);
}

bool guest_kill_all(struct guest *g)
{
	int r = cgroup_kill(g->cgroup, KILL_MS);

	if (r < 0 && r != -ENOENT) {
		log_err("Job %s: not all of its processes die: %s", jobid_str(g->job).s,
			strerror(-r));
		return false;
	}
	if (g->init)
		waitpid(g->init, NULL, 0);
	guest_job_unwatch(g);
	g->init = 0;
	r = cgroup_remove(g->cgroup);
	if (r < 0)
		log_warn("Job %s: cannot remove its control group: %s", jobid_str(g->job).s,
			 strerror(-r));
	return true;
}

void guest_job_init(struct guest *g)
{
	ev_io_init(&g->error_io, error_event, -1, 0);
	ev_io_init(&g->init_io, init_event, -1, 0);
	ev_io_init(&g->watch_io, watch_event, -1, 0);
	guest_stats_init(g);
	g->error_io.data = g->init_io.data = g->watch_io.data = g;
}
