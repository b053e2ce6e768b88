/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds what, recalls, and fencing off those that do not obey.
 */
#include "mfsfuse/srv_deleg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "common/fd.h"
#include "common/log.h"
#include "mfsfuse/srv_object.h"

#define RECALLS_MAX 4096u /* of one session at a time */
#define AWAY_MS 2000u     /* a client without a connection has dropped everything by then */

struct deleg deleg = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fan = -1,
};

static int wake_fd = -1;
static bool waiting;

uint64_t deleg_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t deleg_features(void)
{
	return deleg.fan < 0 ? 0 : MFS_FEATURE_DELEGATIONS;
}

/* ------------------------------------------------------------------ objects */

/* Local file systems that tell of all their changes. */
static bool is_local(long type)
{
	static const long good[] = {
		0xef53 /* ext4 */,      0x58465342 /* xfs */,  0x01021994 /* tmpfs */,
		0x9123683e /* btrfs */, 0xf2f52010 /* f2fs */,
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (type == good[i])
			return true;
	}
	return false;
}

int object_key(int fd, struct object_key *ret)
{
	union {
		struct file_handle fh;
		char room[sizeof(struct file_handle) + OBJECT_HANDLE_MAX];
	} u;
	struct statfs f;
	int mount_id;

	if (fstatfs(fd, &f) < 0 || !is_local((long)f.f_type))
		return -EOPNOTSUPP;
	u.fh.handle_bytes = OBJECT_HANDLE_MAX;
	if (name_to_handle_at(fd, "", &u.fh, &mount_id, AT_EMPTY_PATH) < 0)
		return -errno;
	if (u.fh.handle_bytes > OBJECT_HANDLE_MAX)
		return -EOVERFLOW;
	*ret = (struct object_key){.type = u.fh.handle_type, .len = u.fh.handle_bytes};
	memcpy(&ret->fsid, &f.f_fsid, sizeof(ret->fsid));
	memcpy(ret->data, u.fh.f_handle, ret->len);
	return 0;
}

struct object *object_find(const struct object_key *key)
{
	struct object *o = NULL;

	HASH_FIND(hh, deleg.objects, key, sizeof(*key), o);
	return o;
}

bool object_is_used(const struct object *o)
{
	const struct hold *h;

	DL_FOREACH (o->holds, h) {
		if (h->state != HOLD_FENCED)
			return true;
	}
	return false;
}

static bool object_keeps(const struct object *o)
{
	return o->dir && o->marked && deleg_now() < o->restless_until;
}

void object_is_restless(struct object *o)
{
	o->restless_until = deleg_now() + RESTLESS_SECONDS * 1000u;
}

/* The older set is given up when the younger one has been filled for long enough. */
static void turn_recent(struct object *o)
{
	const uint64_t now = deleg_now();

	if (now < o->recent_since + RESTLESS_SECONDS * 1000u)
		return;
	nameset_clear(&o->recent[1]);
	o->recent[1] = o->recent[0];
	o->recent[0] = (struct nameset){.slots = NULL};
	o->recent_since = now;
}

bool object_has_recent(struct object *o, const char *name)
{
	turn_recent(o);
	return nameset_has(&o->recent[0], name) || nameset_has(&o->recent[1], name);
}

void object_check(struct object *o)
{
	if (object_is_used(o) || object_keeps(o))
		return;
	if (o->leased)
		lease_drop(o);
	if (o->marked)
		watch_stop(o);
	if (o->holds)
		return;
	HASH_DEL(deleg.objects, o);
	if (!o->dir) {
		HASH_DELETE(by_fd, deleg.by_fd, o);
		fd_close(o->fd);
		deleg.files--;
	}
	nameset_clear(&o->recent[0]);
	nameset_clear(&o->recent[1]);
	free(o);
}

/* ------------------------------------------------------------------ holds */

struct hold *hold_find(struct session *s, const struct mfs_fh *fh)
{
	struct hold *h = NULL;

	HASH_FIND(hh, s->holds, fh, sizeof(*fh), h);
	return h;
}

struct hold *hold_new(struct session *s, const struct mfs_fh *fh, struct object *o)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->o = o;
	h->s = s;
	h->fh = *fh;
	HASH_ADD(hh, s->holds, fh, sizeof(h->fh), h);
	if (!h->hh.tbl) {
		free(h);
		return NULL;
	}
	DL_APPEND(o->holds, h);
	return h;
}

