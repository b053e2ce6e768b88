/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of one policy over a trace: events in the order of time. Arrivals, ends and moves happen
 * at their exact time; nodes sample, decide and gossip in ten groups, one each tenth of a second.
 */
#ifndef MOSIX_SIM_RUN_H
#define MOSIX_SIM_RUN_H

#include "sim/cluster.h"
#include "sim/know.h"
#include "sim/policy.h"
#include "sim/result.h"

enum {
	SLOT_US = 100000,
	SLOTS = 10,     /* a node samples and decides in one of them */
	STEP_SLOTS = 5, /* it gossips in each fifth */
};

struct transit {
	int64_t at_us;
	uint32_t job;
	uint32_t serial; /* of its kind, so that equal times keep their order */
};

struct sim {
	const struct sim_conf *conf;
	const struct trace *trace;
	const struct sim_policy *policy;
	struct cluster c;
	const struct know_ops *know_ops;
	struct know *know;
	void *state;          /* of the policy */
	struct random random; /* of the policy */
	struct random noise;
	int64_t now_us, end_us;
	uint64_t slot;
	uint32_t next_job, next_fault; /* of the trace */
	uint32_t ended;
	/* jobs under way, a heap */
	struct transit *transit;
	uint32_t transit_count, transit_room, transit_serial;
	uint8_t *phase;  /* slot of each node */
	uint32_t *order; /* nodes sorted by phase */
	uint32_t order_first[SLOTS + 1];
	/* jobs that could run but for make -j: a queue */
	uint32_t *ready;
	uint32_t ready_head, ready_count, at_work;
	uint32_t *moving; /* jobs that leave each node */
	/* room for a view */
	struct node_facts *facts;
	struct job_facts *job_facts;
	uint32_t job_room;
	struct result *result;
	uint32_t tries;       /* how often place() was called for this job already */
	uint32_t claimed;     /* by place(): the load index expected at the chosen node */
	double asked_seconds; /* that questions took that were answered by no */
	int error;
};

/* 0 or -ENOMEM. @ret: result_done(). */
int sim_run(const struct sim_conf *c, const struct trace *t, const struct sim_policy *p,
	    struct result *ret);

/* ------------------------------------------------------------------ for policies */

/* What @node knows now of the others (VIEW_NODES) and of its jobs (VIEW_JOBS). NULL: no memory. */
enum sim_view_of { VIEW_NODES = 1, VIEW_JOBS = 2, VIEW_ALL = 3 };
const struct sim_view *sim_view(struct sim *s, uint32_t node, enum sim_view_of of,
				struct sim_view *ret);
void sim_self_facts(const struct sim *s, uint32_t node, struct node_facts *ret);
void sim_job_facts(struct sim *s, uint32_t job, struct job_facts *ret);
/* Is it up, and on the same side of the network? */
bool sim_reachable(const struct sim *s, uint32_t a, uint32_t b);
static inline int64_t sim_now_ms(const struct sim *s)
{
	return s->now_us / 1000;
}

/* ------------------------------------------------------------------ parts of a run */

/* run_job.c: jobs come, go, move. */
void run_release(struct sim *s, uint32_t job);
void run_arrived(struct sim *s, const struct transit *t);
void run_ended(struct sim *s, uint32_t job);
void run_move(struct sim *s, uint32_t node, const struct sim_move *m);
void run_crash(struct sim *s, uint32_t node);
int64_t transit_next(const struct sim *s);
struct transit transit_pop(struct sim *s);

/* run_slot.c: what nodes do each second. */
void run_slot(struct sim *s);
/* And when a move from there has ended. */
void run_decide(struct sim *s, uint32_t node);
void run_check_memory(struct sim *s, uint32_t node, bool was_full, bool was_oom);

#endif
