/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many tasks of a set of processes run or want to, averaged over the time between two samples.
 * Processes that do nothing are looked at ever more rarely, and all at once when somebody uses a
 * CPU and it is not known who. What ended between two samples is made up for out of what the group
 * used in all.
 */
#ifndef MOSIX_COMMON_DEMAND_H
#define MOSIX_COMMON_DEMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/times.h"

struct demand;

/* @source is the caller's and must live on. @not_ours (NULL: none) says of a process whether
 * others count it; asked when it is new, and now and then. NULL: no memory. */
struct demand *demand_new(const struct times_source *source, bool (*not_ours)(void *arg, pid_t pid),
			  void *arg);
struct demand *demand_free(struct demand *d); /* returns NULL */

/* One sample: begin, see each process, end. @now_ns is monotonic. */
void demand_begin(struct demand *d, int64_t now_ns);
void demand_see(struct demand *d, pid_t pid);
/* @used: CPUs that all of them got since the last sample, also those that have ended, in 1/1000;
 * @pressure: the part of the time in which at least one of them had to wait, in 1/1000, 0 if not
 * known. The number of tasks in 1/1000; 0 for the first sample. */
uint32_t demand_end(struct demand *d, uint32_t used, uint32_t pressure);
/* How many processes were looked at in the last sample. */
unsigned int demand_looked(const struct demand *d);

#endif
