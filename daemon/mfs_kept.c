/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The descriptors that outlive mosix-mfs. */
#include "daemon/mfs_kept.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "daemon/notify.h"
#include "daemon/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What spawn_process() makes of them. */
#define FIRST_FD 4
#define FUSE_DEVICE makedev(10, 229)

static const char *const names[KEPT_COUNT] = {
	[KEPT_FUSE] = "mfs-fuse",
	[KEPT_STATE] = "mfs-state",
};

static void take(void *data, const char *name, int fd)
{
	struct mfs_kept *k = data;

	for (int i = 0; i < KEPT_COUNT; i++) {
		if (k->fds[i] < 0 && strcmp(name, names[i]) == 0) {
			k->fds[i] = fd;
			return;
		}
	}
	fd_close(fd);
}

void mfs_kept_init(struct mfs_kept *k)
{
	k->fds[KEPT_FUSE] = k->fds[KEPT_STATE] = -1;
	notify_kept(take, k);
}

void mfs_kept_done(struct mfs_kept *k)
{
	for (int i = 0; i < KEPT_COUNT; i++)
		k->fds[i] = fd_close(k->fds[i]);
}

void mfs_kept_drop(struct mfs_kept *k)
{
	mfs_kept_done(k);
	for (int i = 0; i < KEPT_COUNT; i++)
		notify_drop(names[i]);
}

static void keep(struct mfs_kept *k, int fuse, int state)
{
	mfs_kept_drop(k);
	k->fds[KEPT_FUSE] = fuse;
	k->fds[KEPT_STATE] = state;
	for (int i = 0; i < KEPT_COUNT; i++)
		notify_keep(names[i], k->fds[i]);
}

/* Mounted, and neither unmounted nor aborted. */
static bool is_connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) >= 0 && !(p.revents & (POLLERR | POLLNVAL));
}

int mfs_kept_ready(struct mfs_kept *k)
{
	_cleanup_fd_ int fuse = -1, state = -1;

	if (k->fds[KEPT_STATE] >= 0 && is_connected(k->fds[KEPT_FUSE]))
		return 0;
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		return -errno;
	state = memfd_create("mosix-mfs", MFD_CLOEXEC);
	if (state < 0)
		return -errno;
	keep(k, steal_fd(&fuse), steal_fd(&state));
	return 0;
}

int mfs_kept_adopt(struct mfs_kept *k, const struct process *p)
{
	_cleanup_fd_ int fuse = pidfd_getfd(p->pidfd, FIRST_FD + KEPT_FUSE, 0);
	_cleanup_fd_ int state = pidfd_getfd(p->pidfd, FIRST_FD + KEPT_STATE, 0);
	struct stat st, st2;

	if (fuse < 0 || state < 0)
		return -errno;
	if (fstat(fuse, &st) < 0 || fstat(state, &st2) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != FUSE_DEVICE || !S_ISREG(st2.st_mode))
		return -EBADF;
	keep(k, steal_fd(&fuse), steal_fd(&state));
	return 0;
}
