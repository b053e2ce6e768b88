/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After the server's restart: opening again, under the same numbers, what was open there, and
 * taking the locks again that processes here believe to hold. After any other interruption: opening
 * what was opened here alone, as that is delegated no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "mfsfuse/cli_connect.h"
#include "mfsfuse/cli_held.h"

/* Copies: files may be closed meanwhile. */
struct again {
	uint64_t id;
	int flags, flock;
	struct inode *inode;
	struct held *locks;
	size_t lock_count;
};

struct again_list {
	struct again *v;
	size_t count;
};

static void again_list_done(struct again_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		inode_put(l->v[i].inode);
		free(l->v[i].locks);
	}
	free(l->v);
}

static int copy_locks(const struct file *f, struct again *a)
{
	const struct held *h;
	size_t n = 0;

	LL_COUNT(f->held, h, n);
	if (!n)
		return 0;
	a->locks = calloc(n, sizeof(*a->locks));
	if (!a->locks)
		return -ENOMEM;
	LL_FOREACH (f->held, h)
		a->locks[a->lock_count++] = *h;
	return 0;
}

static int copy_files(struct peer *p, struct again_list *ret)
{
	struct file *f, *next;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	ret->v = calloc(HASH_COUNT(p->files) + 1, sizeof(*ret->v));
	if (!ret->v)
		r = -ENOMEM;
	HASH_ITER (hh, p->files, f, next) {
		struct again *a;

		if (r < 0)
			break;
		if (!p->reopen && !f->local)
			continue;
		a = &ret->v[ret->count++];
		a->id = f->id;
		a->flags = f->flags;
		a->flock = f->rec->flock;
		inode_ref(f->inode);
		a->inode = f->inode;
		r = copy_locks(f, a);
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* The server knows it by now, or never will. */
static void set_error(struct peer *p, uint64_t id, int err)
{
	struct file *f = NULL;

	pthread_mutex_lock(&p->lock);
	HASH_FIND(hh, p->files, &id, sizeof(id), f);
	if (f) {
		f->err = err;
		f->local = false;
		f->rec->local = false;
	}
	pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------------ calls */

struct way {
	struct stream *s;
	int broken; /* the connection, too */
};

/* The server's answer as a negative errno; w->broken if there was none. */
static int ask(struct way *w, struct mfs_hdr *h, const struct mfs_out *out, uint8_t *body,
	       size_t room)
{
	struct mfs_hdr reply;
	int r;

	if (w->broken < 0)
		return w->broken;
	h->xid = call_next_xid();
	r = call_sync(w->s, h, out, &reply, body, room);
	if (r < 0) {
		w->broken = r;
		return r;
	}
	return -(int)reply.err;
}

static int lookup_sync(void *data, struct peer *p, const struct mfs_fh *dir, const char *name,
		       struct mfs_attr *ret)
{
	uint8_t body[MFS_ATTR_SIZE], text[MFS_NAME_MAX];
	struct mfs_hdr h = {.op = MFS_OP_LOOKUP, .node = *dir};
	struct mfs_out out = {.buf = text, .cap = sizeof(text)};
	struct mfs_in in = {.buf = body, .len = sizeof(body)};
	int r;

	(void)p;
	mfs_put_bytes(&out, name, strlen(name));
	r = ask(data, &h, &out, body, sizeof(body));
	if (r == 0)
		mfs_get_attr(&in, ret);
	return r == 0 && in.bad ? -EIO : r;
}

static int reopen(struct way *w, const struct again *a)
{
	const struct mfs_out none = {.len = 0};
	struct mfs_hdr h = {
		.op = MFS_OP_REOPEN,
		.node = a->inode->fh,
		.file = a->id,
		.a = (uint64_t)a->flags,
	};
	uint8_t body[MFS_ATTR_SIZE];
	int r = ask(w, &h, &none, body, sizeof(body));

	if (r == -ESTALE && recover_inode(a->inode, lookup_sync, w))
		r = ask(w, &h, &none, body, sizeof(body));
	/* The connection may have broken in the middle of this the last time. */
	return r == -EEXIST ? 0 : r;
}

static int lock_again(struct way *w, const struct again *a)
{
	uint8_t text[64], body[64];
	int r = 0;

	for (size_t i = 0; i < a->lock_count && r == 0; i++) {
		const struct held *l = &a->locks[i];
		struct mfs_out out = {.buf = text, .cap = sizeof(text)};
		struct mfs_hdr h = {
			.op = MFS_OP_SETLK,
			.node = a->inode->fh,
			.file = a->id,
			.a = l->owner,
		};

		mfs_put_lock(&out, &(struct mfs_lock){
					   .type = l->type,
					   .start = l->start,
					   .len = l->end == UINT64_MAX ? 0 : l->end - l->start,
				   });
		r = ask(w, &h, &out, body, sizeof(body));
	}
	if (r == 0 && a->flock) {
		const struct mfs_out none = {.len = 0};
		struct mfs_hdr h = {.op = MFS_OP_FLOCK, .file = a->id, .a = (uint64_t)a->flock};

		r = ask(w, &h, &none, body, sizeof(body));
	}
	return r;
}

int reopen_files(struct peer *p, struct stream *s)
{
	_cleanup_(again_list_done) struct again_list list = {0};
	struct way w = {.s = s};
	size_t lost = 0;
	int r = copy_files(p, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		const struct again *a = &list.v[i];

		r = reopen(&w, a);
		if (r == 0 && lock_again(&w, a) < 0)
			r = -EIO; /* somebody else may have changed what it protects */
		if (w.broken < 0)
			return w.broken;
		lost += r < 0;
		set_error(p, a->id, r == 0 ? 0 : r == -EIO ? EIO : ESTALE);
	}
	if (list.count && p->reopen)
		log_info("node %u: %zu files opened again, %zu lost", p->number, list.count - lost,
			 lost);
	return 0;
}
