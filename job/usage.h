/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of a copy use.
 */
#ifndef MOSIX_JOB_USAGE_H
#define MOSIX_JOB_USAGE_H

#include <stdint.h>

/* Resident bytes, summed over the processes in the group (shared pages count for each), and how
 * many processes there are. 0 or a negative errno. */
int usage_of(const char *cgroup, uint64_t *ret_rss, uint32_t *ret_processes);

/* Waits until each process has run since the group was thawed, but not for long: a restored system
 * call is entered anew, and a signal that came before would not interrupt it. */
void usage_settle(const char *cgroup);

#endif
