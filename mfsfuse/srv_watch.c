/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch: fanotify marks on what is delegated, the signals of leases, and the table of mounts.
 * Its thread takes in what nobody has drained before.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utlist.h>

#include "common/fd.h"
#include "common/log.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/mounts.h"
#include "mfsfuse/srv_object.h"
#include "mfsfuse/srv_signal.h"

#define NAME_EVENTS (FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO)
#define SELF_EVENTS (FAN_ATTRIB | FAN_DELETE_SELF | FAN_MOVE_SELF)
#define DIR_EVENTS (NAME_EVENTS | SELF_EVENTS | FAN_ONDIR)
/* Nobody has it open for writing: it is modified by O_RDONLY | O_TRUNC. */
#define FILE_EVENTS (FAN_ATTRIB | FAN_MODIFY | FAN_MOVE_SELF)

/* Marks of directories stay, there is no descriptor to take them off by: when there are so many,
 * everything is recalled, and all are taken off. */
#define MARKS_MAX 50000u

#define TICK_MS 250
#define BUFFER 65536
#define EVENT_MAX 2048 /* two handles and a name are much less */

static int mountinfo = -1, signals = -1;
static unsigned int marks;

static void marks_flush(void)
{
	struct object *o, *next;

	objects_recall();
	fanotify_mark(deleg.fan, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
	marks = 0;
	HASH_ITER (hh, deleg.objects, o, next) {
		if (!o->marked)
			continue; /* it may just be made */
		o->marked = false;
		object_check(o);
	}
}

bool watch_object(struct object *o, int fd)
{
	if (++marks > MARKS_MAX)
		marks_flush();
	o->marked = fanotify_mark(deleg.fan, FAN_MARK_ADD, o->dir ? DIR_EVENTS : FILE_EVENTS,
				  AT_FDCWD, fd_path(fd).s) == 0;
	return o->marked;
}

void watch_stop(struct object *o)
{
	if (!o->dir &&
	    fanotify_mark(deleg.fan, FAN_MARK_REMOVE, FILE_EVENTS, AT_FDCWD, fd_path(o->fd).s) == 0)
		marks--;
	o->marked = false;
}

/* ------------------------------------------------------------------ events */

struct event {
	uint64_t mask;
	struct mutation *m;
	struct object *dir, *self;
	const char *name;
};

/* A handle, and a name behind it if there is one. */
static struct object *find_object(const struct fanotify_event_info_fid *info, const char **ret_name)
{
	const struct file_handle *fh = (const struct file_handle *)(const void *)info->handle;
	struct object_key key = {.type = fh->handle_type, .len = fh->handle_bytes};

	if (ret_name)
		*ret_name = (const char *)fh->f_handle + fh->handle_bytes;
	if (fh->handle_bytes > OBJECT_HANDLE_MAX)
		return NULL;
	memcpy(&key.fsid, &info->fsid, sizeof(key.fsid));
	memcpy(key.data, fh->f_handle, key.len);
	return object_find(&key);
}

static void read_info(struct event *e, const struct fanotify_event_metadata *m)
{
	const uint8_t *at = (const uint8_t *)m + m->metadata_len;
	const uint8_t *end = (const uint8_t *)m + m->event_len;

	while (at < end) {
		const struct fanotify_event_info_header *h = (const void *)at;
		const struct fanotify_event_info_fid *fid = (const void *)at;

		if (h->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME)
			e->dir = find_object(fid, &e->name);
		else if (h->info_type == FAN_EVENT_INFO_TYPE_DFID)
			e->dir = find_object(fid, NULL);
		else if (h->info_type == FAN_EVENT_INFO_TYPE_FID)
			e->self = find_object(fid, NULL);
		at += h->len;
	}
}

static bool is_self(const struct event *e)
{
	return !e->name || strcmp(e->name, ".") == 0;
}

static void take_event(const struct fanotify_event_metadata *meta)
{
	struct event e = {.mask = meta->mask};

	if (meta->mask & FAN_Q_OVERFLOW) {
		log_warn("changes come faster than they can be told: all is recalled");
		objects_recall();
		return;
	}
	DL_FOREACH (deleg.mutations, e.m) {
		if (e.m->tid == meta->pid)
			break;
	}
	read_info(&e, meta);
	if (e.self && !e.self->dir)
		object_recall(e.self, e.m);
	if (e.mask & NAME_EVENTS && e.dir && !is_self(&e)) {
		object_name_changed(e.dir, e.name, e.m);
		return;
	}
	if (e.mask & SELF_EVENTS) {
		if (e.self && e.self->dir)
			object_recall(e.self, e.m);
		else if (e.dir && is_self(&e))
			object_recall(e.dir, e.m);
	}
}

/* Events follow each other at multiples of four bytes, but have numbers of eight. The length of the
 * first one; 0: there is none. */
static size_t take_first(const uint8_t *at, size_t left)
{
	static union {
		struct fanotify_event_metadata meta;
		uint8_t room[EVENT_MAX];
	} one;
	size_t len;

	if (left < sizeof(one.meta))
		return 0;
	memcpy(&one.meta, at, sizeof(one.meta));
	len = one.meta.event_len;
	if (len < sizeof(one.meta) || len > left)
		return 0;
	if (len > sizeof(one)) {
		objects_recall();
		return len;
	}
	memcpy(one.room, at, len);
	take_event(&one.meta);
	return len;
}

void watch_drain(void)
{
	static uint8_t buf[BUFFER];
	ssize_t n;

	for (;;) {
		size_t at = 0, len;

		n = read(deleg.fan, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		while ((len = take_first(buf + at, (size_t)n - at)))
			at += len;
	}
}

/* ------------------------------------------------------------------ the thread */

static void take_signals(void)
{
	struct signalfd_siginfo s;

	while (read(signals, &s, sizeof(s)) == sizeof(s))
		lease_broken(s.ssi_signo == (uint32_t)LEASE_SIGNAL ? s.ssi_fd : -1);
}

/* What is mounted somewhere shows something else under the same names. */
static void take_mounts(void)
{
	objects_recall();
	mounts_changed();
}

static int next_wait(void)
{
	int ms = recalls_expire(deleg_now());

	return ms < 0 || ms > TICK_MS ? TICK_MS : ms;
}

static void *watch_thread(void *arg)
{
	struct pollfd fds[3] = {
		{.fd = deleg.fan, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
		{.fd = mountinfo, .events = POLLPRI},
	};
	uint64_t ticked = 0;
	int ms = TICK_MS;

	(void)arg;
	for (;;) {
		if (poll(fds, 3, ms) < 0 && errno != EINTR)
			usleep(10000);
		pthread_mutex_lock(&deleg.lock);
		watch_drain();
		take_signals();
		if (fds[2].revents & (POLLPRI | POLLERR))
			take_mounts();
		ms = next_wait();
		pthread_mutex_unlock(&deleg.lock);
		if (deleg_now() - ticked > TICK_MS) {
			ticked = deleg_now();
			deleg_forget_away();
		}
	}
	return NULL;
}

/* ------------------------------------------------------------------ start */

static void signal_set(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, LEASE_SIGNAL);
	sigaddset(ret, SIGIO);
}

void deleg_block_signals(void)
{
	sigset_t set;

	signal_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int open_all(void)
{
	sigset_t set;

	signal_set(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	mountinfo = openat(srv.proc, "mountinfo", O_RDONLY | O_CLOEXEC);
	deleg.fan = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_REPORT_DFID_NAME |
					  FAN_REPORT_TID | FAN_UNLIMITED_MARKS | FAN_NONBLOCK |
					  FAN_CLOEXEC,
				  O_RDONLY | O_CLOEXEC);
	if (signals < 0 || mountinfo < 0 || deleg.fan < 0)
		return -errno;
	return 0;
}

void deleg_start(void)
{
	pthread_condattr_t a;
	pthread_t t;
	int r;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&deleg.cond, &a);
	pthread_condattr_destroy(&a);
	deleg.files_max = srv.pins_max / 8 < 50000 ? srv.pins_max / 8 : 50000;
	r = open_all();
	if (r == 0)
		r = -pthread_create(&t, NULL, watch_thread, NULL);
	if (r == 0)
		return;
	log_warn("changes of files cannot be watched, so that other nodes keep none: %s",
		 strerror(-r));
	deleg.fan = fd_close(deleg.fan);
}
