/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says of a process. All return 0 or a negative errno: -ESRCH when it is gone.
 */
#ifndef MOSIX_COMMON_PROC_H
#define MOSIX_COMMON_PROC_H

#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	char state; /* as in /proc/PID/stat: R, S, T, Z, … */
	pid_t parent;
	uint64_t start; /* clock ticks since boot: with the number it names a process for good */
};

int proc_stat(pid_t pid, struct proc_stat *ret);
/* Real user number. */
int proc_uid(pid_t pid, uid_t *ret);
/* Its number in its own (innermost) pid namespace. */
int proc_ns_pid(pid_t pid, pid_t *ret);

#endif
