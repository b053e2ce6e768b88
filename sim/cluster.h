/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated machines: jobs share the processors of their node evenly, no job uses more than
 * one CPU, and all of them are slowed down while the node's memory is exceeded.
 *
 * All jobs of a node run at the same rate, so a node has one virtual clock, the work done for each
 * job, and a job ends when that reaches what it stood at when the job came plus the job's length.
 * Nothing is done for a node between two changes of its set of jobs.
 */
#ifndef MOSIX_SIM_CLUSTER_H
#define MOSIX_SIM_CLUSTER_H

#include "policy/load.h"
#include "sim/trace.h"

#define SIM_NEVER INT64_MAX
#define SIM_NOWHERE UINT32_MAX

enum job_state {
	JOB_WAITS,  /* has not arrived, or waits for others */
	JOB_STARTS, /* on its way to the node where it starts */
	JOB_RUNS,
	JOB_MOVES, /* frozen, on its way to another node */
	JOB_ENDED,
};

struct sim_job {
	double left; /* work, in standard CPU seconds, when its node's clock was at `since` */
	double since;
	double finish;       /* the node's clock when it will be done */
	int64_t released_us; /* when it was started: it waits for nothing any more */
	uint32_t home;       /* who started it */
	int64_t came_us;     /* to its node */
	uint32_t node;       /* where it runs, or from where it moves */
	uint32_t to;         /* where it starts or moves to */
	uint32_t slot;       /* in its node's list */
	uint32_t moves;
	uint16_t demand, used; /* smoothed, 1/1000 */
	uint8_t state;         /* enum job_state */
	bool load_move;        /* its last move was for the sake of load */
	/* The last move: where from, what was left, and the clock there of a job that stayed. */
	uint32_t from;
	float left_then;
	double stayed_then;
	uint32_t waits;
};

struct sim_node {
	double cpus, speed, memory, paging;
	int64_t last_us;              /* when the clocks were right */
	double clock, rate;           /* work done for each job; per second */
	double stay_clock, stay_rate; /* the same if there were one job more */
	double used;                  /* MiB of its jobs */
	double held;                  /* MiB of those that leave or come */
	uint32_t *jobs;
	uint32_t count, room;
	uint32_t coming;
	int64_t next_us; /* when the next job ends, if nothing changes */
	uint32_t heap;   /* where it is in the heap of these times */
	bool alive, full /* memory exceeded */, oom;
	struct load_views views;
	uint32_t sample; /* as the policy sees it, 1/1000 tasks */
};

struct cluster {
	const struct trace *trace;
	struct sim_node *nodes;
	uint32_t count;
	struct sim_job *jobs;
	uint32_t *heap; /* nodes by next_us */
	double swap;
};

/* 0 or -ENOMEM. */
int cluster_init(struct cluster *c, const struct trace *t, const struct sim_conf *conf);
void cluster_done(struct cluster *c);

/* Brings the node's clocks to this time. Call it before the functions below. */
void node_advance(struct sim_node *n, int64_t now_us);
/* MiB that the job has at this moment; its node is up to date. */
double job_memory(const struct cluster *c, uint32_t job);
/* MiB/s by which it grows. */
double job_growth(const struct cluster *c, uint32_t job);
double job_left(const struct cluster *c, uint32_t job);

/* The job is on the node from now on, or no longer. 0 or -ENOMEM. */
int cluster_put(struct cluster *c, uint32_t job, uint32_t node, int64_t now_us);
void cluster_take(struct cluster *c, uint32_t job, int64_t now_us);
/* Memory for a job that comes or leaves. */
void cluster_hold(struct cluster *c, uint32_t node, double memory, int64_t now_us);
/* Sums up the memory of its jobs, which grow. */
void cluster_weigh(struct cluster *c, uint32_t node, int64_t now_us);

/* The node on which a job ends next; its next_us may be SIM_NEVER. */
uint32_t cluster_next(const struct cluster *c);
/* A job that has ended on it by now, or SIM_NOWHERE; the job is taken off. */
uint32_t cluster_ended(struct cluster *c, uint32_t node, int64_t now_us);

#endif
