/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations that open and release files and directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_held.h"

static atomic_uint_fast64_t last_file;

/* ------------------------------------------------------------------ files */

struct file *file_new(fuse_req_t req, struct inode *i, int flags, bool dir)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->id = atomic_fetch_add(&last_file, 1) + 1;
	f->peer = i->peer;
	f->flags = flags;
	f->uid = fuse_req_ctx(req)->uid;
	f->gid = fuse_req_ctx(req)->gid;
	f->dir = dir;
	return f;
}

void file_opened(struct file *f, struct inode *i)
{
	inode_ref(i);
	f->inode = i;
	pthread_mutex_lock(&f->peer->lock);
	HASH_ADD(hh, f->peer->files, id, sizeof(f->id), f);
	pthread_mutex_unlock(&f->peer->lock);
}

void file_free(struct file *f, bool told)
{
	struct call *c;

	if (f->inode && f->hh.tbl) {
		pthread_mutex_lock(&f->peer->lock);
		HASH_DEL(f->peer->files, f);
		held_free(f);
		pthread_mutex_unlock(&f->peer->lock);
	}
	if (told) {
		c = call_new_plain(f->peer, MFS_OP_RELEASE, &(struct mfs_fh){0}, 0);
		if (c) {
			c->h.file = f->id;
			call_send(c, done_err);
		}
	}
	inode_put(f->inode);
	free(f);
}

uint64_t file_hint(struct inode *i)
{
	struct peer *p = i->peer;
	struct file *f, *next;
	uint64_t id = 0;

	pthread_mutex_lock(&p->lock);
	HASH_ITER (hh, p->files, f, next) {
		if (f->inode == i && !f->dir && !f->err) {
			id = f->id;
			break;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return id;
}

/* ------------------------------------------------------------------ answers */

/* Where data goes: appending must happen at the server's end of the file, and nothing may be
 * kept of a file whose size is not that of its contents. */
static void set_mode(struct fuse_file_info *fi, struct file *f, bool keep)
{
	fi->fh = (uint64_t)(uintptr_t)f;
	fi->direct_io = (f->flags & O_APPEND) != 0;
	fi->keep_cache = keep && !fi->direct_io;
}

/* An open file that the kernel was not told of, or does not want any more. */
static void drop_file(struct call *c, bool opened)
{
	struct file *f = c->file;

	c->file = NULL;
	if (f)
		file_free(f, opened);
}

static bool get_attr(struct result *r, struct mfs_attr *ret)
{
	if (r->err)
		return false;
	mfs_get_attr(&r->in, ret);
	if (r->in.bad)
		r->err = EIO;
	return r->err == 0;
}

static void done_open(struct call *c, struct result *r)
{
	bool opened = r->err == 0;
	struct mfs_attr a;

	if (!get_attr(r, &a)) {
		drop_file(c, opened);
		done_err(c, r);
		return;
	}
	file_opened(c->file, c->inode);
	set_mode(&c->fi, c->file, inode_update(c->inode, &a, true));
	if (!c->req || fuse_reply_open(c->req, &c->fi) == -ENOENT)
		drop_file(c, true);
}

static void done_opendir(struct call *c, struct result *r)
{
	if (r->err) {
		drop_file(c, false);
		done_err(c, r);
		return;
	}
	file_opened(c->file, c->inode);
	c->fi.fh = (uint64_t)(uintptr_t)c->file;
	if (!c->req || fuse_reply_open(c->req, &c->fi) == -ENOENT)
		drop_file(c, true);
}

static void done_create(struct call *c, struct result *r)
{
	_cleanup_inode_ struct inode *i = NULL;
	struct fuse_entry_param e = {.generation = 1};
	bool opened = r->err == 0;
	struct mfs_attr a;

	if (get_attr(r, &a)) {
		i = inode_learn(c->peer, &a, c->inode->id, c->name);
		if (!i)
			r->err = ENOMEM;
	}
	if (r->err) {
		drop_file(c, opened);
		done_err(c, r);
		return;
	}
	file_opened(c->file, i);
	inode_update(i, &a, true);
	set_mode(&c->fi, c->file, false);
	e.ino = i->id;
	attr_to_stat(&a, &e.attr);
	if (!c->req || fuse_reply_create(c->req, &e, &c->fi) == -ENOENT) {
		inode_forget(i->id, 1);
		drop_file(c, true);
	}
}

/* ------------------------------------------------------------------ operations */

static struct call *open_call(fuse_req_t req, enum mfs_op op, fuse_ino_t ino, bool dir,
			      const struct fuse_file_info *fi, size_t room)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);
	struct call *c;

	if (!i || !i->peer) {
		fuse_reply_err(req, i ? EROFS : ESTALE);
		return NULL;
	}
	c = call_new(req, op, i, room);
	if (!c)
		return NULL;
	c->file = file_new(req, i, fi->flags, dir);
	if (!c->file) {
		fuse_reply_err(req, ENOMEM);
		call_free(c);
		return NULL;
	}
	c->fi = *fi;
	c->h.file = c->file->id;
	c->h.a = (uint32_t)fi->flags;
	return c;
}

void cli_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct call *c = open_call(req, MFS_OP_OPEN, ino, false, fi, 0);

	if (!c)
		return;
	if (fi->flags & O_TRUNC)
		inode_changed(c->inode);
	call_send(c, done_open);
}

void cli_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_file_info *fi)
{
	struct call *c = open_call(req, MFS_OP_CREATE, parent, false, fi, MFS_NAME_MAX);

	if (!c)
		return;
	c->h.b = mode;
	mfs_put_bytes(&c->out, name, strlen(name));
	if (call_set_name(c, name) < 0) {
		fuse_reply_err(req, ENOMEM);
		drop_file(c, false);
		call_free(c);
		return;
	}
	call_send(c, done_create);
}

void cli_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct call *c = open_call(req, MFS_OP_TMPFILE, parent, false, fi, 0);

	if (!c)
		return;
	c->h.b = mode;
	call_send(c, done_create);
}

void cli_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);
	struct call *c;

	/* The root and empty directories need no server. A mount of this file system that is
	 * served would be a loop. */
	if (i && (!i->peer || i->fh.kind == MFS_FH_EMPTY)) {
		fi->fh = 0;
		if (i->fh.type)
			fuse_reply_err(req, ELOOP);
		else
			fuse_reply_open(req, fi);
		return;
	}
	c = open_call(req, MFS_OP_OPENDIR, ino, true, fi, 0);
	if (c)
		call_send(c, done_opendir);
}

void cli_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct file *f = (struct file *)(uintptr_t)fi->fh;

	(void)ino;
	if (f)
		file_free(f, true);
	fuse_reply_err(req, 0);
}

void cli_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct file *f = (struct file *)(uintptr_t)fi->fh;
	struct call *c;

	(void)ino;
	/* Nothing is held back here; only record locks end with a close. */
	if (!f || !f->inode->locks) {
		fuse_reply_err(req, 0);
		return;
	}
	c = call_new(req, MFS_OP_FLUSH, f->inode, 0);
	if (!c)
		return;
	call_set_file(c, f);
	c->h.a = fi->lock_owner;
	c->of_locks = true;
	pthread_mutex_lock(&f->peer->lock);
	held_end(f, fi->lock_owner);
	pthread_mutex_unlock(&f->peer->lock);
	call_send(c, done_err);
}
