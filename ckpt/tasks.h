/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes and threads of a copy of a job.
 */
#ifndef MOSIX_CKPT_TASKS_H
#define MOSIX_CKPT_TASKS_H

#include <stddef.h>
#include <sys/types.h>

/* All processes in a cgroup, the caller's to free(); their number or negative. */
int tasks_list(const char *cgroup, pid_t **ret);
/* Calls @fn for each thread until it returns non-zero, and returns that. */
int tasks_each_thread(const char *cgroup, int (*fn)(void *arg, pid_t pid, pid_t tid), void *arg);
/* The identity of a namespace of a process ("pid", "mnt", …); 0 = gone. */
ino_t tasks_namespace(pid_t pid, const char *name);

#endif
