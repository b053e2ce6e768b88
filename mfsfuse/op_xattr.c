/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes, access control lists among them.
 */
#include <errno.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include "common/cleanup.h"
#include "mfsfuse/srv_deleg.h"

static int xattr_name(const char *s, size_t len, char ret[XATTR_NAME_MAX + 1])
{
	if (len == 0 || len > XATTR_NAME_MAX || memchr(s, '\0', len))
		return len > XATTR_NAME_MAX ? -ERANGE : -EINVAL;
	memcpy(ret, s, len);
	ret[len] = '\0';
	return 0;
}

static int node_as_user(struct request *rq, int empty, struct node *ret)
{
	int r = node_open_real(rq->s, &rq->h.node, empty, ret);

	return r < 0 ? r : request_become(rq);
}

int op_setxattr(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	_cleanup_mutation_ struct mutation m = {.on = false};
	char name[XATTR_NAME_MAX + 1];
	const char *s;
	size_t len;
	int r;

	(void)rp;
	s = mfs_get_string(&in, &len);
	if (in.bad || in.len > MFS_XATTR_MAX || rq->h.a & ~(uint64_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	r = xattr_name(s, len, name);
	if (r == 0)
		r = node_as_user(rq, -EROFS, &node);
	if (r < 0)
		return r;
	mutation_begin_inode(&m, rq, node.fd);
	/* Sent again it may meet what it has made itself. */
	if (rq->h.flags & MFS_FLAG_REPLAY)
		rq->h.a = 0;
	r = setxattr(fd_path(node.fd).s, name, in.buf, in.len, (int)rq->h.a);
	return r < 0 ? -errno : 0;
}

/* @size is what the user has room for, 0 to ask. The value stands in rp->out already. */
static int put_size(struct reply *rp, ssize_t n, uint64_t size)
{
	if (n < 0)
		return -errno;
	rp->h.a = (uint64_t)n;
	if (size)
		rp->out.len = (size_t)n;
	return 0;
}

int op_getxattr(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	uint64_t size = rq->h.a < MFS_XATTR_MAX ? rq->h.a : MFS_XATTR_MAX;
	char name[XATTR_NAME_MAX + 1];
	int r;

	r = xattr_name((const char *)rq->body, rq->h.len, name);
	if (r == 0)
		r = node_as_user(rq, -ENODATA, &node);
	if (r < 0)
		return r;
	return put_size(rp, getxattr(fd_path(node.fd).s, name, rp->out.buf, size), size);
}

int op_listxattr(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	uint64_t size = rq->h.a < MFS_XATTR_MAX ? rq->h.a : MFS_XATTR_MAX;
	int r;

	r = node_open(rq->s, &rq->h.node, &node);
	if (r < 0 || node.fd < 0)
		return r;
	r = request_become(rq);
	if (r < 0)
		return r;
	return put_size(rp, listxattr(fd_path(node.fd).s, (char *)rp->out.buf, size), size);
}

int op_removexattr(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	char name[XATTR_NAME_MAX + 1];
	int r;

	(void)rp;
	r = xattr_name((const char *)rq->body, rq->h.len, name);
	if (r == 0)
		r = node_as_user(rq, -EROFS, &node);
	if (r < 0)
		return r;
	mutation_begin_inode(&m, rq, node.fd);
	r = removexattr(fd_path(node.fd).s, name) < 0 ? -errno : 0;
	return r == -ENODATA && rq->h.flags & MFS_FLAG_REPLAY ? 0 : r;
}
