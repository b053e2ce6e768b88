/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens to a cluster, whatever its policy: its nodes, the jobs with their times, and the
 * faults. All policies are run on the same trace.
 */
#ifndef MOSIX_SIM_TRACE_H
#define MOSIX_SIM_TRACE_H

#include "sim/conf.h"

struct trace_node {
	double cpus, speed, memory; /* CPUs; of the standard CPU; MiB */
};

struct trace_job {
	int64_t at_us;  /* of its arrival; it may have to wait for others then */
	float length;   /* seconds on a standard CPU */
	float memory;   /* MiB */
	float grow;     /* share of its run in which it grows to that size */
	uint32_t home;  /* index of a node */
	bool hint;      /* its size is known at its start */
	uint32_t waits; /* for so many other jobs */
};

struct trace_fault {
	int64_t at_us;
	uint32_t node; /* index */
	bool up;
};

struct trace {
	struct trace_node *nodes;
	uint32_t node_count;
	double fastest;         /* speed of a job that has the fastest for itself */
	struct trace_job *jobs; /* sorted by at_us */
	uint32_t job_count;
	uint32_t *next_first; /* job_count + 1: where a job's followers begin in next */
	uint32_t *next;       /* jobs that wait for it; always later ones */
	uint32_t next_count;
	uint32_t parallel;          /* at most so many jobs at once (make -j); 0: no limit */
	struct trace_fault *faults; /* sorted */
	uint32_t fault_count;
};

/* Everything out of the settings (and the trace file that they name). 0, -ENOMEM, -EINVAL. */
int trace_make(struct trace *ret, const struct sim_conf *c, struct err *e);
void trace_done(struct trace *t);

/* Jobs only. */
int trace_write(const struct trace *t, const char *path, struct err *e);
int trace_read(struct trace *t, const struct sim_conf *c, const char *path, struct err *e);
int trace_make_jobs(struct trace *t, const struct sim_conf *c, struct err *e);
/* @pairs: (earlier, later) job numbers. Builds next_first, next, waits. */
int trace_link(struct trace *t, const uint32_t (*pairs)[2], uint32_t count);

/* No policy can be done with all jobs before; seconds from the first arrival. */
double trace_lower_bound(const struct trace *t);
/* Seconds that the job takes at least: alone on the fastest node. */
double trace_ideal(const struct trace *t, uint32_t job);

#endif
