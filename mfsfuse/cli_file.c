/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations that open and release files and directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_held.h"
#include "mfsfuse/cli_kept.h"

/* ------------------------------------------------------------------ files */

/* A file has the number of the request that opened it: if that is sent to the next process again
 * it is the same file. */
struct file *file_new(fuse_req_t req, struct inode *i, int flags, bool dir)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->id = request_number();
	f->peer = i->peer;
	f->flags = flags;
	f->uid = fuse_req_ctx(req)->uid;
	f->gid = fuse_req_ctx(req)->gid;
	f->dir = dir;
	return f;
}

static void record(struct file *f)
{
	f->rec->file = f;
	f->rec->inode = f->inode->id;
	f->rec->flags = f->flags;
	f->rec->uid = f->uid;
	f->rec->gid = f->gid;
	f->rec->peer = f->peer->number;
	f->rec->dir = f->dir;
	f->rec->id = f->id;
}

static struct file *find(struct peer *p, uint64_t id)
{
	struct file *f = NULL;

	pthread_mutex_lock(&p->lock);
	HASH_FIND(hh, p->files, &id, sizeof(id), f);
	pthread_mutex_unlock(&p->lock);
	return f;
}

bool file_record(struct file *f, struct inode *i)
{
	inode_ref(i);
	f->inode = i;
	f->rec = state_take(STATE_FILES);
	if (!f->rec)
		return false;
	record(f);
	return true;
}

bool file_opened(struct file *f, struct inode *i)
{
	struct file *old = find(f->peer, f->id);

	/* An earlier process had opened it, but did not come to say so. */
	if (old)
		file_free(old, false);
	if (!file_record(f, i))
		return false;
	pthread_mutex_lock(&f->peer->lock);
	HASH_ADD(hh, f->peer->files, id, sizeof(f->id), f);
	pthread_mutex_unlock(&f->peer->lock);
	return f->hh.tbl != NULL;
}

/* The record's number, and part of the file's so that a file that was opened later is not taken
 * for it. */
uint64_t file_handle(const struct file *f)
{
	return (f->id >> 1) << 32 | (uint32_t)(state_number(STATE_FILES, f->rec) + 1);
}

static struct file *file_by_handle(uint64_t handle)
{
	const uint32_t number = (uint32_t)handle;
	const struct file_rec *rec = number ? state_at(STATE_FILES, number - 1) : NULL;

	if (!rec || rec->released || !rec->id || (uint32_t)(rec->id >> 1) != handle >> 32)
		return NULL;
	return rec->file;
}

struct file *file_of(const struct fuse_file_info *fi)
{
	return fi ? file_by_handle(fi->fh) : NULL;
}

/* The server knows, or never will. */
static void done_release(struct call *c, struct result *r)
{
	(void)r;
	state_put(STATE_FILES, state_at(STATE_FILES, c->off));
}

static void tell_release(struct peer *p, struct file_rec *rec)
{
	struct call *c = call_new_plain(p, MFS_OP_RELEASE, &(struct mfs_fh){0}, 0);

	if (!c) {
		state_put(STATE_FILES, rec);
		return;
	}
	c->h.file = rec->id;
	c->off = state_number(STATE_FILES, rec);
	call_send(c, done_release);
}

