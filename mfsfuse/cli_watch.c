/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch: a thread that ends calls which wait too long for a connection, and calls whose
 * caller was killed.
 *
 * The kernel tells of the first signal to a waiting caller and of no other, and a caller in the
 * middle of a file operation must not see EINTR for a signal that it handles. So once a caller
 * was interrupted the watch looks for SIGKILL among its pending signals. Waiting for a lock ends
 * with any signal.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/cli.h"

#define TICK_MS 100
#define STATUS_MAX 16384

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static bool kicked;

/* What a tick found. */
static bool pending;
static uint64_t interrupted_xid;

void watch_kick(void)
{
	pthread_mutex_lock(&lock);
	kicked = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ killed callers */

static bool has_sigkill(const char *status, const char *field)
{
	const char *s = strstr(status, field);

	return s && strtoull(s + strlen(field), NULL, 16) & 1ull << (SIGKILL - 1);
}

static bool was_killed(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (file_read_at(AT_FDCWD, path, STATUS_MAX, &text, NULL) < 0)
		return true; /* it is gone */
	return has_sigkill(text, "\nSigPnd:") || has_sigkill(text, "\nShdPnd:");
}

static void send_cancel(struct peer *p, const struct call *lock_call)
{
	struct call *c = call_new_plain(p, MFS_OP_CANCEL, &lock_call->h.node, 0);

	if (!c)
		return;
	c->h.a = lock_call->h.xid;
	c->len = MFS_HDR_SIZE;
	c->no_reply = true;
	mfs_hdr_pack(&c->h, c->msg);
	peer_send(p, c);
}

/* True: the caller shall have EINTR now. With the peer's lock held. */
static bool gives_up(struct peer *p, struct call *c)
{
	if (!c->of_locks)
		return was_killed(c->pid);
	/* The kernel closes the file as soon as it has an answer. That must not overtake what
	 * takes or ends a lock: the server would keep the lock of a process that is gone. */
	if (!p->stream)
		return c->is_lock || was_killed(c->pid);
	if (c->is_lock && !c->cancel_sent) {
		c->cancel_sent = true;
		send_cancel(p, c);
	}
	return false;
}

static void mark_interrupted(struct peer *p)
{
	struct call *c = NULL;

	pthread_mutex_lock(&p->lock);
	HASH_FIND(hh, p->calls, &interrupted_xid, sizeof(interrupted_xid), c);
	if (c)
		c->interrupted = true;
	pthread_mutex_unlock(&p->lock);
}

void watch_interrupt(uint64_t xid)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&one);
	interrupted_xid = xid;
	peers_each(mark_interrupted);
	pthread_mutex_unlock(&one);
	watch_kick();
}

/* ------------------------------------------------------------------ ticks */

#define BATCH 64

struct ended {
	struct call *late[BATCH];
	fuse_req_t killed[BATCH];
	unsigned int late_count, killed_count;
};

static void look_at(struct peer *p, struct call *c, uint64_t now, struct ended *e)
{
	uint64_t deadline = peer_deadline(p, c);

	if (c->held)
		return;
	if (c->interrupted && c->req && e->killed_count < BATCH && gives_up(p, c)) {
		/* The call stays: what it did must be undone when its reply comes. */
		e->killed[e->killed_count++] = c->req;
		c->req = NULL;
	}
	if (deadline && deadline <= now && e->late_count < BATCH) {
		call_remove(c);
		e->late[e->late_count++] = c;
		return;
	}
	if (deadline || (c->interrupted && c->req))
		pending = true;
}

static void look_at_peer(struct peer *p)
{
	struct ended e = {.late_count = 0};
	struct call *c, *next;
	uint64_t now = cli_now_ms();

	pthread_mutex_lock(&p->lock);
	HASH_ITER (hh, p->calls, c, next)
		look_at(p, c, now, &e);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < e.killed_count; i++)
		fuse_reply_err(e.killed[i], EINTR);
	for (unsigned int i = 0; i < e.late_count; i++)
		call_finish(e.late[i], EHOSTUNREACH, NULL, NULL, 0);
	if (e.killed_count == BATCH || e.late_count == BATCH)
		pending = true;
}

static void sleep_until_needed(bool tick)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += TICK_MS * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	while (!kicked) {
		if (!tick)
			pthread_cond_wait(&cond, &lock);
		else if (pthread_cond_timedwait(&cond, &lock, &t) == ETIMEDOUT)
			break;
	}
	kicked = false;
	pthread_mutex_unlock(&lock);
}

static void *watch(void *arg)
{
	(void)arg;
	for (;;) {
		sleep_until_needed(pending);
		pending = false;
		peers_each(look_at_peer);
	}
	return NULL;
}

int watch_start(void)
{
	pthread_condattr_t a;
	pthread_t t;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&cond, &a);
	pthread_condattr_destroy(&a);
	return -pthread_create(&t, NULL, watch, NULL);
}
