/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading what this node has and does. On a whole machine the kernel's own counts are right; in a
 * container they are those of the machine, and what is ours is found out from control groups and
 * from the processes that we see.
 */
#ifndef MOSIX_DAEMON_SAMPLE_NODE_H
#define MOSIX_DAEMON_SAMPLE_NODE_H

#include "common/limits.h"
#include "common/times.h"
#include "daemon/sample.h"
#include <dirent.h>

struct demand;

struct sample_node_config {
	const char *root; /* in front of every path: "" but in tests; not owned */
	bool whole;       /* not in a container */
	uint32_t cpus;    /* 1/1000, that it may be scheduled on */
	const char *jobs; /* group of all jobs; not owned */
	/* Of a process: belongs to a job, which is counted otherwise. */
	bool (*of_job)(void *arg, pid_t pid);
	void *arg;
};

enum { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, PRESSURES };

struct sample_node {
	struct sample_node_config c;
	struct limits limits;
	struct times_source source;
	struct demand *demand; /* container: of what is no job */
	DIR *proc;
	int loadavg;                    /* whole machine */
	uint32_t quick_sum, quick_n;    /* of the looks at it */
	int64_t at;                     /* of the last sample; ns */
	unsigned int count;             /* of samples */
	uint32_t quota;                 /* limits as of the last look at them */
	uint64_t swap_total, swap_free; /* bytes */
	/* As of the last sample. */
	uint64_t used_usec, jobs_usec, wait_ns;
	uint64_t stalled_usec[PRESSURES], jobs_stalled_usec;
};

/* What the jobs' guests told last. */
struct sample_of_jobs {
	uint32_t demand, used; /* sums, in 1/1000 */
	uint32_t silent;       /* jobs that have not told anything yet */
};

struct sample_reading {
	uint32_t cpus;                /* 1/1000, after all limits */
	uint32_t mem_total, mem_free; /* MiB */
	struct sample_more more;
};

/* Whether this process sees the machine itself, and the CPUs it may be scheduled on. */
bool sample_node_is_whole(void);
uint32_t sample_node_affinity(void);

/* 0 or negative. */
int sample_node_open(struct sample_node *n, const struct sample_node_config *c);
void sample_node_close(struct sample_node *n);
/* A whole machine's runnable tasks, now: several times between two samples, if the first of those
 * has shown that its kernel does not keep count of who waits. */
bool sample_node_wants_quick(const struct sample_node *n);
void sample_node_quick(struct sample_node *n);
/* One sample; what is per time is since the one before. @now_ns is monotonic. */
void sample_node_look(struct sample_node *n, int64_t now_ns, const struct sample_of_jobs *jobs,
		      struct sample_reading *ret);
/* mem_total and mem_free alone, as they are now. */
void sample_node_memory(struct sample_node *n, struct sample_reading *ret);

#endif
