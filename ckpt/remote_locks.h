/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that a job holds on files of the cluster file system. They are held at the serving node;
 * neither this node's kernel nor criu knows of them.
 */
#ifndef MOSIX_CKPT_REMOTE_LOCKS_H
#define MOSIX_CKPT_REMOTE_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ckpt/images.pb-c.h"

/* Asks about the files of many processes; stops asking as soon as it knows that there is none. */
struct remote_locks {
	bool none;
};

/* Is something locked for writing through the process's descriptor @fd? */
bool remote_locks_writer(struct remote_locks *l, pid_t pid, int fd);
/* Calls @fn for each lock that a process holds, as criu would describe it, until it returns
 * non-zero, and returns that. -E2BIG: too many to be listed. */
int remote_locks_each(struct remote_locks *l, pid_t pid,
		      int (*fn)(void *arg, const Image__FileLock *lock), void *arg);

#endif
