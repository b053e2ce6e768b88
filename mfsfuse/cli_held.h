/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The locks that processes here hold. With the peer's lock held.
 */
#ifndef MOSIX_MFSFUSE_CLI_HELD_H
#define MOSIX_MFSFUSE_CLI_HELD_H

#include "mfsfuse/cli.h"

/* A record lock, in STATE_LOCKS; belongs to the file through which it was taken. */
struct held {
	uint64_t file; /* its number; first, as in all records */
	struct held *next;
	uint64_t record; /* the file's, in STATE_FILES */
	uint64_t owner;
	uint32_t type, pid;
	uint64_t start, end; /* end is behind the last byte, or UINT64_MAX */
};

/* @owner has now a lock of that type, or none (F_UNLCK), on that range. */
void held_set(struct file *f, uint64_t owner, const struct mfs_lock *l);
/* @owner has no more locks on the file's inode. */
void held_end(struct file *f, uint64_t owner);
void held_free(struct file *f);
/* A record of STATE_LOCKS that an earlier process left. */
void held_restore(void *rec);

#endif
