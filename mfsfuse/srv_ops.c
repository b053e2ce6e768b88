/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of operations.
 */
#include "mfsfuse/srv.h"

#include <errno.h>

#include "mfsfuse/ident.h"

enum {
	NO_REPLY = 1,
	ONCE = 2, /* a second time it would fail, or do something else */
};

static int op_ping(struct request *rq, struct reply *rp)
{
	(void)rq;
	(void)rp;
	return 0;
}

static const struct {
	int (*run)(struct request *rq, struct reply *rp);
	unsigned int flags;
} ops[MFS_OP_END] = {
	[MFS_OP_PING] = {op_ping, 0},
	[MFS_OP_CANCEL] = {op_cancel, NO_REPLY},
	[MFS_OP_FORGET] = {op_forget, 0},
	[MFS_OP_LOOKUP] = {op_lookup, 0},
	[MFS_OP_PARENT] = {op_parent, 0},
	[MFS_OP_GETATTR] = {op_getattr, 0},
	[MFS_OP_SETATTR] = {op_setattr, 0},
	[MFS_OP_READLINK] = {op_readlink, 0},
	[MFS_OP_ACCESS] = {op_access, 0},
	[MFS_OP_STATFS] = {op_statfs, 0},
	[MFS_OP_MKNOD] = {op_mknod, ONCE},
	[MFS_OP_MKDIR] = {op_mkdir, ONCE},
	[MFS_OP_SYMLINK] = {op_symlink, ONCE},
	[MFS_OP_LINK] = {op_link, ONCE},
	[MFS_OP_UNLINK] = {op_unlink, ONCE},
	[MFS_OP_RMDIR] = {op_rmdir, ONCE},
	[MFS_OP_RENAME] = {op_rename, ONCE},
	[MFS_OP_OPEN] = {op_open, ONCE},
	[MFS_OP_CREATE] = {op_create, ONCE},
	[MFS_OP_TMPFILE] = {op_tmpfile, ONCE},
	[MFS_OP_REOPEN] = {op_reopen, ONCE},
	[MFS_OP_OPENDIR] = {op_opendir, ONCE},
	[MFS_OP_RELEASE] = {op_release, 0},
	[MFS_OP_READ] = {op_read, 0},
	[MFS_OP_WRITE] = {op_write, ONCE},
	[MFS_OP_READDIR] = {op_readdir, 0},
	[MFS_OP_FSYNC] = {op_fsync, 0},
	[MFS_OP_FALLOCATE] = {op_fallocate, ONCE},
	[MFS_OP_LSEEK] = {op_lseek, 0},
	[MFS_OP_COPY] = {op_copy, ONCE},
	[MFS_OP_FLUSH] = {op_flush, 0},
	[MFS_OP_SETXATTR] = {op_setxattr, ONCE},
	[MFS_OP_GETXATTR] = {op_getxattr, 0},
	[MFS_OP_LISTXATTR] = {op_listxattr, 0},
	[MFS_OP_REMOVEXATTR] = {op_removexattr, ONCE},
	[MFS_OP_GETLK] = {op_getlk, 0},
	[MFS_OP_SETLK] = {op_setlk, 0},
	[MFS_OP_FLOCK] = {op_flock, 0},
};

bool op_has_reply(uint16_t op)
{
	return op >= MFS_OP_END || !(ops[op].flags & NO_REPLY);
}

bool op_once(uint16_t op)
{
	return op < MFS_OP_END && ops[op].flags & ONCE;
}

int request_run(struct request *rq, struct reply *rp)
{
	if (rq->h.op >= MFS_OP_END || !ops[rq->h.op].run)
		return -ENOSYS;
	return ops[rq->h.op].run(rq, rp);
}

int request_become(const struct request *rq)
{
	return ident_become(rq->h.uid, rq->h.gid);
}

int request_put_attr(const struct request *rq, int fd, struct reply *rp)
{
	struct mfs_attr a;
	int r = node_stat(fd, &a);

	if (r < 0)
		return r;
	a.fh = rq->h.node;
	mfs_put_attr(&rp->out, &a);
	return 0;
}

int request_name(const struct request *rq, char ret[MFS_NAME_MAX + 1])
{
	return mfs_name((const char *)rq->body, rq->h.len, ret);
}
