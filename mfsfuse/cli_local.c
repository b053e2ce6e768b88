/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that were opened for reading here alone, as they are delegated to us: the server does not
 * know them. It comes to know them when one is read of which the kernel has not all pages, or when
 * the delegation ends; for the latter it keeps a descriptor, so that a file that has no name any
 * more can be opened as well. Of directories it comes to know when the delegation ends; until then
 * each request to read one opens it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"

/* What the kernel adds when a file is opened to be executed. */
#define FMODE_EXEC 0x20

/* ------------------------------------------------------------------ opening */

static bool may_open(struct inode *i, int flags)
{
	bool exec;

	if ((flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_NOATIME)) != O_RDONLY ||
	    !deleg_holds(i, NULL, &exec))
		return false;
	return exec || !(flags & FMODE_EXEC);
}

/* False: it is not held any more, or there is no memory; then the server is asked. */
static bool add(struct file *f, struct inode *i)
{
	struct peer *p = i->peer;

	if (!file_record(f, i))
		return false;
	pthread_mutex_lock(&p->lock);
	if (deleg_may_open(i)) {
		f->local = true;
		f->rec->local = true;
		HASH_ADD(hh, p->files, id, sizeof(f->id), f);
	}
	pthread_mutex_unlock(&p->lock);
	return f->hh.tbl != NULL;
}

static bool answer(fuse_req_t req, struct inode *i, struct fuse_file_info *fi, bool dir)
{
	struct file *f = file_new(req, i, fi->flags, dir);

	if (!f)
		return false;
	if (!add(f, i)) {
		file_free(f, false);
		return false;
	}
	fi->fh = file_handle(f);
	fi->keep_cache = !dir;
	if (fuse_reply_open(req, fi) == -ENOENT && !local_release(f))
		file_free(f, true);
	return true;
}

bool local_open(fuse_req_t req, struct inode *i, struct fuse_file_info *fi)
{
	return !request_is_resent() && may_open(i, fi->flags) && answer(req, i, fi, false);
}

bool local_opendir(fuse_req_t req, struct inode *i, struct fuse_file_info *fi)
{
	return !request_is_resent() && deleg_may_search(i) && answer(req, i, fi, true);
}

bool local_is(const struct file *f)
{
	bool local;

	pthread_mutex_lock(&f->peer->lock);
	local = f->local;
	pthread_mutex_unlock(&f->peer->lock);
	return local;
}

bool local_release(struct file *f)
{
	struct peer *p = f->peer;
	bool local, opening;

	pthread_mutex_lock(&p->lock);
	local = f->local;
	opening = f->opening;
	if (opening) {
		/* The server must hear of the end after the beginning. */
		f->gone = true;
		f->rec->released = true;
	}
	pthread_mutex_unlock(&p->lock);
	if (opening)
		return true;
	if (local)
		file_free(f, false);
	return local;
}

/* ------------------------------------------------------------------ the server */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned int left;
};

static void waiter_tell(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	w->left--;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

/* The call that had to wait for it. */
static void go_on(struct call *c, int err)
{
	struct result r = {.err = err};

	if (!err) {
		call_send(c, c->done);
		return;
	}
	c->done(c, &r);
	call_free(c);
}

static void done_reopen(struct call *c, struct result *r)
{
	struct file *f = c->file;
	struct peer *p = f->peer;
	bool gone;

	if (r->err == EEXIST)
		r->err = 0;
	pthread_mutex_lock(&p->lock);
	/* A directory that has been removed: there is nothing in it. */
	if (r->err == ESTALE && f->dir)
		f->err = ENOENT;
	if (!r->err || f->err) {
		f->local = false;
		f->rec->local = false;
	}
	p->reopening--;
	gone = --f->opening == 0 && f->gone;
	pthread_mutex_unlock(&p->lock);
	if (c->then)
		go_on(c->then, r->err);
	if (gone)
		file_free(f, true);
	if (c->off)
		waiter_tell((struct waiter *)(uintptr_t)c->off);
	deleg_ask(p);
}

/* With the peer's lock. NULL: no memory. */
static struct call *reopen_call(struct file *f)
{
	struct call *c = call_new_plain(f->peer, MFS_OP_REOPEN, &f->inode->fh, 0);

	if (!c)
		return NULL;
	c->file = f;
	c->h.file = f->id;
	c->h.a = (uint64_t)f->flags;
	f->opening++;
	f->peer->reopening++;
	return c;
}

void local_call(struct call *c, call_fn *done)
{
	struct peer *p = c->peer;
	struct call *o = NULL;
	bool local;

	pthread_mutex_lock(&p->lock);
	local = c->file && c->file->local;
	if (local)
		o = reopen_call(c->file);
	pthread_mutex_unlock(&p->lock);
	if (!local) {
		call_send(c, done);
		return;
	}
	c->done = done;
	if (!o) {
		go_on(c, ENOMEM);
		return;
	}
	o->then = c;
	call_send(o, done_reopen);
}

/* One that is opened here alone, and not about to be opened there. */
static struct call *next_local(struct inode *i)
{
	struct peer *p = i->peer;
	struct call *c = NULL;
	struct file *f, *next;

	pthread_mutex_lock(&p->lock);
	HASH_ITER (hh, p->files, f, next) {
		if (f->inode == i && f->local && !f->opening && !f->gone) {
			c = reopen_call(f);
			break;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return c;
}

void local_end(struct inode *i, bool wait)
{
	struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct call *c;

	while ((c = next_local(i))) {
		if (wait) {
			c->off = (uint64_t)(uintptr_t)&w;
			pthread_mutex_lock(&w.lock);
			w.left++;
			pthread_mutex_unlock(&w.lock);
		}
		call_send(c, done_reopen);
	}
	pthread_mutex_lock(&w.lock);
	while (w.left)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
}