static void hold_free(struct hold *h)
{
	struct object *o = h->o;
	struct recall *r;

	DL_FOREACH2(h->s->recalls, r, s_next)
	{
		if (r->h == h)
			r->h = NULL;
	}
	HASH_DEL(h->s->holds, h);
	DL_DELETE(o->holds, h);
	nameset_clear(&h->names);
	free(h);
	object_check(o);
}

/* ------------------------------------------------------------------ recalls */

/* Obeyed, or no longer needed. */
static void recall_end(struct recall *r)
{
	struct hold *h = r->h;

	DL_DELETE(deleg.recalls, r);
	DL_DELETE2(r->s->recalls, r, s_prev, s_next);
	if (r->m)
		r->m->left--;
	if (h)
		h->out--;
	if (h && r->all && h->state == HOLD_GOING)
		hold_free(h);
	free(r);
	pthread_cond_broadcast(&deleg.cond);
	if (waiting && wake_fd >= 0) {
		const uint64_t one = 1;

		if (write(wake_fd, &one, sizeof(one)) < 0)
			return; /* it is full: somebody will look */
	}
}

/* The client will see that its connection is gone, and drop everything. */
static void give_up(struct session *s)
{
	s->delegating = false;
	session_shut(s);
}

static void recall(struct hold *h, uint64_t what, const char *name, struct mutation *m)
{
	const struct mfs_hdr hdr = {
		.op = MFS_OP_RECALL,
		.node = h->fh,
		.a = ++deleg.age,
		.b = what,
	};
	struct recall *r = calloc(1, sizeof(*r));

	if (!r) {
		give_up(h->s);
		return;
	}
	r->number = hdr.a;
	r->s = h->s;
	r->h = h;
	r->all = what & MFS_RECALL_ALL;
	r->deadline = deleg_now() + RECALL_MS;
	r->m = m;
	if (m)
		m->left++;
	h->out++;
	DL_APPEND(deleg.recalls, r);
	DL_APPEND2(h->s->recalls, r, s_prev, s_next);
	/* Without a connection it waits: for the client to come back, or for the deadline. */
	if (!conn_callback(h->s, &hdr, name) || h->out > RECALLS_MAX)
		session_shut(h->s);
}

void recall_all(struct hold *h, struct mutation *m)
{
	if (h->state == HOLD_FENCED)
		return;
	if (h->state == HOLD_LIVE) {
		h->state = HOLD_GOING;
		recall(h, MFS_RECALL_ALL, NULL, m);
		return;
	}
	/* It is on its way; whoever asks now has to wait for it as well. */
	if (m)
		recall(h, MFS_RECALL_ALL, NULL, m);
}

/* One's own kernel has the directory locked, and cannot obey before it is answered. */
static struct mutation *waits_for(const struct hold *h, struct mutation *m)
{
	return m && !(h->o->dir && h->s == m->s) ? m : NULL;
}

void object_recall(struct object *o, struct mutation *m)
{
	struct hold *h, *next;

	o->changed = ++deleg.age;
	DL_FOREACH_SAFE (o->holds, h, next)
		recall_all(h, waits_for(h, m));
}

void objects_recall(void)
{
	struct object *o, *next;

	HASH_ITER (hh, deleg.objects, o, next)
		object_recall(o, NULL);
}

static bool is_granted(const struct object *o, const char *name)
{
	const struct hold *h;

	DL_FOREACH (o->holds, h) {
		if (h->state == HOLD_LIVE && nameset_has(&h->names, name))
			return true;
	}
	return false;
}

void object_name_changed(struct object *o, const char *name, struct mutation *m)
{
	struct hold *h, *next;

	/* By a local process, which does not wait: what it does next shall find nothing to recall.
	 */
	if (!m) {
		turn_recent(o);
		nameset_add(&o->recent[0], name);
		if (is_granted(o, name)) {
			object_is_restless(o);
			object_recall(o, NULL);
			return;
		}
	}
	o->changed = ++deleg.age;
	DL_FOREACH_SAFE (o->holds, h, next) {
		uint64_t what = 0;

		if (h->state == HOLD_GOING)
			recall_all(h, waits_for(h, m));
		/* A kernel knows what it has done itself. */
		if (h->state != HOLD_LIVE || (m && h->s == m->s))
			continue;
		if (nameset_take(&h->names, name))
			what |= MFS_RECALL_NAME;
		if (h->attr)
			what |= MFS_RECALL_ATTR;
		h->attr = false;
		if (what)
			recall(h, what, what & MFS_RECALL_NAME ? name : NULL, m);
	}
}

