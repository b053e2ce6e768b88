/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first process that is moved to another cgroup after a pause waits for a grace period of the
 * kernel's, 5 to 30 ms; those that follow soon do not. While a move is near, somebody goes ahead.
 */
#ifndef MOSIX_CKPT_WARM_H
#define MOSIX_CKPT_WARM_H

#include <sys/types.h>

/* Starts a process that moves itself to where it is, @cgroup, again and again. Its number, or
 * negative; it is no harm if that failed. */
pid_t warm_start(const char *cgroup);
/* Ends it; warm_reap() waits for that. */
void warm_stop(pid_t pid);
void warm_reap(pid_t pid);

#endif
