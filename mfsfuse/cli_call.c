/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls: from the kernel's request to the frame, and back.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"

/* Calls of our own have odd numbers, those of the kernel's requests the kernel's even ones. */
static atomic_uint_fast64_t last_xid;

uint64_t call_next_xid(void)
{
	struct timespec t;
	uint64_t none = 0;

	/* Not those of an earlier process. */
	if (!atomic_load(&last_xid)) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		atomic_compare_exchange_strong(
			&last_xid, &none,
			((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) << 1 | 1);
	}
	return atomic_fetch_add(&last_xid, 2) + 2;
}

uint64_t cli_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ making */

struct call *call_new_plain(struct peer *p, enum mfs_op op, const struct mfs_fh *fh, size_t room)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->msg = malloc(MFS_HDR_SIZE + room);
	if (!c->msg) {
		free(c);
		return NULL;
	}
	c->peer = p;
	c->h.op = (uint16_t)op;
	c->h.xid = call_next_xid();
	c->h.node = *fh;
	c->out = (struct mfs_out){.buf = c->msg + MFS_HDR_SIZE, .cap = room};
	return c;
}

struct call *call_new(fuse_req_t req, enum mfs_op op, struct inode *i, size_t room)
{
	struct call *c = call_new_plain(i->peer, op, &i->fh, room);

	if (!c) {
		if (req)
			fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	inode_ref(i);
	c->inode = i;
	c->req = req;
	if (req) {
		const struct fuse_ctx *ctx = fuse_req_ctx(req);

		c->pid = ctx->pid;
		c->h.uid = ctx->uid;
		c->h.gid = ctx->gid;
		c->h.umask = ctx->umask;
		c->h.xid = request_number();
		if (request_is_resent()) {
			c->sent_once = true;
			c->h.flags = MFS_FLAG_REPLAY;
		}
	}
	return c;
}

void call_set_file(struct call *c, struct file *f)
{
	c->file = f;
	c->h.file = f->id;
	/* Written back by the kernel on its own account. */
	if (c->pid == 0) {
		c->h.uid = f->uid;
		c->h.gid = f->gid;
	}
}

int call_set_name(struct call *c, const char *name)
{
	c->name = strdup(name);
	return c->name ? 0 : -ENOMEM;
}

/* Without a body: none of those that are sent again has one. */
struct call *call_again(struct call *c)
{
	struct call *n = call_new_plain(c->peer, (enum mfs_op)c->h.op, &c->h.node, 0);

	if (!n)
		return NULL;
	inode_ref(c->inode);
	n->inode = c->inode;
	n->h.uid = c->h.uid;
	n->h.gid = c->h.gid;
	n->pid = c->pid;
	n->req = c->req;
	c->req = NULL;
	return n;
}

void call_free(struct call *c)
{
	inode_put(c->inode);
	inode_put(c->inode2);
	free(c->name);
	free(c->msg);
	free(c);
}

/* ------------------------------------------------------------------ sending */

static void fail_early(struct call *c, int err)
{
	struct result r = {.err = err};

	c->done(c, &r);
	call_free(c);
}

/* May be called at once, in which case the call is not sent yet; the watch does the rest. */
static void on_interrupt(fuse_req_t req, void *data)
{
	(void)req;
	watch_interrupt((uint64_t)(uintptr_t)data);
}

static bool table_add(struct peer *p, struct call *c)
{
	pthread_mutex_lock(&p->lock);
	HASH_ADD(hh, p->calls, h.xid, sizeof(c->h.xid), c);
	c->in_calls = c->hh.tbl != NULL;
	pthread_mutex_unlock(&p->lock);
	return c->in_calls;
}

/* From here on it ends by call_finish() alone. */
static void start(struct call *c)
{
	struct peer *p = c->peer;

	mfs_hdr_pack(&c->h, c->msg);
	c->held = true;
	if (!table_add(p, c)) {
		fail_early(c, ENOMEM);
		return;
	}
	/* In the table, so that an interruption finds it; held, so that it cannot end before the
	 * kernel's request knows its handler. */
	if (c->req)
		fuse_req_interrupt_func(c->req, on_interrupt, (void *)(uintptr_t)c->h.xid);
	pthread_mutex_lock(&p->lock);
	c->held = false;
	if (c->interrupted)
		watch_kick();
	peer_send(p, c);
	pthread_mutex_unlock(&p->lock);
}

void call_send(struct call *c, call_fn *done)
{
	c->done = done;
	if (c->out.bad) {
		fail_early(c, EINVAL);
		return;
	}
	c->h.len = (uint32_t)c->out.len;
	c->len = MFS_HDR_SIZE + c->out.len;
	c->start = cli_now_ms();
	deleg_call_begins(c);
	start(c);
}

void call_repeat(struct call *c)
{
	c->repeated = true;
	c->sent = 0;
	c->sent_once = false;
	c->h.xid = call_next_xid();
	start(c);
}

/* ------------------------------------------------------------------ ending */

void call_remove(struct call *c)
{
	struct peer *p = c->peer;

	if (c->in_calls)
		HASH_DEL(p->calls, c);
	c->in_calls = false;
}

void call_finish(struct call *c, int err, const struct mfs_hdr *h, const uint8_t *body, size_t len)
{
	struct result r = {.err = err, .h = h, .in = {.buf = body, .len = len}};

	if (err == ESTALE && recover_take(c))
		return;
	deleg_call_ends(c);
	c->done(c, &r);
	call_free(c);
}

void done_err(struct call *c, struct result *r)
{
	if (c->req)
		fuse_reply_err(c->req, r->err);
}
