/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations on one inode: lookup, attributes, links' targets, access, statfs.
 *
 * Names and attributes are valid for no time at all, so that every step of a path goes to the
 * server, which checks it for the caller, unless the server has delegated them: then the kernel
 * keeps them, or we answer. That is only so for directories that everybody may search and files
 * that everybody may read, whoever asks.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_kept.h"

/* For the few directories that are empty for ever. */
#define FIXED_SECONDS 3600.0

/* ------------------------------------------------------------------ answers */

void reply_kept(fuse_req_t req, struct inode *i, const struct mfs_attr *a, double entry_seconds,
		double attr_seconds)
{
	struct fuse_entry_param e = {
		.ino = i->id,
		.generation = 1,
		.entry_timeout = entry_seconds,
		.attr_timeout = attr_seconds,
	};

	attr_to_stat(a, &e.attr);
	if (a->flags & MFS_ATTR_FIXED)
		e.entry_timeout = e.attr_timeout = FIXED_SECONDS;
	if (fuse_reply_entry(req, &e) == -ENOENT)
		inode_forget(i->id, 1); /* the kernel did not get to know it */
}

void reply_entry(fuse_req_t req, struct inode *i, const struct mfs_attr *a)
{
	reply_kept(req, i, a, 0.0, 0.0);
}

/* How long the name may be kept that the call was about. @known: the kernel may have asked about a
 * name that it knows. */
static double name_seconds(struct call *c, const struct result *r, uint64_t child, bool known)
{
	if (!c->name || !c->req)
		return 0.0;
	if (!deleg_granted(c, r, c->inode, MFS_GRANT_NAME)) {
		kept_remove(c->inode, c->name);
		return 0.0;
	}
	deleg_take_dir(c, r, c->inode);
	return kept_add(c->inode, c->name, child, known);
}

void done_entry(struct call *c, struct result *r)
{
	_cleanup_inode_ struct inode *i = NULL;
	struct mfs_attr a;
	bool known;
	double seconds;

	if (r->err == 0) {
		mfs_get_attr(&r->in, &a);
		if (r->in.bad)
			r->err = EIO;
	}
	if (r->err == 0) {
		i = inode_learn(c->peer, &a, c->inode->id, c->name, &known);
		if (!i)
			r->err = ENOMEM;
	}
	if (r->err) {
		done_err(c, r);
		return;
	}
	if (!c->req) {
		inode_forget(i->id, 1);
		return;
	}
	seconds = name_seconds(c, r, i->id, known && c->h.op == MFS_OP_LOOKUP);
	reply_kept(c->req, i, &a, seconds, deleg_attr_seconds(c, r, i));
}

void done_attr(struct call *c, struct result *r)
{
	struct mfs_attr a;
	struct stat st;
	bool valid;

	if (r->err == 0) {
		mfs_get_attr(&r->in, &a);
		if (r->in.bad)
			r->err = EIO;
	}
	if (r->err) {
		done_err(c, r);
		return;
	}
	valid = inode_update(c->inode, &a, false);
	attr_to_stat(&a, &st);
	if (!c->req)
		return;
	if (a.flags & MFS_ATTR_FIXED)
		fuse_reply_attr(c->req, &st, FIXED_SECONDS);
	else if (valid || !S_ISREG(a.mode))
		fuse_reply_attr(c->req, &st, deleg_attr_seconds(c, r, c->inode));
	else
		inval_then_attr(c->req, c->inode, &st);
}

/* ------------------------------------------------------------------ lookup */

/* The server is away. If the kernel heard that a name is gone it would also take down what is
 * mounted below it, so what was there last still is; using it will fail. */
static void done_lookup(struct call *c, struct result *r)
{
	_cleanup_inode_ struct inode *i = NULL;
	struct mfs_attr a;

	if (r->err == ENOENT && r->h && c->req) {
		const struct fuse_entry_param none = {.entry_timeout =
							      name_seconds(c, r, 0, false)};

		if (none.entry_timeout > 0)
			fuse_reply_entry(c->req, &none);
		else
			fuse_reply_err(c->req, ENOENT);
		return;
	}
	if (r->err != EHOSTUNREACH || r->h || !c->req) {
		done_entry(c, r);
		return;
	}
	i = inode_remembered(c->peer, c->inode->id, c->name);
	if (!i) {
		fuse_reply_err(c->req, r->err);
		return;
	}
	a = inode_attr(i);
	reply_entry(c->req, i, &a);
}

