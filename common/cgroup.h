/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups (v2) of jobs. The daemon owns a delegated subtree; each copy of a job has one
 * group of its own, JOB.GEN, in which every process of that copy lives and no other.
 * After cgroup_kill() a group is never used again: see cgroup_fork().
 */
#ifndef MOSIX_COMMON_CGROUP_H
#define MOSIX_COMMON_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The absolute path of the calling process's v2 group, with the mount point in front. */
int cgroup_self(char *ret, size_t size);
/* The v2 group of a process as the kernel names it, "/system.slice/…". */
int cgroup_name_of(pid_t pid, char *ret, size_t size);
int cgroup_create(const char *path);
/* Removes the group and the groups below it; 0 or -EBUSY while processes live there. */
int cgroup_remove(const char *path);
/* Moves a process (0 = the caller) into the group. */
int cgroup_enter(const char *path, pid_t pid);
/*
 * fork() into the group (NULL: the caller's) and into the new namespaces of @flags (CLONE_NEW*):
 * there is no moment outside of them, and none of the 10 to 30 ms that cgroup_enter() can wait for.
 * 0 in the child; in the parent its number or -errno, and a close-on-exec pidfd. Linux kills such
 * a child at once if its group and the caller's have seen cgroup.kill a different number of times.
 */
pid_t cgroup_fork(const char *path, uint64_t flags, int *ret_pidfd);
/* Freezes and waits until the kernel says frozen (at most @timeout_ms: -ETIMEDOUT), or thaws.
 * A frozen process still dies of a signal that it would die of otherwise. */
int cgroup_freeze(const char *path, int timeout_ms);
int cgroup_thaw(const char *path);
bool cgroup_frozen(const char *path);
/* SIGKILL to every process in it, frozen or not; then waits until none is left. */
int cgroup_kill(const char *path, int timeout_ms);
/* Writes up to @max process numbers; returns how many there are. */
int cgroup_pids(const char *path, pid_t *ret, int max);
int cgroup_cpu_usec(const char *path, uint64_t *ret);

#endif
