/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of a copy use.
 */
#ifndef MOSIX_JOB_USAGE_H
#define MOSIX_JOB_USAGE_H

#include <stdint.h>

#include "common/times.h"

struct demand;

/* Looks again and again at one group. */
struct usage {
	const char *cgroup; /* not owned */
	struct times_source source;
	struct demand *demand;
	int cpu, pressure; /* cpu.stat and cpu.pressure */
	int64_t at;        /* of the last look; nanoseconds, monotonic */
	uint64_t cpu_usec, pressure_usec;
	uint64_t io_last, io_bytes;
};

struct usage_numbers {
	uint64_t cpu_usec; /* since the group was made */
	uint64_t rss;      /* bytes, summed over processes: shared pages count for each */
	uint32_t processes;
	uint32_t demand;     /* tasks that ran or wanted to since the last look, in 1/1000 */
	uint32_t used;       /* CPUs that they got, in 1/1000 */
	uint64_t file_bytes; /* read from disks, and written to files there, since usage_open() */
};

/* The group must live on. 0 or negative. */
int usage_open(struct usage *u, const char *cgroup);
void usage_close(struct usage *u);
/* 0 or negative; the first look knows neither demand nor used. */
int usage_look(struct usage *u, struct usage_numbers *ret);

/* Waits until each process has run since the group was thawed, but not for long: a restored system
 * call is entered anew, and a signal that came before would not interrupt it. */
void usage_settle(const char *cgroup);

#endif