/* "." and "..", with which NFS servers and open_by_handle_at() find their way. */
static bool lookup_dots(fuse_req_t req, struct inode *dir, const char *name)
{
	struct call *c;

	if (strcmp(name, ".") == 0) {
		const struct mfs_attr a = inode_attr(dir);

		inode_ref_kernel(dir);
		reply_entry(req, dir, &a);
		return true;
	}
	if (strcmp(name, "..") != 0)
		return false;
	c = call_new(req, MFS_OP_PARENT, dir, 0);
	if (c)
		call_send(c, done_entry);
	return true;
}

void cli_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	_cleanup_inode_ struct inode *dir = inode_get(parent);
	struct call *c;

	if (!dir) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (!dir->peer) {
		root_lookup(req, name);
		return;
	}
	if (lookup_dots(req, dir, name) || kept_answer(req, dir, name))
		return;
	c = call_new(req, MFS_OP_LOOKUP, dir, MFS_NAME_MAX);
	if (!c)
		return;
	mfs_put_bytes(&c->out, name, strlen(name));
	if (call_set_name(c, name) < 0) {
		fuse_reply_err(req, ENOMEM);
		call_free(c);
		return;
	}
	call_send(c, done_lookup);
}

void cli_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	inode_forget(ino, n);
	fuse_reply_none(req);
}

void cli_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f)
{
	for (size_t i = 0; i < count; i++)
		inode_forget(f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

/* ------------------------------------------------------------------ attributes */

static void done_getattr(struct call *c, struct result *r)
{
	struct call *again;
	uint64_t hint;

	/* "ls -l" of all nodes shall not fail for one that is away. */
	if (r->err == EHOSTUNREACH && !r->h && c->req && c->inode->fh.kind == MFS_FH_ROOT) {
		struct mfs_attr a = inode_attr(c->inode);
		struct stat st;

		attr_to_stat(&a, &st);
		fuse_reply_attr(c->req, &st, 0.0);
		return;
	}
	/* It has no name any more, but somebody has it open. */
	hint = r->err == ESTALE && c->req && !c->h.file ? file_hint(c->inode) : 0;
	again = hint ? call_again(c) : NULL;
	if (!again) {
		done_attr(c, r);
		return;
	}
	again->h.file = hint;
	call_send(again, done_attr);
}

static bool getattr_held(fuse_req_t req, struct inode *i)
{
	struct mfs_attr a;
	struct stat st;

	if (!i->peer || !deleg_holds(i, &a, NULL))
		return false;
	attr_to_stat(&a, &st);
	fuse_reply_attr(req, &st, KEPT_SECONDS);
	return true;
}

void cli_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	_cleanup_inode_ struct inode *i = NULL;
	const struct file *f = file_of(fi);
	struct call *c;

	if (root_getattr(req, ino))
		return;
	i = inode_get(ino);
	if (!i) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (getattr_held(req, i))
		return;
	c = call_new(req, MFS_OP_GETATTR, i, 0);
	if (!c)
		return;
	if (f && !f->dir)
		c->h.file = f->id;
	call_send(c, done_getattr);
}

static uint32_t valid_of(int to_set)
{
	static const struct {
		int fuse;
		uint32_t mfs;
	} map[] = {
		{FUSE_SET_ATTR_MODE, MFS_SET_MODE},
		{FUSE_SET_ATTR_UID, MFS_SET_UID},
		{FUSE_SET_ATTR_GID, MFS_SET_GID},
		{FUSE_SET_ATTR_SIZE, MFS_SET_SIZE},
		{FUSE_SET_ATTR_ATIME, MFS_SET_ATIME},
		{FUSE_SET_ATTR_MTIME, MFS_SET_MTIME},
		{FUSE_SET_ATTR_ATIME_NOW, MFS_SET_ATIME_NOW},
		{FUSE_SET_ATTR_MTIME_NOW, MFS_SET_MTIME_NOW},
	};
	uint32_t valid = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (to_set & map[i].fuse)
			valid |= map[i].mfs;
	}
	return valid;
}

