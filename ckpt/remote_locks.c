/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks mosix-mfs, through a copy of the process's own descriptor. */
#include "ckpt/remote_locks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/mfs_locks.h"
#include "common/proc.h"

#define FUSE_MAGIC 0x65735546

/* criu's */
#define KIND_POSIX 1
#define KIND_FLOCK 2
#define KIND_OFD 4

static int copy_of(pid_t pid, int fd)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

/* A copy of the descriptor and what is held through it; or -1. */
static int ask(struct remote_locks *l, pid_t pid, int fd, struct mfs_locks *ret)
{
	_cleanup_fd_ int copy = -1;
	struct statfs fs;

	if (l->none)
		return -1;
	copy = copy_of(pid, fd);
	if (copy < 0 || fstatfs(copy, &fs) < 0 || fs.f_type != FUSE_MAGIC ||
	    ioctl(copy, MFS_IOC_LOCKS, ret) < 0)
		return -1;
	l->none = !ret->files;
	return ret->flock || ret->count ? steal_fd(&copy) : -1;
}

bool remote_locks_writer(struct remote_locks *l, pid_t pid, int fd)
{
	struct mfs_locks locks;
	_cleanup_fd_ int copy = ask(l, pid, fd, &locks);

	if (copy < 0)
		return false;
	if (locks.flock == LOCK_EX || locks.count > MFS_LOCKS_MAX)
		return true;
	for (uint32_t i = 0; i < locks.count; i++)
		if (locks.list[i].type == F_WRLCK)
			return true;
	return false;
}

/* A lock of the open file is in nobody's way who asks through that file. */
static bool is_ofd(int copy, const struct mfs_record_lock *r)
{
	struct flock fl = {.l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = (off_t)r->start,
			   .l_len = (off_t)r->len};

	return fcntl(copy, F_OFD_GETLK, &fl) == 0 && fl.l_type == F_UNLCK;
}

struct each {
	pid_t pid, inner;
	int (*fn)(void *arg, const Image__FileLock *lock);
	void *arg;
};

static int call(const struct each *e, int fd, uint32_t kind, const struct mfs_record_lock *r)
{
	Image__FileLock m = IMAGE__FILE_LOCK__INIT;

	m.has_flag = m.has_type = m.has_pid = m.has_fd = m.has_start = m.has_len = true;
	m.flag = kind;
	m.type = r->type;
	m.pid = e->inner;
	m.fd = fd;
	m.start = (int64_t)r->start;
	m.len = (int64_t)r->len;
	return e->fn(e->arg, &m);
}

static int each_of_file(const struct each *e, int fd, int copy, const struct mfs_locks *l)
{
	const struct mfs_record_lock whole = {.type = l->flock == LOCK_EX ? F_WRLCK : F_RDLCK};
	int r = 0;

	if (l->count > MFS_LOCKS_MAX)
		return -E2BIG;
	if (l->flock)
		r = call(e, fd, KIND_FLOCK, &whole);
	for (uint32_t i = 0; r == 0 && i < l->count; i++) {
		const struct mfs_record_lock *k = &l->list[i];

		if (is_ofd(copy, k))
			r = call(e, fd, KIND_OFD, k);
		else if (k->pid == (uint32_t)e->pid)
			r = call(e, fd, KIND_POSIX, k);
	}
	return r;
}

int remote_locks_each(struct remote_locks *l, pid_t pid,
		      int (*fn)(void *arg, const Image__FileLock *lock), void *arg)
{
	struct each each = {.pid = pid, .fn = fn, .arg = arg};
	_cleanup_dir_ DIR *d = NULL;
	struct mfs_locks locks;
	struct dirent *e;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	r = proc_ns_pid(pid, &each.inner);
	while (r == 0 && (e = readdir(d)) && !l->none) {
		int fd = atoi(e->d_name);
		_cleanup_fd_ int copy = -1;

		if (e->d_name[0] == '.')
			continue;
		copy = ask(l, pid, fd, &locks);
		if (copy >= 0)
			r = each_of_file(&each, fd, copy, &locks);
	}
	return r == -ESRCH ? 0 : r;
}
