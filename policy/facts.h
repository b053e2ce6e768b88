/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of nodes and jobs when a decision is made. Plain numbers; who fills them in (the
 * daemon's samplers and gossip, or the simulator) is nothing to the decisions.
 */
#ifndef MOSIX_POLICY_FACTS_H
#define MOSIX_POLICY_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#define SPEED_STANDARD 10000u /* of the standard CPU */
#define LOAD_STANDARD 100u    /* one full process on one standard CPU */

/* What a node tells of itself, beside numbers. */
enum node_flag {
	NODE_NO_GUESTS = 1 << 0,  /* blocked, full, or its owner needs it: takes no guests */
	NODE_DRAINING = 1 << 1,   /* everything leaves: takes nothing at all */
	NODE_NO_MOVES = 1 << 2,   /* criu cannot be used there: jobs can be started but not moved */
	NODE_OWNER_BUSY = 1 << 3, /* its own users need it */
	NODE_MEMORY_LOW = 1 << 4, /* below its own memory threshold */
	NODE_NO_BALANCE = 1 << 5, /* balance off */
	NODE_FULL = 1 << 6,       /* no guests because it has as many as it takes */
};

struct node_facts {
	uint32_t node;  /* number */
	uint32_t flags; /* enum node_flag */
	uint32_t cpus;  /* that it may use, in 1/1000 of one: affinity and quota */
	uint32_t speed; /* of each; SPEED_STANDARD */
	uint32_t
		runnable; /* tasks that run or want to, in 1/1000; see policy/load.h for the view */
	uint32_t mem_total; /* MiB that it may use */
	uint32_t mem_free;  /* MiB that can be had without harm */
	uint16_t guests, jobs;
	uint8_t classes;    /* bit c: takes guests of class c (mosix-run -G) */
	uint32_t cpu_class; /* hash of its CPU's features: the same number, the same features */
	uint32_t age_ms;    /* since it said so */
};

enum job_flag {
	JOB_LOCKED = 1 << 0,    /* by its user: moves only when somebody says so */
	JOB_FROZEN = 1 << 1,    /* by mosixctl freeze */
	JOB_MOVING = 1 << 2,    /* or being started */
	JOB_UNMOVABLE = 1 << 3, /* cannot move now: it was tried, or checked */
	JOB_CPU_BOUND = 1 << 4, /* as its user says: what it does with files does not count */
	JOB_IO_BOUND = 1 << 5,  /* as its user says: stays with its files, CPU counts less */
	JOB_STAYS = 1 << 6,     /* its home says that its jobs do not leave by themselves (stay) */
};

#define JOB_FILE_NODES 4u

/* Whose files it uses. */
struct job_files {
	uint32_t node;
	uint32_t rate; /* KiB/s, smoothed */
};

struct job_facts {
	uint64_t job;
	uint32_t home;
	uint32_t flags;    /* enum job_flag */
	uint32_t demand;   /* tasks that run or want to, in 1/1000, smoothed */
	uint32_t used;     /* CPUs that it gets, in 1/1000, smoothed */
	uint32_t memory;   /* MiB resident */
	uint32_t growth;   /* MiB/s, smoothed; 0 if it shrinks */
	uint32_t mem_hint; /* MiB that its user said it would need; 0 = said nothing */
	uint32_t net_rate; /* KiB/s with whom is not known */
	uint32_t age_ms;   /* since its start, anywhere */
	uint32_t here_ms;  /* since it came to this node */
	uint8_t job_class; /* mosix-run -G; 0 = any */
	struct job_files files[JOB_FILE_NODES]; /* largest first; rate 0 = no more */
	/* Nodes that it may run on (mosix-run -r), sorted; NULL = any. Not owned. */
	const uint32_t *allowed;
	uint32_t allowed_count;
};

/* MiB: what it has, or what it was said to need. */
static inline uint32_t job_needs(const struct job_facts *j)
{
	return j->memory > j->mem_hint ? j->memory : j->mem_hint;
}

/* Has it less than it was said to need? */
static inline bool job_promised(const struct job_facts *j)
{
	return j->mem_hint > j->memory;
}

#endif
