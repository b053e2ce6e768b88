/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest process that waits for its assignment. */
#include "daemon/spare.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "daemon/mosixd.h"
#include "daemon/spawn.h"
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GUEST_PROGRAM LIBEXECDIR "/mosix-guest"
/* Not at once: the job that took the last one is to have the processors first. */
#define REFILL_SECONDS 0.02
/* One that dies by itself may do so again and again. */
#define RETRY_SECONDS 1.0

struct spare {
	struct mosixd *d;
	struct process process;
	int fd; /* our end of its connection; -1 = there is none */
	struct ev_io died;
	struct ev_timer refill;
	int mounts; /* /proc/self/mountinfo: says when the table has changed */
};

static int start(struct mosixd *d, struct process *ret, int *ret_fd)
{
	static const char *const argv[] = {GUEST_PROGRAM, NULL};
	char group[CGROUP_PATH_MAX + 16];
	struct spawn s = {.argv = argv, .cgroup = group};
	_cleanup_fd_ int ours = -1;
	int pair[2], r;

	snprintf(group, sizeof(group), "%s/guests", d->cgroup);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	s.fd = pair[1];
	r = spawn_process(ret, &s);
	fd_close(pair[1]);
	if (r == 0)
		*ret_fd = steal_fd(&ours);
	return r;
}

/* True once after each change: a guest has its mounts from the time when it was started. */
static bool mounts_changed(const struct spare *s)
{
	struct pollfd p = {.fd = s->mounts, .events = POLLPRI};

	return poll(&p, 1, 0) != 0;
}

static void refill_later(struct spare *s, ev_tstamp seconds)
{
	ev_timer_stop(s->d->loop, &s->refill);
	ev_timer_set(&s->refill, seconds, 0.0);
	ev_timer_start(s->d->loop, &s->refill);
}

static void on_died(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct spare *s = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	/* Without a connection it was outdated, and takes longer to end than a refill waits. */
	if (s->fd >= 0)
		log_warn("The spare guest process %d has ended", (int)s->process.pid);
	refill_later(s, s->fd >= 0 ? RETRY_SECONDS : REFILL_SECONDS);
	process_reap(&s->process);
	process_close(&s->process);
	s->fd = fd_close(s->fd);
}

static void on_refill(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct spare *s = w->data;
	int r;

	(void)revents;
	if (s->process.pidfd >= 0)
		return;
	(void)mounts_changed(s);
	r = start(s->d, &s->process, &s->fd);
	if (r < 0) {
		log_warn("Cannot start a spare guest process: %s", strerror(-r));
		return;
	}
	ev_io_set(&s->died, s->process.pidfd, EV_READ);
	ev_io_start(loop, &s->died);
}

int spare_take(struct mosixd *d, struct process *ret, int *ret_fd)
{
	struct spare *s = d->spare;
	/* Without its connection an outdated one ends. */
	if (mounts_changed(s))
		s->fd = fd_close(s->fd);
	refill_later(s, REFILL_SECONDS);
	if (s->fd < 0)
		return start(d, ret, ret_fd);
	ev_io_stop(d->loop, &s->died);
	*ret = s->process;
	*ret_fd = steal_fd(&s->fd);
	s->process = (struct process)PROCESS_NULL;
	return 0;
}

int spare_new(struct mosixd *d, struct err *e)
{
	struct spare *s = calloc(1, sizeof(*s));

	if (!s)
		return err_sys(e, -ENOMEM, "Cannot keep a spare guest process");
	d->spare = s;
	s->d = d;
	s->fd = -1;
	s->process = (struct process)PROCESS_NULL;
	ev_io_init(&s->died, on_died, -1, EV_READ);
	s->died.data = s;
	ev_timer_init(&s->refill, on_refill, 0.0, 0.0);
	s->refill.data = s;
	s->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (s->mounts < 0)
		return err_sys(e, -errno, "Cannot open /proc/self/mountinfo");
	refill_later(s, REFILL_SECONDS);
	return 0;
}

void spare_free(struct mosixd *d)
{
	struct spare *s = d->spare;

	if (!s)
		return;
	ev_timer_stop(d->loop, &s->refill);
	ev_io_stop(d->loop, &s->died);
	process_close(&s->process);
	fd_close(s->fd);
	fd_close(s->mounts);
	free(s);
	d->spare = NULL;
}
