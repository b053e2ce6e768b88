/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding inodes again. Where the server's file system has no file handles the server holds a
 * descriptor for each inode that we know; it drops some when there are too many, and loses all in
 * a restart. Then calls are answered with ESTALE: a thread of its own looks the inodes up again
 * under the names by which they were found, from the first directory on that is still known, and
 * repeats the calls.
 */
#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "mfsfuse/cli.h"

#define DEPTH_MAX 200u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static struct call *waiting;

/* ------------------------------------------------------------------ walking */

static bool recover(struct inode *i, lookup_fn *fn, void *data, unsigned int depth)
{
	_cleanup_inode_ struct inode *dir = NULL;
	char name[MFS_NAME_MAX + 1];
	struct mfs_attr a;
	int r;

	if (i->fh.kind != MFS_FH_PIN)
		return true;
	dir = depth < DEPTH_MAX ? inode_place(i, name) : NULL;
	if (!dir || dir->peer != i->peer)
		return false;
	r = fn(data, i->peer, &dir->fh, name, &a);
	if (r == -ESTALE && recover(dir, fn, data, depth + 1))
		r = fn(data, i->peer, &dir->fh, name, &a);
	return r == 0 && mfs_fh_equal(&a.fh, &i->fh);
}

bool recover_inode(struct inode *i, lookup_fn *fn, void *data)
{
	return recover(i, fn, data, 0);
}

/* ------------------------------------------------------------------ by ordinary calls */

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool there;
	int err;
	struct mfs_attr attr;
};

/* The answer is on the waiter's stack; c->off is its address. */
static void done_answer(struct call *c, struct result *r)
{
	struct answer *a = (struct answer *)(uintptr_t)c->off;

	pthread_mutex_lock(&a->lock);
	a->err = r->err;
	if (r->err == 0) {
		mfs_get_attr(&r->in, &a->attr);
		if (r->in.bad)
			a->err = EIO;
	}
	a->there = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static int lookup_wait(void *data, struct peer *p, const struct mfs_fh *dir, const char *name,
		       struct mfs_attr *ret)
{
	struct answer a = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct call *c = call_new_plain(p, MFS_OP_LOOKUP, dir, MFS_NAME_MAX);

	(void)data;
	if (!c)
		return -ENOMEM;
	c->off = (uint64_t)(uintptr_t)&a;
	c->repeated = true;
	mfs_put_bytes(&c->out, name, strlen(name));
	call_send(c, done_answer);
	pthread_mutex_lock(&a.lock);
	while (!a.there)
		pthread_cond_wait(&a.cond, &a.lock);
	pthread_mutex_unlock(&a.lock);
	*ret = a.attr;
	return -a.err;
}

static bool is_pinned(const struct inode *i)
{
	return i && i->fh.kind == MFS_FH_PIN;
}

bool recover_take(struct call *c)
{
	if (c->repeated || (!is_pinned(c->inode) && !is_pinned(c->inode2)))
		return false;
	pthread_mutex_lock(&lock);
	DL_APPEND(waiting, c);
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	return true;
}

static void *recover_thread(void *arg)
{
	(void)arg;
	for (;;) {
		struct call *c;

		pthread_mutex_lock(&lock);
		while (!waiting)
			pthread_cond_wait(&cond, &lock);
		c = waiting;
		DL_DELETE(waiting, c);
		pthread_mutex_unlock(&lock);
		c->repeated = true;
		if ((!c->inode || recover_inode(c->inode, lookup_wait, NULL)) &&
		    (!c->inode2 || recover_inode(c->inode2, lookup_wait, NULL)))
			call_repeat(c);
		else
			call_finish(c, ESTALE, NULL, NULL, 0);
	}
	return NULL;
}

int recover_start(void)
{
	pthread_t t;

	return -pthread_create(&t, NULL, recover_thread, NULL);
}
