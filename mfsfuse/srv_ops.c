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
	const char *name;
	int (*run)(struct request *rq, struct reply *rp);
	unsigned int flags;
} ops[MFS_OP_END] = {
	[MFS_OP_PING] = {"ping", op_ping, 0},
	[MFS_OP_CANCEL] = {"cancel", op_cancel, NO_REPLY},
	[MFS_OP_FORGET] = {"forget", op_forget, 0},
	[MFS_OP_LOOKUP] = {"lookup", op_lookup, 0},
	[MFS_OP_PARENT] = {"parent", op_parent, 0},
	[MFS_OP_GETATTR] = {"getattr", op_getattr, 0},
	[MFS_OP_SETATTR] = {"setattr", op_setattr, 0},
	[MFS_OP_READLINK] = {"readlink", op_readlink, 0},
	[MFS_OP_ACCESS] = {"access", op_access, 0},
	[MFS_OP_STATFS] = {"statfs", op_statfs, 0},
	[MFS_OP_MKNOD] = {"mknod", op_mknod, ONCE},
	[MFS_OP_MKDIR] = {"mkdir", op_mkdir, ONCE},
	[MFS_OP_SYMLINK] = {"symlink", op_symlink, ONCE},
	[MFS_OP_LINK] = {"link", op_link, ONCE},
	[MFS_OP_UNLINK] = {"unlink", op_unlink, ONCE},
	[MFS_OP_RMDIR] = {"rmdir", op_rmdir, ONCE},
	[MFS_OP_RENAME] = {"rename", op_rename, ONCE},
	[MFS_OP_OPEN] = {"open", op_open, ONCE},
	[MFS_OP_CREATE] = {"create", op_create, ONCE},
	[MFS_OP_TMPFILE] = {"tmpfile", op_tmpfile, ONCE},
	[MFS_OP_REOPEN] = {"reopen", op_reopen, ONCE},
	[MFS_OP_OPENDIR] = {"opendir", op_opendir, ONCE},
	[MFS_OP_RELEASE] = {"release", op_release, 0},
	[MFS_OP_READ] = {"read", op_read, 0},
	[MFS_OP_WRITE] = {"write", op_write, ONCE},
	[MFS_OP_READDIR] = {"readdir", op_readdir, 0},
	[MFS_OP_FSYNC] = {"fsync", op_fsync, 0},
	[MFS_OP_FALLOCATE] = {"fallocate", op_fallocate, ONCE},
	[MFS_OP_LSEEK] = {"lseek", op_lseek, 0},
	[MFS_OP_COPY] = {"copy", op_copy, ONCE},
	[MFS_OP_FLUSH] = {"flush", op_flush, 0},
	[MFS_OP_SETXATTR] = {"setxattr", op_setxattr, ONCE},
	[MFS_OP_GETXATTR] = {"getxattr", op_getxattr, 0},
	[MFS_OP_LISTXATTR] = {"listxattr", op_listxattr, 0},
	[MFS_OP_REMOVEXATTR] = {"removexattr", op_removexattr, ONCE},
	[MFS_OP_DELEGATE] = {"delegate", op_delegate, 0},
	[MFS_OP_RECALLED] = {"recalled", op_recalled, NO_REPLY},
	[MFS_OP_RETURN] = {"return", op_return, NO_REPLY},
	[MFS_OP_GETLK] = {"getlk", op_getlk, 0},
	[MFS_OP_SETLK] = {"setlk", op_setlk, 0},
	[MFS_OP_FLOCK] = {"flock", op_flock, 0},
};

static atomic_uint_fast64_t counts[MFS_OP_END];

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
	atomic_fetch_add_explicit(&counts[rq->h.op], 1, memory_order_relaxed);
	return ops[rq->h.op].run(rq, rp);
}

const char *op_name(uint16_t op)
{
	return op < MFS_OP_END ? ops[op].name : NULL;
}

uint64_t op_count(uint16_t op)
{
	return atomic_load_explicit(&counts[op], memory_order_relaxed);
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