void cli_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
		 struct fuse_file_info *fi)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);
	const struct file *f = file_of(fi);
	struct call *c;

	if (!i || !i->peer) {
		fuse_reply_err(req, i ? EROFS : ESTALE);
		return;
	}
	c = call_new(req, MFS_OP_SETATTR, i, 64);
	if (!c)
		return;
	if (f && !f->dir)
		c->h.file = f->id;
	if (to_set & FUSE_SET_ATTR_SIZE)
		inode_changed(i);
	mfs_put_setattr(&c->out, &(struct mfs_setattr){
					 .valid = valid_of(to_set),
					 .mode = st->st_mode,
					 .uid = st->st_uid,
					 .gid = st->st_gid,
					 .size = (uint64_t)st->st_size,
					 .atime = st->st_atim.tv_sec,
					 .mtime = st->st_mtim.tv_sec,
					 .atime_ns = (uint32_t)st->st_atim.tv_nsec,
					 .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
				 });
	call_send(c, done_attr);
}

/* ------------------------------------------------------------------ the rest */

/* A symbolic link never changes: another one has another handle. */
static void link_note(struct inode *i, const char *target)
{
	pthread_mutex_lock(&i->peer->lock);
	if (!i->target && i->fh.kind == MFS_FH_HANDLE)
		i->target = strdup(target);
	pthread_mutex_unlock(&i->peer->lock);
}

static bool link_answer(fuse_req_t req, struct inode *i)
{
	bool known;

	pthread_mutex_lock(&i->peer->lock);
	known = i->target && i->peer->stream;
	pthread_mutex_unlock(&i->peer->lock);
	if (known)
		fuse_reply_readlink(req, i->target);
	return known;
}

static void done_readlink(struct call *c, struct result *r)
{
	char target[MFS_TARGET_MAX + 1];

	if (r->err == 0 && (r->in.len > MFS_TARGET_MAX || memchr(r->in.buf, '\0', r->in.len)))
		r->err = EIO;
	if (r->err || !c->req) {
		done_err(c, r);
		return;
	}
	memcpy(target, r->in.buf, r->in.len);
	target[r->in.len] = '\0';
	link_note(c->inode, target);
	fuse_reply_readlink(c->req, target);
}

void cli_readlink(fuse_req_t req, fuse_ino_t ino)
{
	_cleanup_inode_ struct inode *i = NULL;
	struct call *c;

	if (root_readlink(req, ino))
		return;
	i = inode_get(ino);
	if (!i || !i->peer) {
		fuse_reply_err(req, i ? EINVAL : ESTALE);
		return;
	}
	if (link_answer(req, i))
		return;
	c = call_new(req, MFS_OP_READLINK, i, 0);
	if (c)
		call_send(c, done_readlink);
}

/* Everybody may. */
static bool access_held(fuse_req_t req, struct inode *i, int mask)
{
	struct mfs_attr a;
	bool exec, may;

	may = !(mask & W_OK) && deleg_holds(i, &a, &exec) && S_ISREG(a.mode) &&
	      (exec || !(mask & X_OK));
	may = may || (mask == X_OK && deleg_may_search(i));
	if (may)
		fuse_reply_err(req, 0);
	return may;
}

void cli_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);
	struct call *c;

	if (!i || !i->peer) {
		fuse_reply_err(req, !i ? ESTALE : mask & 2 ? EROFS : 0);
		return;
	}
	if (access_held(req, i, mask))
		return;
	c = call_new(req, MFS_OP_ACCESS, i, 0);
	if (!c)
		return;
	c->h.a = (uint64_t)(mask & 7);
	call_send(c, done_err);
}

static void done_statfs(struct call *c, struct result *r)
{
	struct mfs_statfs s;

	if (r->err == 0) {
		mfs_get_statfs(&r->in, &s);
		if (r->in.bad)
			r->err = EIO;
	}
	if (r->err || !c->req) {
		done_err(c, r);
		return;
	}
	fuse_reply_statfs(c->req, &(struct statvfs){
					  .f_bsize = s.bsize,
					  .f_frsize = s.frsize,
					  .f_blocks = s.blocks,
					  .f_bfree = s.bfree,
					  .f_bavail = s.bavail,
					  .f_files = s.files,
					  .f_ffree = s.ffree,
					  .f_favail = s.favail,
					  .f_namemax = s.namemax,
					  .f_flag = s.flag,
				  });
}

void cli_statfs(fuse_req_t req, fuse_ino_t ino)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);
	struct call *c;

	if (!i || !i->peer) {
		if (i)
			fuse_reply_statfs(req, &(struct statvfs){.f_namemax = 255});
		else
			fuse_reply_err(req, ESTALE);
		return;
	}
	c = call_new(req, MFS_OP_STATFS, i, 0);
	if (c)
		call_send(c, done_statfs);
}
