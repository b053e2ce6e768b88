/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mounts below the served tree: which are served, which are shown empty, and a descriptor of
 * each through which file handles are opened. The descriptor is closed when nobody has used it
 * for some seconds, so that the administrator can unmount. Safe to use from any thread.
 */
#ifndef MOSIX_MFSFUSE_MOUNTS_H
#define MOSIX_MFSFUSE_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "mfsfuse/wire.h"

enum mount_kind {
	MOUNT_SERVE,
	MOUNT_EMPTY, /* /proc and the like: what is in there stays here */
	MOUNT_LOOP,  /* a mount of this file system: never served again */
};

/* What a user of the table sees: a copy, never changing. */
struct mount_info {
	uint64_t wire; /* its name on the wire: the same after a restart */
	enum mount_kind kind;
	bool handles; /* gives persistent handles */
	bool remote;  /* attributes may be stale unless asked to look */
};

/* The mount of what @fd is; @unique is its number as statx() gives it. Needs the server's own
 * capabilities. 0 or a negative errno (-ESTALE: such a mount is not there). */
int mounts_find(int fd, uint64_t unique, struct mount_info *ret);

/* Opens a file handle in a mount: an O_PATH descriptor, or a negative errno (-ESTALE). Needs
 * CAP_DAC_READ_SEARCH. */
int mounts_open_handle(uint64_t wire, int type, const void *data, unsigned int len);

/* The same for a regular file, to read it, without keeping the mount busy: it goes through a copy
 * of the mount that is not part of the tree. -EAGAIN: somebody has a lease on it. */
int mounts_open_apart(const struct mfs_fh *fh);

/* The table of mounts is another one. */
void mounts_changed(void);

/* The file system turned out not to have handles after all. */
void mounts_no_handles(uint64_t wire);

/* Closes what was idle; to be called every few seconds. */
void mounts_idle(void);

#endif
