/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations on locks. All of them are held by the server, so that they exclude processes of
 * every node, those at home included.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_held.h"

static struct call *lock_call(fuse_req_t req, enum mfs_op op, const struct fuse_file_info *fi)
{
	struct file *f = file_of(fi);
	struct call *c;

	if (!f || f->err) {
		fuse_reply_err(req, f ? f->err : EBADF);
		return NULL;
	}
	c = call_new(req, op, f->inode, 64);
	if (!c)
		return NULL;
	call_set_file(c, f);
	c->h.a = fi->lock_owner;
	c->of_locks = true;
	return c;
}

static void put_lock(struct call *c, const struct flock *l)
{
	mfs_put_lock(&c->out, &(struct mfs_lock){
				      .type = (uint32_t)l->l_type,
				      .pid = (uint32_t)l->l_pid,
				      .start = (uint64_t)l->l_start,
				      .len = (uint64_t)l->l_len,
			      });
}

static void done_getlk(struct call *c, struct result *r)
{
	struct mfs_lock l;

	if (r->err == 0) {
		mfs_get_lock(&r->in, &l);
		if (r->in.bad)
			r->err = EIO;
	}
	if (r->err || !c->req) {
		done_err(c, r);
		return;
	}
	fuse_reply_lock(c->req, &(struct flock){
					.l_type = (short)l.type,
					.l_whence = SEEK_SET,
					.l_start = (off_t)l.start,
					.l_len = (off_t)l.len,
					.l_pid = (pid_t)l.pid,
				});
}

void cli_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
	struct call *c = lock_call(req, MFS_OP_GETLK, fi);

	(void)ino;
	if (!c)
		return;
	put_lock(c, lock);
	local_call(c, done_getlk);
}

/* What the call asked for. */
static struct mfs_lock asked_for(const struct call *c)
{
	struct mfs_in in = {.buf = c->msg + MFS_HDR_SIZE, .len = c->h.len};
	struct mfs_lock l;

	mfs_get_lock(&in, &l);
	return l;
}

/* Nobody waited any more when the lock was granted. */
static void give_back(struct call *c)
{
	struct call *u = call_new_plain(c->peer, (enum mfs_op)c->h.op, &c->h.node, 64);

	if (!u)
		return;
	u->h.file = c->h.file;
	u->h.a = c->h.op == MFS_OP_FLOCK ? LOCK_UN : c->h.a;
	if (c->h.op == MFS_OP_SETLK) {
		struct mfs_lock l = asked_for(c);

		l.type = F_UNLCK;
		mfs_put_lock(&u->out, &l);
	}
	call_send(u, done_err);
}

/* The file may be closed by now if nobody waited. */
static void note(struct call *c)
{
	struct peer *p = c->peer;
	struct file *f = NULL;

	pthread_mutex_lock(&p->lock);
	HASH_FIND(hh, p->files, &c->h.file, sizeof(c->h.file), f);
	if (f && c->h.op == MFS_OP_FLOCK) {
		f->rec->flock = c->h.a == LOCK_UN ? 0 : (int)c->h.a;
	} else if (f) {
		const struct mfs_lock l = asked_for(c);

		held_set(f, c->h.a, &l);
	}
	pthread_mutex_unlock(&p->lock);
}

static void done_lock(struct call *c, struct result *r)
{
	if (r->err == 0 && !c->req) {
		give_back(c);
		return;
	}
	if (r->err == 0) {
		/* Once more: it may have been thought that there are none. */
		inode_lock_taken(c->inode);
		note(c);
	}
	done_err(c, r);
}

void cli_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock,
	       int sleep)
{
	struct call *c = lock_call(req, MFS_OP_SETLK, fi);

	(void)ino;
	if (!c)
		return;
	if (lock->l_type != F_UNLCK)
		inode_lock_taken(c->inode);
	put_lock(c, lock);
	c->h.b = c->is_lock = sleep != 0;
	local_call(c, done_lock);
}

void cli_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
	struct call *c = lock_call(req, MFS_OP_FLOCK, fi);

	(void)ino;
	if (!c)
		return;
	c->h.a = (uint64_t)(op & ~LOCK_NB);
	c->h.b = c->is_lock = !(op & LOCK_NB) && op != LOCK_UN;
	local_call(c, done_lock);
}