/* ------------------------------------------------------------------ sessions */

void session_forget(struct session *s, bool all)
{
	struct hold *h, *next;

	while (s->recalls) {
		/* The descriptor of a file stays. */
		if (!all && s->recalls->h && !s->recalls->h->o->dir)
			s->recalls->all = false;
		recall_end(s->recalls);
	}
	HASH_ITER (hh, s->holds, h, next) {
		if (h->o->dir || all) {
			hold_free(h);
			continue;
		}
		h->state = HOLD_FENCED;
		h->out = 0;
		object_check(h->o);
	}
}

void session_fence(struct session *s)
{
	log_warn("node %u does not give back what it keeps of our files", s->node);
	if (s->delegating)
		give_up(s);
	session_forget(s, false);
}

int recalls_expire(uint64_t now)
{
	while (deleg.recalls && deleg.recalls->deadline <= now)
		session_fence(deleg.recalls->s);
	return deleg.recalls ? (int)(deleg.recalls->deadline - now) : -1;
}

void deleg_pause(struct session *s)
{
	pthread_mutex_lock(&deleg.lock);
	s->delegating = false;
	pthread_mutex_unlock(&deleg.lock);
}

void deleg_end(struct session *s)
{
	pthread_mutex_lock(&deleg.lock);
	s->delegating = false;
	session_forget(s, true);
	pthread_mutex_unlock(&deleg.lock);
}

/* True: the connection is gone for so long that the client has dropped everything. */
static void forget_away(struct session *s)
{
	if (session_away(s) < AWAY_MS)
		return;
	pthread_mutex_lock(&deleg.lock);
	if (!s->delegating || session_away(s) >= AWAY_MS) {
		s->delegating = false;
		session_forget(s, false);
	}
	pthread_mutex_unlock(&deleg.lock);
}

void deleg_forget_away(void)
{
	sessions_each(forget_away);
}

/* ------------------------------------------------------------------ what clients say */

int op_delegate(struct request *rq, struct reply *rp)
{
	if (deleg.fan < 0)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&deleg.lock);
	session_forget(rq->s, true);
	rq->s->delegating = true;
	rp->h.c = ++deleg.age;
	pthread_mutex_unlock(&deleg.lock);
	return 0;
}

int op_recalled(struct request *rq, struct reply *rp)
{
	struct recall *r;

	(void)rp;
	pthread_mutex_lock(&deleg.lock);
	DL_FOREACH2(rq->s->recalls, r, s_next)
	{
		if (r->number == rq->h.a)
			break;
	}
	if (r)
		recall_end(r);
	pthread_mutex_unlock(&deleg.lock);
	return 0;
}

/* By way of a recall: something may just be granted again. */
int op_return(struct request *rq, struct reply *rp)
{
	struct hold *h;

	(void)rp;
	pthread_mutex_lock(&deleg.lock);
	h = hold_find(rq->s, &rq->h.node);
	if (h && h->state == HOLD_LIVE)
		recall_all(h, NULL);
	pthread_mutex_unlock(&deleg.lock);
	return 0;
}

/* ------------------------------------------------------------------ barrier */

uint64_t deleg_settle(void)
{
	uint64_t mark = 0;

	if (deleg.fan < 0)
		return 0;
	pthread_mutex_lock(&deleg.lock);
	watch_drain();
	if (deleg.recalls)
		mark = deleg.age;
	pthread_mutex_unlock(&deleg.lock);
	return mark;
}

bool deleg_is_settled(uint64_t mark)
{
	bool settled;

	pthread_mutex_lock(&deleg.lock);
	settled = !deleg.recalls || deleg.recalls->number > mark;
	pthread_mutex_unlock(&deleg.lock);
	return settled;
}

void deleg_wake(int fd, bool is_waiting)
{
	pthread_mutex_lock(&deleg.lock);
	wake_fd = fd;
	waiting = is_waiting;
	pthread_mutex_unlock(&deleg.lock);
}