void file_free(struct file *f, bool told)
{
	if (f->inode && f->hh.tbl) {
		pthread_mutex_lock(&f->peer->lock);
		HASH_DEL(f->peer->files, f);
		held_free(f);
		pthread_mutex_unlock(&f->peer->lock);
	}
	if (told && !f->rec) {
		struct call *c = call_new_plain(f->peer, MFS_OP_RELEASE, &(struct mfs_fh){0}, 0);

		if (c) {
			c->h.file = f->id;
			call_send(c, done_err);
		}
	} else if (told) {
		f->rec->released = true;
		tell_release(f->peer, f->rec);
	} else {
		state_put(STATE_FILES, f->rec);
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
		if (f->inode == i && !f->dir && !f->err && !f->local) {
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
	fi->fh = file_handle(f);
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

static bool note_opened(struct call *c, struct inode *i, struct result *r)
{
	if (!file_opened(c->file, i))
		r->err = ENFILE;
	return r->err == 0;
}

static void done_open(struct call *c, struct result *r)
{
	bool opened = r->err == 0;
	struct mfs_attr a;

	if (!get_attr(r, &a) || !note_opened(c, c->inode, r)) {
		drop_file(c, opened);
		done_err(c, r);
		return;
	}
	deleg_take_file(c, r, c->inode, &a);
	set_mode(&c->fi, c->file, inode_update(c->inode, &a, true));
	if (!c->req || fuse_reply_open(c->req, &c->fi) == -ENOENT)
		drop_file(c, true);
}

static void done_opendir(struct call *c, struct result *r)
{
	bool opened = r->err == 0;

	if (!opened || !note_opened(c, c->inode, r)) {
		drop_file(c, opened);
		done_err(c, r);
		return;
	}
	deleg_take_dir(c, r, c->inode);
	c->fi.fh = file_handle(c->file);
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
		i = inode_learn(c->peer, &a, c->inode->id, c->name, NULL);
		if (!i)
			r->err = ENOMEM;
	}
	if (c->name)
		kept_remove(c->inode, c->name);
	if (r->err || !note_opened(c, i, r)) {
		drop_file(c, opened);
		done_err(c, r);
		if (i)
			inode_forget(i->id, 1);
		return;
	}
	inode_update(i, &a, true);
	set_mode(&c->fi, c->file, false);
	e.ino = i->id;
	attr_to_stat(&a, &e.attr);
	if (c->name && deleg_granted(c, r, c->inode, MFS_GRANT_NAME)) {
		deleg_take_dir(c, r, c->inode);
		e.entry_timeout = kept_add(c->inode, c->name, i->id, false);
	}
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
	_cleanup_inode_ struct inode *i = inode_get(ino);
	struct call *c;

	if (i && i->peer && local_open(req, i, fi))
		return;
	c = open_call(req, MFS_OP_OPEN, ino, false, fi, 0);
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
	if (i && local_opendir(req, i, fi))
		return;
	c = open_call(req, MFS_OP_OPENDIR, ino, true, fi, 0);
	if (c)
		call_send(c, done_opendir);
}

void cli_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct file *f = file_of(fi);

	(void)ino;
	if (f && !local_release(f))
		file_free(f, true);
	fuse_reply_err(req, 0);
}

/* Somebody here holds a lock on it, or waits for one. With the peer's lock. */
static bool has_locks(struct peer *p, const struct inode *i)
{
	const struct call *c;
	const struct file *f;

	for (c = p->calls; c; c = c->hh.next) {
		if (c->inode == i && c->h.op == MFS_OP_SETLK)
			return true;
	}
	for (f = p->files; f; f = f->hh.next) {
		if (f->inode == i && f->held)
			return true;
	}
	return false;
}

/* Closing it need not be told any more, until a lock is taken. */
static void done_flush(struct call *c, struct result *r)
{
	struct peer *p = c->peer;
	bool over;

	pthread_mutex_lock(&p->lock);
	over = !r->err && !has_locks(p, c->inode);
	pthread_mutex_unlock(&p->lock);
	if (over)
		inode_locks_over(c->inode, (unsigned int)c->off);
	done_err(c, r);
}

void cli_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct file *f = file_of(fi);
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
	c->off = f->inode->locks;
	c->h.a = fi->lock_owner;
	c->of_locks = true;
	pthread_mutex_lock(&f->peer->lock);
	held_end(f, fi->lock_owner);
	pthread_mutex_unlock(&f->peer->lock);
	call_send(c, done_flush);
}

/* ------------------------------------------------------------------ after a restart */

static int restore_result;

static void restore(void *data)
{
	struct file_rec *rec = data;
	struct inode *i = inode_get(rec->inode);
	struct file *f = calloc(1, sizeof(*f));

	rec->file = f;
	if (!f || !i || !i->peer || i->peer->number != rec->peer) {
		restore_result = f ? -EINVAL : -ENOMEM;
		inode_put(i);
		free(f);
		return;
	}
	f->id = rec->id;
	f->inode = i;
	f->peer = i->peer;
	f->flags = rec->flags;
	f->uid = rec->uid;
	f->gid = rec->gid;
	f->dir = rec->dir;
	f->local = rec->local;
	f->rec = rec;
	HASH_ADD(hh, f->peer->files, id, sizeof(f->id), f);
}

static void restore_open(void *data)
{
	const struct file_rec *rec = data;

	if (!rec->released)
		restore(data);
}

static void restore_released(void *data)
{
	struct file_rec *rec = data;
	struct peer *p = rec->released ? peer_get(rec->peer) : NULL;

	if (p)
		tell_release(p, rec);
}

static void connect_peer(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->wanted = p->wanted || p->files;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
}

/* A connection is made when all is there that is to be opened again. */
int files_restore(void)
{
	state_each(STATE_FILES, restore_open);
	state_each(STATE_LOCKS, held_restore);
	state_each(STATE_FILES, restore_released);
	peers_each(connect_peer);
	return restore_result;
}
