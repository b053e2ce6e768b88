/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that make, remove and rename names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/srv_deleg.h"

/* A directory in which names change. */
static int dir_open(struct request *rq, const struct mfs_fh *fh, struct mutation *m,
		    struct node *ret)
{
	int r = node_open_real(rq->s, fh, -EROFS, ret);

	if (r == 0)
		mutation_dir(m, ret->fd);
	return r;
}

/* All directories are open; from now on the thread acts as the user. */
static int change_begin(struct request *rq, struct mutation *m)
{
	int r = request_become(rq);

	if (r < 0)
		return r;
	umask((mode_t)(rq->h.umask & 0777));
	return mutation_begin(m, rq, false);
}

static int describe_name(struct request *rq, struct reply *rp, int dir, const char *name)
{
	_cleanup_fd_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct mfs_attr a;
	int r;

	if (fd < 0)
		return -errno;
	r = node_describe(rq->s, fd, false, &a);
	if (r == 0)
		mfs_put_attr(&rp->out, &a);
	return r;
}

/* The request may have been carried out by an earlier server, whose answer was lost: then it is
 * right that the name is there (or gone) already. */
static bool was_done(const struct request *rq, int error, int when)
{
	return error == when && rq->h.flags & MFS_FLAG_REPLAY;
}

/* What is there under the name is what the request would have made. */
static bool is_made(const struct request *rq, int dir, const char *name, mode_t type)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type &&
	       st.st_uid == rq->h.uid;
}

/* For requests whose body is a name in the directory that they are about, to be made. */
static int named_in_dir(struct request *rq, struct reply *rp, struct mutation *m,
			struct node *ret_dir, char ret_name[MFS_NAME_MAX + 1])
{
	int r = request_name(rq, ret_name);

	if (r == 0)
		r = dir_open(rq, &rq->h.node, m, ret_dir);
	if (r < 0)
		return r;
	grant_name(rq, ret_dir->fd, ret_name, rp);
	return change_begin(rq, m);
}

int op_mknod(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	char name[MFS_NAME_MAX + 1];
	mode_t mode = (mode_t)(rq->h.a & (S_IFMT | 07777));
	int r;

	r = named_in_dir(rq, rp, &m, &dir, name);
	if (r < 0)
		return r;
	if (mknodat(dir.fd, name, mode, (dev_t)rq->h.b) < 0) {
		r = -errno;
		if (!was_done(rq, r, -EEXIST) || !is_made(rq, dir.fd, name, mode & S_IFMT))
			return r;
	}
	return describe_name(rq, rp, dir.fd, name);
}

int op_mkdir(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	char name[MFS_NAME_MAX + 1];
	int r;

	r = named_in_dir(rq, rp, &m, &dir, name);
	if (r < 0)
		return r;
	if (mkdirat(dir.fd, name, (mode_t)(rq->h.a & 07777)) < 0) {
		r = -errno;
		if (!was_done(rq, r, -EEXIST) || !is_made(rq, dir.fd, name, S_IFDIR))
			return r;
	}
	return describe_name(rq, rp, dir.fd, name);
}

/* A name in the body of a request that carries more than that. */
static int get_name(struct mfs_in *in, char ret[MFS_NAME_MAX + 1])
{
	size_t len;
	const char *s = mfs_get_string(in, &len);

	return in->bad ? -EINVAL : mfs_name(s, len, ret);
}

int op_symlink(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	char name[MFS_NAME_MAX + 1], target[MFS_TARGET_MAX + 1];
	const char *s;
	size_t len;
	int r;

	r = get_name(&in, name);
	if (r < 0)
		return r;
	s = mfs_get_string(&in, &len);
	if (in.bad || memchr(s, '\0', len))
		return -EINVAL;
	if (len > MFS_TARGET_MAX)
		return -ENAMETOOLONG;
	memcpy(target, s, len);
	target[len] = '\0';
	r = dir_open(rq, &rq->h.node, &m, &dir);
	if (r < 0)
		return r;
	grant_name(rq, dir.fd, name, rp);
	r = change_begin(rq, &m);
	if (r < 0)
		return r;
	if (symlinkat(target, dir.fd, name) < 0) {
		r = -errno;
		if (!was_done(rq, r, -EEXIST) || !is_made(rq, dir.fd, name, S_IFLNK))
			return r;
	}
	return describe_name(rq, rp, dir.fd, name);
}

static bool is_same(int fd, int dir, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int op_link(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL, node = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	_cleanup_file_ref_ struct file_ref file = {.s = rq->s};
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	char name[MFS_NAME_MAX + 1];
	struct mfs_fh to;
	int fd, r;

	mfs_get_fh(&in, &to);
	r = get_name(&in, name);
	if (r < 0)
		return r;
	if (rq->h.file && sfile_get(rq->s, rq->h.file, &file.f) == 0) {
		fd = file.f->fd;
	} else {
		r = node_open_real(rq->s, &rq->h.node, -EPERM, &node);
		if (r < 0)
			return r;
		fd = node.fd;
	}
	r = dir_open(rq, &to, &m, &dir);
	if (r == 0)
		r = change_begin(rq, &m);
	if (r < 0)
		return r;
	if (linkat(AT_FDCWD, fd_path(fd).s, dir.fd, name, AT_SYMLINK_FOLLOW) < 0) {
		r = -errno;
		if (!was_done(rq, r, -EEXIST) || !is_same(fd, dir.fd, name))
			return r;
	}
	return describe_name(rq, rp, dir.fd, name);
}

static int remove_name(struct request *rq, int flags)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	char name[MFS_NAME_MAX + 1];
	int r;

	r = request_name(rq, name);
	if (r == 0)
		r = dir_open(rq, &rq->h.node, &m, &dir);
	if (r == 0 && flags)
		mutation_child(&m, dir.fd, name);
	if (r == 0)
		r = change_begin(rq, &m);
	if (r < 0)
		return r;
	r = unlinkat(dir.fd, name, flags) < 0 ? -errno : 0;
	return was_done(rq, r, -ENOENT) ? 0 : r;
}

int op_unlink(struct request *rq, struct reply *rp)
{
	(void)rp;
	return remove_name(rq, 0);
}

int op_rmdir(struct request *rq, struct reply *rp)
{
	(void)rp;
	return remove_name(rq, AT_REMOVEDIR);
}

int op_rename(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node from = NODE_NULL, to = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	char name[MFS_NAME_MAX + 1], name2[MFS_NAME_MAX + 1];
	struct mfs_fh fh2;
	int r;

	(void)rp;
	mfs_get_fh(&in, &fh2);
	r = get_name(&in, name);
	if (r == 0)
		r = get_name(&in, name2);
	if (r < 0)
		return r;
	if (rq->h.a & ~(uint64_t)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	r = dir_open(rq, &rq->h.node, &m, &from);
	if (r == 0)
		r = dir_open(rq, &fh2, &m, &to);
	if (r < 0)
		return r;
	mutation_child(&m, from.fd, name);
	mutation_child(&m, to.fd, name2);
	r = change_begin(rq, &m);
	if (r < 0)
		return r;
	r = renameat2(from.fd, name, to.fd, name2, (unsigned int)rq->h.a) < 0 ? -errno : 0;
	if (was_done(rq, r, -ENOENT) && faccessat(to.fd, name2, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return r;
}
