/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting helpers: fork() into a cgroup, with a pidfd.
 */
#ifndef MOSIX_CKPT_SPAWN_H
#define MOSIX_CKPT_SPAWN_H

#include <sys/types.h>

/* As fork(), but a negative errno; the child is born in @cgroup (NULL: the caller's), so that
 * nothing of it is ever elsewhere. The parent gets a close-on-exec pidfd. */
pid_t spawn_into(const char *cgroup, int *ret_pidfd);

/* Where the project's own helper programs and libraries are. */
const char *spawn_dir(void);

#endif
