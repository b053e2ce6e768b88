/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on one inode: find it, read and change its attributes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/srv_deleg.h"

/* ------------------------------------------------------------------ finding */

/* Directories of "/" that belong to the node itself. Jobs have their own in place of them. */
static bool is_hidden(const struct mfs_fh *dir, const char *name)
{
	static const char *const hidden[] = {"proc", "sys", "dev", "run"};

	if (dir->kind != MFS_FH_ROOT)
		return false;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (strcmp(name, hidden[i]) == 0)
			return true;
	}
	return false;
}

int op_lookup(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_fd_ int fd = -1;
	char name[MFS_NAME_MAX + 1];
	struct mfs_attr a;
	int r;

	r = request_name(rq, name);
	if (r < 0)
		return r;
	r = node_open_real(rq->s, &rq->h.node, rq->h.node.type ? -ELOOP : -ENOENT, &dir);
	if (r < 0)
		return r;
	grant_name(rq, dir.fd, name, rp);
	r = request_become(rq);
	if (r < 0)
		return r;
	fd = openat(dir.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = node_describe(rq->s, fd, is_hidden(&rq->h.node, name), &a);
	if (r == 0 && S_ISDIR(a.mode))
		grant_attr_known(rq, &a, rp);
	if (r == 0)
		mfs_put_attr(&rp->out, &a);
	return r;
}

/* The root's parent is the root: there is nothing above "/". */
int op_parent(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_fd_ int fd = -1;
	struct mfs_attr a;
	int r;

	r = node_open_real(rq->s, &rq->h.node, -ESTALE, &dir);
	if (r < 0)
		return r;
	r = request_become(rq);
	if (r < 0)
		return r;
	fd = openat(dir.fd, "..", O_PATH | O_NOFOLLOW | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0)
		return -errno;
	r = node_describe(rq->s, fd, false, &a);
	if (r == 0)
		mfs_put_attr(&rp->out, &a);
	return r;
}

/* ------------------------------------------------------------------ attributes */

/* A descriptor for the inode: that of the open file, which works even after the last unlink, or
 * that of the node. */
static int inode_open(struct request *rq, struct file_ref *file, struct node *node)
{
	int r;

	if (rq->h.file) {
		file->s = rq->s;
		if (sfile_get(rq->s, rq->h.file, &file->f) == 0)
			return file->f->fd;
	}
	r = node_open_real(rq->s, &rq->h.node, -EROFS, node);
	return r < 0 ? r : node->fd;
}

int op_getattr(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	_cleanup_file_ref_ struct file_ref file = {0};
	struct mfs_attr a;
	int fd;

	if (rq->h.node.kind == MFS_FH_EMPTY) {
		node_stat_empty(&rq->h.node, &a);
		mfs_put_attr(&rp->out, &a);
		return 0;
	}
	fd = inode_open(rq, &file, &node);
	if (fd < 0)
		return fd;
	if (!file.f)
		grant_attr(rq, fd, rp);
	return request_put_attr(rq, fd, rp);
}

static int set_size(int fd, const struct file_ref *file, uint64_t size)
{
	if (size > INT64_MAX)
		return -EINVAL;
	if (file->f && (file->f->flags & O_ACCMODE) != O_RDONLY)
		return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
	return truncate(fd_path(fd).s, (off_t)size) < 0 ? -errno : 0;
}

static struct timespec time_of(const struct mfs_setattr *s, bool mtime)
{
	uint32_t set = mtime ? MFS_SET_MTIME : MFS_SET_ATIME;
	uint32_t now = mtime ? MFS_SET_MTIME_NOW : MFS_SET_ATIME_NOW;

	if (s->valid & now)
		return (struct timespec){.tv_nsec = UTIME_NOW};
	if (!(s->valid & set))
		return (struct timespec){.tv_nsec = UTIME_OMIT};
	return (struct timespec){
		.tv_sec = mtime ? s->mtime : s->atime,
		.tv_nsec = mtime ? s->mtime_ns : s->atime_ns,
	};
}

static int set_times(int fd, const struct mfs_setattr *s)
{
	const struct timespec t[2] = {time_of(s, false), time_of(s, true)};

	return utimensat(fd, "", t, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int set_owner(int fd, const struct mfs_setattr *s)
{
	uid_t uid = s->valid & MFS_SET_UID ? s->uid : (uid_t)-1;
	gid_t gid = s->valid & MFS_SET_GID ? s->gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

#define SET_OWNER (MFS_SET_UID | MFS_SET_GID)
#define SET_TIMES (MFS_SET_ATIME | MFS_SET_MTIME | MFS_SET_ATIME_NOW | MFS_SET_MTIME_NOW)

static int set_all(int fd, const struct file_ref *file, const struct mfs_setattr *s)
{
	int r = 0;

	if (s->valid & MFS_SET_SIZE)
		r = set_size(fd, file, s->size);
	if (r == 0 && s->valid & SET_OWNER)
		r = set_owner(fd, s);
	if (r == 0 && s->valid & MFS_SET_MODE)
		r = fchmodat(AT_FDCWD, fd_path(fd).s, s->mode & 07777, 0) < 0 ? -errno : 0;
	if (r == 0 && s->valid & SET_TIMES)
		r = set_times(fd, s);
	return r;
}

int op_setattr(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	_cleanup_file_ref_ struct file_ref file = {0};
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	_cleanup_mutation_ struct mutation m = {.on = false};
	struct mfs_setattr s;
	int fd, r;

	mfs_get_setattr(&in, &s);
	if (in.bad || s.atime_ns > 999999999 || s.mtime_ns > 999999999)
		return -EINVAL;
	fd = inode_open(rq, &file, &node);
	if (fd < 0)
		return fd;
	r = request_become(rq);
	if (r < 0)
		return r;
	mutation_begin_inode(&m, rq, fd);
	r = set_all(fd, &file, &s);
	return r < 0 ? r : request_put_attr(rq, fd, rp);
}

/* ------------------------------------------------------------------ the rest */

int op_readlink(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	char target[MFS_TARGET_MAX + 1];
	ssize_t n;
	int r;

	r = node_open_real(rq->s, &rq->h.node, -EINVAL, &node);
	if (r < 0)
		return r;
	n = readlinkat(node.fd, "", target, sizeof(target));
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno;
	mfs_put_bytes(&rp->out, target, (size_t)n);
	return 0;
}

int op_access(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	int mask = (int)(rq->h.a & 7);
	int r;

	(void)rp;
	r = node_open(rq->s, &rq->h.node, &node);
	if (r < 0)
		return r;
	if (node.fd < 0)
		return mask & W_OK ? -EROFS : 0;
	r = request_become(rq);
	if (r < 0)
		return r;
	/* AT_EACCESS: without it the kernel would check our real uid. */
	if (syscall(SYS_faccessat2, node.fd, "", mask, AT_EMPTY_PATH | AT_EACCESS) < 0)
		return -errno;
	return 0;
}

int op_statfs(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	struct statvfs v;
	int r;

	r = node_open(rq->s, &rq->h.node, &node);
	if (r < 0)
		return r;
	if (fstatvfs(node.fd < 0 ? srv.root : node.fd, &v) < 0)
		return -errno;
	mfs_put_statfs(&rp->out, &(struct mfs_statfs){
					 .bsize = v.f_bsize,
					 .frsize = v.f_frsize,
					 .blocks = v.f_blocks,
					 .bfree = v.f_bfree,
					 .bavail = v.f_bavail,
					 .files = v.f_files,
					 .ffree = v.f_ffree,
					 .favail = v.f_favail,
					 .namemax = v.f_namemax,
					 .flag = v.f_flag,
				 });
	return 0;
}

int op_forget(struct request *rq, struct reply *rp)
{
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};

	(void)rp;
	while (in.len && !in.bad) {
		struct mfs_fh fh;

		mfs_get_fh(&in, &fh);
		if (!in.bad)
			node_forget(rq->s, &fh);
	}
	return 0;
}
