/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations on extended attributes.
 */
#include <errno.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"

static struct call *xattr_call(fuse_req_t req, enum mfs_op op, fuse_ino_t ino, size_t room)
{
	_cleanup_inode_ struct inode *i = inode_get(ino);

	if (!i || !i->peer) {
		fuse_reply_err(req, !i ? ESTALE : EOPNOTSUPP);
		return NULL;
	}
	return call_new(req, op, i, room);
}

static void done_xattr(struct call *c, struct result *r)
{
	if (r->err == 0 && c->size && r->in.len > c->size)
		r->err = EIO;
	if (r->err || !c->req)
		done_err(c, r);
	else if (c->size == 0)
		fuse_reply_xattr(c->req, r->h->a);
	else
		fuse_reply_buf(c->req, (const char *)r->in.buf, r->in.len);
}

void cli_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		  int flags)
{
	struct call *c = xattr_call(req, MFS_OP_SETXATTR, ino, strlen(name) + 2 + size);

	if (!c)
		return;
	c->h.a = (uint32_t)flags;
	mfs_put_string(&c->out, name, strlen(name));
	mfs_put_bytes(&c->out, value, size);
	call_send(c, done_err);
}

/* The kernel asks whenever a program is started; what is delegated has none. */
static bool no_capabilities(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	_cleanup_inode_ struct inode *i = NULL;
	struct mfs_attr a;

	if (strcmp(name, "security.capability") != 0)
		return false;
	i = inode_get(ino);
	if (!i || !i->peer || !deleg_holds(i, &a, NULL) || !S_ISREG(a.mode))
		return false;
	fuse_reply_err(req, ENODATA);
	return true;
}

void cli_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct call *c;

	if (no_capabilities(req, ino, name))
		return;
	c = xattr_call(req, MFS_OP_GETXATTR, ino, strlen(name));
	if (!c)
		return;
	c->size = size;
	c->h.a = size;
	mfs_put_bytes(&c->out, name, strlen(name));
	call_send(c, done_xattr);
}

void cli_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct call *c = xattr_call(req, MFS_OP_LISTXATTR, ino, 0);

	if (!c)
		return;
	c->size = size;
	c->h.a = size;
	call_send(c, done_xattr);
}

void cli_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct call *c = xattr_call(req, MFS_OP_REMOVEXATTR, ino, strlen(name));

	if (!c)
		return;
	mfs_put_bytes(&c->out, name, strlen(name));
	call_send(c, done_err);
}
