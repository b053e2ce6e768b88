/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations that make, remove and rename names.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_kept.h"

/* A call about a directory of a peer; NULL: answered. */
static struct call *dir_call(fuse_req_t req, enum mfs_op op, fuse_ino_t parent, const char *name,
			     size_t room)
{
	_cleanup_inode_ struct inode *dir = inode_get(parent);
	struct call *c;

	if (!dir || !dir->peer) {
		fuse_reply_err(req, dir ? EROFS : ESTALE);
		return NULL;
	}
	c = call_new(req, op, dir, room);
	if (c && call_set_name(c, name) < 0) {
		fuse_reply_err(req, ENOMEM);
		call_free(c);
		return NULL;
	}
	return c;
}

static void name_call(struct call *c, call_fn *done)
{
	mfs_put_bytes(&c->out, c->name, strlen(c->name));
	call_send(c, done);
}

void cli_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct call *c = dir_call(req, MFS_OP_MKNOD, parent, name, MFS_NAME_MAX);

	if (!c)
		return;
	c->h.a = mode;
	c->h.b = rdev;
	name_call(c, done_entry);
}

void cli_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct call *c = dir_call(req, MFS_OP_MKDIR, parent, name, MFS_NAME_MAX);

	if (!c)
		return;
	c->h.a = mode;
	name_call(c, done_entry);
}

/* The kernel does not keep the name either. */
static void done_removed(struct call *c, struct result *r)
{
	if (!r->err)
		kept_remove(c->inode, c->name);
	done_err(c, r);
}

void cli_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct call *c = dir_call(req, MFS_OP_UNLINK, parent, name, MFS_NAME_MAX);

	if (c)
		name_call(c, done_removed);
}

void cli_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct call *c = dir_call(req, MFS_OP_RMDIR, parent, name, MFS_NAME_MAX);

	if (c)
		name_call(c, done_removed);
}

void cli_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct call *c = dir_call(req, MFS_OP_SYMLINK, parent, name, strlen(target) + 512);

	if (!c)
		return;
	mfs_put_string(&c->out, name, strlen(name));
	mfs_put_string(&c->out, target, strlen(target));
	call_send(c, done_entry);
}

void cli_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);
	struct inode *dir = inode_get(parent);
	struct call *c;

	if (!i || !dir || !i->peer || i->peer != dir->peer) {
		fuse_reply_err(req, i && dir ? EXDEV : ESTALE);
		inode_put(dir);
		return;
	}
	/* The directory is what the answer's entry is in. */
	c = call_new(req, MFS_OP_LINK, dir, MFS_FH_SIZE + MFS_NAME_MAX + 2);
	if (c && call_set_name(c, name) < 0) {
		fuse_reply_err(req, ENOMEM);
		call_free(c);
		c = NULL;
	}
	if (c) {
		inode_ref(i);
		c->inode2 = i;
		c->h.node = i->fh;
		c->h.file = file_hint(i);
		mfs_put_fh(&c->out, &dir->fh);
		mfs_put_string(&c->out, name, strlen(name));
		call_send(c, done_entry);
	}
	inode_put(dir);
}

/* The kernel has what it knows of a name under the other one now, with the time for which that may
 * be kept, which has another directory's delegation. It keeps both directories locked until it has
 * the answer. */
static void done_rename(struct call *c, struct result *r)
{
	if (!r->err)
		deleg_renamed(c->inode, c->name, c->inode2, c->name + strlen(c->name) + 1);
	done_err(c, r);
}

/* Both names, one behind the other. */
static int set_names(struct call *c, const char *name, const char *name2)
{
	const size_t n = strlen(name) + 1, n2 = strlen(name2) + 1;
	char *both = malloc(n + n2);

	if (!both)
		return -ENOMEM;
	memcpy(both, name, n);
	memcpy(both + n, name2, n2);
	free(c->name);
	c->name = both;
	return 0;
}

void cli_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t parent2,
		const char *name2, unsigned int flags)
{
	_cleanup_inode_ struct inode *dir2 = inode_get(parent2);
	struct call *c =
		dir_call(req, MFS_OP_RENAME, parent, name, MFS_FH_SIZE + 2 * (MFS_NAME_MAX + 2));

	if (!c)
		return;
	if (!dir2 || dir2->peer != c->peer) {
		fuse_reply_err(req, dir2 ? EXDEV : ESTALE);
		call_free(c);
		return;
	}
	if (set_names(c, name, name2) < 0) {
		fuse_reply_err(req, ENOMEM);
		call_free(c);
		return;
	}
	inode_ref(dir2);
	c->inode2 = dir2;
	c->h.a = flags;
	mfs_put_fh(&c->out, &dir2->fh);
	mfs_put_string(&c->out, name, strlen(name));
	mfs_put_string(&c->out, name2, strlen(name2));
	call_send(c, done_rename);
}
