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

#endif
