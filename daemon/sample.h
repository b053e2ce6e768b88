/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this node and the jobs on it do, looked at once a second. The numbers are those of
 * policy/facts.h, and they are as true in a container with a part of a machine as on a whole one.
 */
#ifndef MOSIX_DAEMON_SAMPLE_H
#define MOSIX_DAEMON_SAMPLE_H

#include "common/err.h"
#include "policy/facts.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

struct guest;
struct mosixd;

/* As facts have them; at most UINT32_MAX. */
static inline uint32_t mib(uint64_t bytes)
{
	return bytes >> 20 > UINT32_MAX ? UINT32_MAX : (uint32_t)(bytes >> 20);
}

/* Share of the last second, in 1/1000, in which something had to wait; 0 where not known. */
struct sample_pressure {
	uint32_t cpu, memory, io;
};

/* What is not in struct node_facts. */
struct sample_more {
	struct sample_pressure pressure;
	uint32_t busy;                  /* CPUs that were used, in 1/1000 */
	uint32_t runnable;              /* of the last second alone, in 1/1000 */
	uint32_t swap_total, swap_free; /* MiB */
	bool limited;                   /* a part of a machine: a container, or a limit */
};

/* Starts sampling. 0 or negative. */
int sample_new(struct mosixd *d, struct err *e);
void sample_free(struct mosixd *d);

/* This node as it sees itself, age 0; runnable is the leaving view: for its own decisions. Valid
 * until the next call. Flags and classes are those of sample_set_flags() and sample_set_classes(),
 * and NODE_NO_MOVES if criu cannot be used. */
const struct node_facts *sample_facts(struct mosixd *d);
/* Memory as it is now: a second ago a large job may have been there, or not. */
void sample_memory_now(struct mosixd *d);
const struct sample_more *sample_more(const struct mosixd *d);

/* Flags in @mask become as in @flags (enum node_flag). */
void sample_set_flags(struct mosixd *d, uint32_t mask, uint32_t flags);
void sample_set_classes(struct mosixd *d, uint8_t classes);
/* An administrator's word on the speed of a CPU here, kept over restarts; 0: as measured. */
int sample_set_speed(struct mosixd *d, uint32_t speed, struct err *e);

/* What is expected of a job of which nothing is known, in 1/1000 tasks. */
#define DEMAND_EXPECTED 1000u

/* A copy that runs here: job, home, demand, used, memory, growth, net_rate, files and here_ms;
 * what only home or a user knows stays 0 (age_ms: here_ms). */
void sample_job(struct guest *g, struct job_facts *ret);

/* TCP bytes that it sent and received so far. */
uint64_t sample_job_net_bytes(struct guest *g);

/* From the parts that hear of it. */
void sample_guest_stats(struct guest *g, const Mosix__GuestStats *m);
void sample_guest_gone(struct guest *g);
void sample_mfs_usage(struct mosixd *d, const Mosix__MfsUsage *m);

#endif
