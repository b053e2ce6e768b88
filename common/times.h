/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a process, with all of its threads, ran and how long it wanted to but could not: for
 * lack of a CPU, or because its group's quota was used up. Their sum, over time, is the number of
 * runnable tasks, averaged, which no look at states can give.
 */
#ifndef MOSIX_COMMON_TIMES_H
#define MOSIX_COMMON_TIMES_H

#include <stdint.h>
#include <sys/types.h>

/* Where the numbers come from: the kernel's taskstats (one short exchange for all threads, ended
 * ones too), or, without the right to ask for them, /proc/PID/task/TID/schedstat. */
struct times_source {
	const char *root; /* in front of /proc; not owned */
	int fd;           /* netlink; -1 = /proc */
	uint16_t family;
};

struct times {
	uint64_t run, wait; /* nanoseconds, since the start of the process */
};

/* @root other than "": files below it, as tests have them. */
void times_open(struct times_source *s, const char *root);
void times_close(struct times_source *s);
/* 0; -ESRCH if there is no such process (any more). */
int times_of(const struct times_source *s, pid_t pid, struct times *ret);

#endif
