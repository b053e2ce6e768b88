/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What outlives mosix-mfs, so that the mount does: its connection to the kernel, and the memory
 * in which it notes what is open. This daemon has descriptors of both, and so has the service
 * manager for the time in which there is no daemon.
 */
#ifndef MOSIX_DAEMON_MFS_KEPT_H
#define MOSIX_DAEMON_MFS_KEPT_H

#include "daemon/process.h"

enum { KEPT_FUSE, KEPT_STATE, KEPT_COUNT };

struct mfs_kept {
	int fds[KEPT_COUNT]; /* -1 = none */
};

/* With what an earlier daemon left. */
void mfs_kept_init(struct mfs_kept *k);
void mfs_kept_done(struct mfs_kept *k);
/* Makes new ones if these are of no use any more. 0 or a negative errno. */
int mfs_kept_ready(struct mfs_kept *k);
/* Those of a running mosix-mfs. */
int mfs_kept_adopt(struct mfs_kept *k, const struct process *p);
/* Lets go: the kernel ends the mount when mosix-mfs does not run. */
void mfs_kept_drop(struct mfs_kept *k);

#endif
