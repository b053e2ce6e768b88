/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a job costs on a node.
 */
#include "policy/cost.h"
#include <math.h>

/* Beyond this many times the longest time known of, the price goes on in a straight line. */
#define STRAIGHT 2.0

void cost_scale_init(struct cost_scale *s, uint32_t n, double harm)
{
	double base = n > COST_BASE_LEAST ? n : COST_BASE_LEAST;

	*s = (struct cost_scale){.log2_base = log2(base), .top = base - 1, .harm = harm};
}

void cost_scale_know(struct cost_scale *s, double time)
{
	if (time > s->longest)
		s->longest = time;
}

void cost_node_init(struct cost_node *c, const struct node_facts *n, double tasks)
{
	uint32_t free = n->mem_free < n->mem_total ? n->mem_free : n->mem_total;

	*c = (struct cost_node){
		.per_cpu = 1000.0 / (n->cpus ? n->cpus : 1),
		.pace = (double)SPEED_STANDARD / (n->speed ? n->speed : 1),
		.tasks = tasks > 0 ? tasks / 1000.0 : 0,
		.used = n->mem_total - free,
		.usable = n->mem_total,
	};
}

void cost_job_init(struct cost_job *c, const struct job_facts *j)
{
	double tasks = j->demand / 1000.0;

	*c = (struct cost_job){
		.tasks = tasks,
		.cpu = tasks < 1 ? tasks : 1,
		.memory = job_needs(j),
	};
	for (unsigned int i = 0; i < JOB_FILE_NODES && j->files[i].rate; i++)
		c->files += j->files[i].rate;
	if (j->flags & JOB_CPU_BOUND)
		c->files = 0;
	if (j->flags & JOB_IO_BOUND)
		c->cpu /= 2;
}

double cost_price(const struct cost_scale *s, double u)
{
	double p = (exp2(s->log2_base * fmin(u, STRAIGHT)) - 1) / s->top;

	return u <= STRAIGHT ? p : p + cost_slope(s, p) * (u - STRAIGHT);
}

double cost_slope(const struct cost_scale *s, double price)
{
	double straight = s->top + 2; /* price(STRAIGHT) = (B^2 - 1)/(B - 1) */

	return s->log2_base * M_LN2 * (fmin(price, straight) + 1 / s->top);
}

double cost_unprice(const struct cost_scale *s, double price)
{
	double straight = s->top + 2; /* the price of STRAIGHT: (B^2 - 1)/(B - 1) */

	if (price > straight)
		return STRAIGHT + (price - straight) / cost_slope(s, straight);
	return log2(price * s->top + 1) / s->log2_base;
}

/* 1 + price(used / usable): between 1 and 2. */
static double memory_factor(const struct cost_scale *s, const struct cost_node *n, double more)
{
	if (n->usable <= 0)
		return 1;
	return 1 + cost_price(s, fmax(0, fmin(1, (n->used + more) / n->usable)));
}

double cost_time(const struct cost_node *n, double more)
{
	double crowd = (n->tasks + more) * n->per_cpu;

	return crowd > 1 ? crowd * n->pace : n->pace;
}

double cost_files(const struct cost_job *c, const struct job_facts *j, uint32_t node)
{
	double rate = c->files;

	if (rate <= 0)
		return 0;
	for (unsigned int i = 0; i < JOB_FILE_NODES && j->files[i].rate; i++)
		if (j->files[i].node == node)
			rate -= j->files[i].rate;
	return fmax(0, rate) * (j->flags & JOB_IO_BOUND ? 4 : 1) / COST_FILES_RATE;
}

void cost_node_price(const struct cost_scale *s, struct cost_node *n)
{
	n->factor = memory_factor(s, n, 0);
	n->time = cost_time(n, 0);
	n->price = cost_price(s, n->time * n->factor / s->longest);
	n->slope = cost_slope(s, n->price) * n->factor / s->longest;
}

/* The price is convex: a tangent is below it. */
double cost_at_least(const struct cost_scale *s, const struct cost_node *n,
		     const struct cost_job *j, double after)
{
	double rise = n->slope * (after - n->time);
	/* demand of 1 or more: the tasks' own prices are the same as the others' */
	double own = j->cpu < 1 ? 0 : j->tasks * (n->price + rise);

	return own + s->harm * n->tasks * rise;
}

double cost_own_time(const struct cost_scale *s, const struct cost_node *n,
		     const struct cost_job *j, double files)
{
	double after = cost_time(n, j->tasks) * memory_factor(s, n, j->memory);

	return j->cpu * after + (1 - j->cpu) + files;
}

double cost_marginal(const struct cost_scale *s, const struct cost_node *n,
		     const struct cost_job *j, double files)
{
	double after = cost_time(n, j->tasks);
	double all, own;

	after *= j->memory > 0 ? memory_factor(s, n, j->memory) : n->factor;
	all = own = cost_price(s, after / s->longest);
	if (j->cpu < 1 || files > 0)
		own = cost_price(s, (j->cpu * after + files) / s->longest);
	return fmax(1, j->tasks) * own + s->harm * n->tasks * (all - n->price);
}
