/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a job costs on a node: one number for CPU, memory and files, to compare nodes by.
 *
 * What a job's rate of work is depends on the speed of the CPUs, on whether there is one for each
 * task, on memory that is left for caches, and on files that are elsewhere. So the unit is the
 * time that a task needs for what a standard CPU would do alone in 1:
 *
 *	time = max(1, tasks / CPUs) / speed · (1 + price(memory used / usable))
 *
 * An idle slow node with many CPUs is thus dearer than an idle fast one with a single CPU, which
 * a load index does not show. The cost of a node is the sum over its tasks of
 *
 *	price(time / longest time known of),  price(u) = (B^u - 1) / (B - 1),  B = max(n, 32)
 *
 * with n nodes, and the marginal cost of a job is what its coming adds: its own price, and what
 * the others are held up. A job that has run for a while goes on for a while, and sees many short
 * ones come and go: what it holds those up weighs more (COST_HARM_OLD), else old jobs fill the fast
 * nodes and the new ones, whose slowdown suffers most, find no room there. Only ratios count:
 *standard CPUs, MiB and the like cancel out.
 *
 * Source: Amir, Awerbuch, Barak, Borgstrom, Keren, "An opportunity cost approach for job assignment
 * in a scalable computing cluster" (IEEE TPDS 2000), for exponential prices of relative use and
 * marginal costs; that it is time per work that is priced is ours.
 */
#ifndef MOSIX_POLICY_COST_H
#define MOSIX_POLICY_COST_H

#include "policy/facts.h"

/* Weights of what others are held up by a new job, and by one that has run for a while. */
#define COST_HARM_NEW 1.0
#define COST_HARM_OLD 3.0

enum {
	COST_BASE_LEAST = 32,
	/* KiB/s from another node's files that hold a job up as much as its work on a CPU */
	COST_FILES_RATE = 20 * 1024,
};

struct cost_scale {
	double log2_base;
	double top;     /* B - 1 */
	double longest; /* time */
	double harm;    /* weight of what others are held up */
};

/* What counts of a node, with what was promised to it. */
struct cost_node {
	double per_cpu; /* 1 / CPUs */
	double pace;    /* 1 / speed of each, 1 = standard */
	double tasks;   /* of others than the job that is looked at */
	double used;    /* MiB, the same */
	double usable;  /* MiB; 0 = nothing is known of memory */
	/* cost_node_price(): */
	double factor; /* what its memory does to times now */
	double time;   /* of a task now, memory left aside */
	double price;  /* of that time, memory counted in */
	double slope;  /* by how much that rises at least with time */
};

/* What counts of a job. */
struct cost_job {
	double tasks;  /* that run or want to */
	double cpu;    /* part of its time that depends on the CPU: 0 … 1 */
	double files;  /* KiB/s that count */
	double memory; /* MiB */
};

/* @n: nodes in the cluster. Nothing is known of yet. */
void cost_scale_init(struct cost_scale *s, uint32_t n, double harm);
/* Any time that is known of, before prices are asked for. */
void cost_scale_know(struct cost_scale *s, double time);

/* Out of facts, without price; @tasks in 1/1000, because there are several views of them. */
void cost_node_init(struct cost_node *c, const struct node_facts *n, double tasks);
void cost_job_init(struct cost_job *c, const struct job_facts *j);

/* 0 … 1 for what is within the longest time; above, on in a straight line, so that it is finite. */
double cost_price(const struct cost_scale *s, double u);
/* The least u whose price is @price. */
double cost_unprice(const struct cost_scale *s, double price);
/* Its derivative where it is @price. */
double cost_slope(const struct cost_scale *s, double price);

/* Time of a task with @more tasks there, memory left aside. */
double cost_time(const struct cost_node *n, double more);
/* Time that @j loses for files that are not at @node. */
double cost_files(const struct cost_job *c, const struct job_facts *j, uint32_t node);

/* Once the scale knows all times. */
void cost_node_price(const struct cost_scale *s, struct cost_node *n);
/* Time that @j itself would need there for what a standard CPU does in 1. */
double cost_own_time(const struct cost_scale *s, const struct cost_node *n,
		     const struct cost_job *j, double files);
/* No more than what cost_marginal() would say, and cheaper to find out; @after: cost_time() with
 * the job. */
double cost_at_least(const struct cost_scale *s, const struct cost_node *n,
		     const struct cost_job *j, double after);
/* What @j adds to the node, whose price is known; @files from cost_files(). */
double cost_marginal(const struct cost_scale *s, const struct cost_node *n,
		     const struct cost_job *j, double files);

#endif
