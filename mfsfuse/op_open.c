/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening, creating and releasing files and directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/srv_deleg.h"

/* What a client's kernel adds when a file is opened to be executed. */
#define FMODE_EXEC 0x20

/* O_DIRECT is left out: alignment is the business of whoever has the buffer. */
#define OPEN_FLAGS (O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC | O_DSYNC | O_NOATIME)

static int flags_check(uint64_t a, int *ret)
{
	int flags = (int)(a & OPEN_FLAGS);

	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	*ret = flags | O_NOCTTY;
	return 0;
}

/* The client's kernel does pipes and sockets itself; a device would be this node's. */
static int must_be_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return S_ISREG(st.st_mode) ? 0 : -ENXIO;
}

/* Executing needs no right to read. The client's kernel hides what it reads from the user. */
static int open_to_execute(int fd)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return -errno;
	if (v.f_flag & ST_NOEXEC)
		return -EACCES;
	if (syscall(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0)
		return -errno;
	ident_raise();
	return srv_reopen(fd, O_RDONLY | O_NOCTTY);
}

static int put_described(struct request *rq, struct reply *rp, int fd, struct mfs_fh *ret)
{
	struct mfs_attr a;
	int r = node_describe(rq->s, fd, false, &a);

	if (r == 0) {
		*ret = a.fh;
		mfs_put_attr(&rp->out, &a);
	}
	return r;
}

int op_open(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	_cleanup_fd_ int fd = -1;
	int flags, r;

	r = flags_check(rq->h.a, &flags);
	if (r < 0)
		return r;
	r = node_open_real(rq->s, &rq->h.node, -EISDIR, &node);
	if (r < 0)
		return r;
	r = must_be_regular(node.fd);
	if (r < 0)
		return r;
	r = request_become(rq);
	if (r < 0)
		return r;
	if (flags & O_TRUNC)
		mutation_begin_inode(&m, rq, node.fd);
	fd = rq->h.a & FMODE_EXEC ? open_to_execute(node.fd) : srv_reopen(node.fd, flags);
	if (fd < 0)
		return fd;
	if ((flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY)
		grant_file(rq, fd, rp);
	r = request_put_attr(rq, fd, rp);
	if (r < 0)
		return r;
	return sfile_add(rq->s, rq->h.file, &rq->h.node, steal_fd(&fd), flags);
}

/* The permission was checked when the file was opened first; its mode may differ by now. */
int op_reopen(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node node = NODE_NULL;
	struct stat st;
	int fd, flags, r;

	(void)rp;
	r = flags_check(rq->h.a & ~(uint64_t)O_TRUNC, &flags);
	if (r < 0)
		return r;
	/* The client has opened it without asking: it may have no name any more. */
	fd = (flags & O_ACCMODE) == O_RDONLY ? deleg_reopen(rq->s, &rq->h.node) : -ESTALE;
	if (fd >= 0)
		return sfile_add(rq->s, rq->h.file, &rq->h.node, fd, flags);
	r = node_open_real(rq->s, &rq->h.node, -ESTALE, &node);
	if (r < 0)
		return r;
	if (fstat(node.fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		flags = O_RDONLY | O_DIRECTORY;
	else if (!S_ISREG(st.st_mode))
		return -ESTALE;
	fd = srv_reopen(node.fd, flags);
	if (fd < 0)
		return fd;
	return sfile_add(rq->s, rq->h.file, &rq->h.node, fd, flags);
}

/* The name is there already: it is opened like any other file. Another kind of file than a
 * regular one was made since the client looked; ESTALE makes its kernel look again. */
static int open_existing(int dir, const char *name, int flags)
{
	_cleanup_fd_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (must_be_regular(fd) < 0)
		return -ESTALE;
	return srv_reopen(fd, flags);
}

/* An earlier server made it and died before it could say so. */
static bool was_made(const struct request *rq, int dir, const char *name)
{
	struct stat st;

	return rq->h.flags & MFS_FLAG_REPLAY && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_size == 0 && st.st_uid == rq->h.uid;
}

static int create_or_open(const struct request *rq, int dir, const char *name, int flags)
{
	mode_t mode = (mode_t)(rq->h.b & 07777);
	int fd = openat(dir, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd >= 0)
		return fd;
	if (errno != EEXIST)
		return -errno;
	if (rq->h.a & O_EXCL && !was_made(rq, dir, name))
		return -EEXIST;
	return open_existing(dir, name, flags);
}

static int add_new(struct request *rq, struct reply *rp, int fd, int flags)
{
	_cleanup_fd_ int owned = fd;
	struct mfs_fh fh;
	int r = put_described(rq, rp, fd, &fh);

	if (r < 0)
		return r;
	return sfile_add(rq->s, rq->h.file, &fh, steal_fd(&owned), flags);
}

int op_create(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	_cleanup_mutation_ struct mutation m = {.on = false};
	char name[MFS_NAME_MAX + 1];
	int fd, flags, r;

	r = flags_check(rq->h.a, &flags);
	if (r == 0)
		r = request_name(rq, name);
	if (r == 0)
		r = node_open_real(rq->s, &rq->h.node, -EROFS, &dir);
	if (r < 0)
		return r;
	mutation_dir(&m, dir.fd);
	grant_name(rq, dir.fd, name, rp);
	r = request_become(rq);
	if (r == 0)
		r = mutation_begin(&m, rq, false);
	if (r < 0)
		return r;
	umask((mode_t)(rq->h.umask & 0777));
	fd = create_or_open(rq, dir.fd, name, flags);
	return fd < 0 ? fd : add_new(rq, rp, fd, flags);
}

int op_tmpfile(struct request *rq, struct reply *rp)
{
	_cleanup_node_ struct node dir = NODE_NULL;
	mode_t mode = (mode_t)(rq->h.b & 07777);
	int fd, flags, r;

	r = flags_check(rq->h.a, &flags);
	if (r == 0)
		r = node_open_real(rq->s, &rq->h.node, -EROFS, &dir);
	if (r == 0)
		r = request_become(rq);
	if (r < 0)
		return r;
	umask((mode_t)(rq->h.umask & 0777));
	flags &= ~O_TRUNC;
	fd = open(fd_path(dir.fd).s, flags | O_TMPFILE | O_CLOEXEC | (int)(rq->h.a & O_EXCL), mode);
	return fd < 0 ? -errno : add_new(rq, rp, fd, flags);
}

int request_opendir(struct request *rq)
{
	_cleanup_node_ struct node node = NODE_NULL;
	int r = node_open_real(rq->s, &rq->h.node, rq->h.node.type ? -ELOOP : -ENOENT, &node);

	if (r == 0)
		r = request_become(rq);
	return r < 0 ? r : srv_reopen(node.fd, O_RDONLY | O_DIRECTORY);
}

int op_opendir(struct request *rq, struct reply *rp)
{
	int fd = request_opendir(rq);

	if (fd < 0)
		return fd;
	grant_list(rq, fd, rp);
	return sfile_add(rq->s, rq->h.file, &rq->h.node, fd, O_RDONLY);
}

int op_release(struct request *rq, struct reply *rp)
{
	(void)rp;
	sfile_release(rq->s, rq->h.file);
	return 0;
}
