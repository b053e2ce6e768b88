/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest processes that wait for their assignment. One is enough for starts by hand; while they come
 * in quick succession (a parallel make) as many are kept as the processors can start at a time.
 */
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
#include <unistd.h>

#define GUEST_PROGRAM LIBEXECDIR "/mosix-guest"
/* Not at once: the job that took the last one is to have the processors first. */
#define REFILL_SECONDS 0.02
/* Then one by one, for the same reason. */
#define NEXT_SECONDS 0.005
/* One that dies by itself may do so again and again. */
#define RETRY_SECONDS 1.0
/* Starts that are so close to each other are a burst, and so long after the last one it is over. */
#define BURST_SECONDS 0.5
#define CALM_SECONDS 3.0
#define POOL_MAX 66

struct slot {
	struct spare *pool;
	struct process process;
	int fd; /* our end of its connection; -1 = there is none, or it is to end */
	struct ev_io died;
};

struct spare {
	struct mosixd *d;
	struct slot *slots;
	unsigned int count; /* of slots: 2 for each processor and 2 */
	unsigned int want;  /* so many are to be ready */
	ev_tstamp taken;    /* when the last one was */
	struct ev_timer refill;
	struct ev_timer calm;
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

/* What is to come sooner stays. */
static void refill_later(struct spare *s, ev_tstamp seconds)
{
	if (ev_is_active(&s->refill) && ev_timer_remaining(s->d->loop, &s->refill) <= seconds)
		return;
	ev_timer_stop(s->d->loop, &s->refill);
	ev_timer_set(&s->refill, seconds, 0.0);
	ev_timer_start(s->d->loop, &s->refill);
}

static unsigned int ready(const struct spare *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->count; i++)
		n += s->slots[i].fd >= 0;
	return n;
}

static struct slot *free_slot(struct spare *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->slots[i].process.pidfd < 0)
			return &s->slots[i];
	return NULL;
}

/* Without its connection it ends by itself. */
static void dismiss(struct spare *s, unsigned int keep)
{
	for (unsigned int i = 0; i < s->count; i++) {
		if (s->slots[i].fd < 0)
			continue;
		if (keep)
			keep--;
		else
			s->slots[i].fd = fd_close(s->slots[i].fd);
	}
}

static void on_died(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct slot *t = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	if (t->fd >= 0)
		log_warn("The spare guest process %d has ended", (int)t->process.pid);
	refill_later(t->pool, t->fd >= 0 ? RETRY_SECONDS : REFILL_SECONDS);
	process_reap(&t->process);
	process_close(&t->process);
	t->fd = fd_close(t->fd);
}

static void on_refill(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct spare *s = w->data;
	struct slot *t = free_slot(s);
	int r;

	(void)revents;
	if (!t || ready(s) >= s->want)
		return;
	if (mounts_changed(s))
		dismiss(s, 0);
	r = start(s->d, &t->process, &t->fd);
	if (r < 0) {
		log_warn("Cannot start a spare guest process: %s", strerror(-r));
		return;
	}
	ev_io_set(&t->died, t->process.pidfd, EV_READ);
	ev_io_start(loop, &t->died);
	refill_later(s, NEXT_SECONDS);
}

static void on_calm(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct spare *s = w->data;

	(void)loop;
	(void)revents;
	s->want = 1;
	dismiss(s, 1);
}

/* Doubled with each start of a burst: the starts that follow find what these did not. */
static void note_start(struct spare *s)
{
	ev_tstamp now = ev_now(s->d->loop);

	if (now - s->taken < BURST_SECONDS)
		s->want = s->want * 2 < s->count ? s->want * 2 : s->count;
	s->taken = now;
	if (s->want == 1)
		return;
	ev_timer_stop(s->d->loop, &s->calm);
	ev_timer_set(&s->calm, CALM_SECONDS, 0.0);
	ev_timer_start(s->d->loop, &s->calm);
}

int spare_take(struct mosixd *d, struct process *ret, int *ret_fd)
{
	struct spare *s = d->spare;
	struct slot *t = s->slots;

	if (mounts_changed(s))
		dismiss(s, 0);
	note_start(s);
	refill_later(s, REFILL_SECONDS);
	while (t < s->slots + s->count && t->fd < 0)
		t++;
	if (t == s->slots + s->count)
		return start(d, ret, ret_fd);
	ev_io_stop(d->loop, &t->died);
	*ret = t->process;
	*ret_fd = steal_fd(&t->fd);
	t->process = (struct process)PROCESS_NULL;
	return 0;
}

static int make_slots(struct spare *s)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	s->count = cpus < 1 ? 4 : (unsigned int)cpus * 2 + 2;
	s->count = s->count < POOL_MAX ? s->count : POOL_MAX;
	s->slots = calloc(s->count, sizeof(*s->slots));
	if (!s->slots)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->count; i++) {
		struct slot *t = &s->slots[i];

		t->pool = s;
		t->fd = -1;
		t->process = (struct process)PROCESS_NULL;
		ev_io_init(&t->died, on_died, -1, EV_READ);
		t->died.data = t;
	}
	return 0;
}

int spare_new(struct mosixd *d, struct err *e)
{
	struct spare *s = calloc(1, sizeof(*s));

	if (!s || make_slots(s) < 0) {
		free(s);
		return err_sys(e, -ENOMEM, "Cannot keep spare guest processes");
	}
	d->spare = s;
	s->d = d;
	s->want = 1;
	ev_timer_init(&s->refill, on_refill, 0.0, 0.0);
	s->refill.data = s;
	ev_timer_init(&s->calm, on_calm, 0.0, 0.0);
	s->calm.data = s;
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
	ev_timer_stop(d->loop, &s->calm);
	for (unsigned int i = 0; i < s->count; i++) {
		ev_io_stop(d->loop, &s->slots[i].died);
		process_close(&s->slots[i].process);
		fd_close(s->slots[i].fd);
	}
	fd_close(s->mounts);
	free(s->slots);
	free(s);
	d->spare = NULL;
}
