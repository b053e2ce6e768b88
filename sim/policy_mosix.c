/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classic rule of MOSIX: the node for which its load plus 1.30 times that of the job is least
 * gets the second-busiest process, if that sum is below the own load; memory comes first.
 * Sources: Barak, Guday, Wheeler, "The MOSIX Distributed Operating System"; Barak & Braverman,
 * "Memory ushering in a scalable computing cluster".
 */
#include "sim/choice.h"
#include <math.h>

#define JOB_FACTOR 1.30
#define RESIDENCY_MS 1000u
#define MEMORY_RESERVE 0.05 /* share that is to stay free */

static double reserve(double memory)
{
	return MEMORY_RESERVE * memory;
}

/* ------------------------------------------------------------------ memory */

/* The smallest job whose leaving ends the pressure, else the largest. */
static const struct job_facts *job_to_usher(const struct sim_view *v, double wanted)
{
	const struct job_facts *best = NULL;

	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];
		bool enough = j->memory >= wanted, had = best && best->memory >= wanted;

		if (!best || (enough && (!had || j->memory < best->memory)) ||
		    (!enough && !had && j->memory > best->memory))
			best = j;
	}
	return best;
}

static bool usher(struct sim *s, uint32_t node, const struct sim_view *v, struct sim_move *ret)
{
	double free = v->self.mem_free, least = reserve(v->self.mem_total);
	double over = s->c.nodes[node].used + s->c.nodes[node].held - s->c.nodes[node].memory;
	const struct job_facts *j;
	uint32_t count, best = 0;
	struct choice *c;

	if (free >= least)
		return false;
	j = job_to_usher(v, least - free + fmax(over, 0));
	c = chooser_list(s, node, &count);
	for (uint32_t i = 1; i < count; i++)
		if (c[i].free - j->memory >= reserve(c[i].memory) &&
		    (!best || c[i].free > c[best].free))
			best = i;
	if (!best || j->memory == 0)
		return false;
	*ret = (struct sim_move){(uint32_t)j->job - 1, c[best].node, 0, false};
	return true;
}

/* ------------------------------------------------------------------ load */

static bool busier(const struct job_facts *a, const struct job_facts *b)
{
	return a->used > b->used || (a->used == b->used && a->age_ms > b->age_ms);
}

static const struct job_facts *second_busiest(const struct sim_view *v)
{
	const struct job_facts *first = NULL, *second = NULL;

	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];

		if (j->here_ms < RESIDENCY_MS)
			continue;
		if (!first || busier(j, first)) {
			second = first;
			first = j;
		} else if (!second || busier(j, second)) {
			second = j;
		}
	}
	return second ? second : first;
}

/* On a node with a CPU for each of its processes only a faster CPU is a gain. */
static bool can_gain(const struct sim_view *v, const struct choice *c)
{
	return v->self.runnable > v->self.cpus || c->speed > v->self.speed / (double)SPEED_STANDARD;
}

static bool balance(struct sim *s, uint32_t node, const struct sim_view *v, struct sim_move *ret)
{
	double local = load_index(&v->self), least = local;
	const struct job_facts *j = second_busiest(v);
	uint32_t count, best = 0;
	struct choice *c;

	if (!j)
		return false;
	c = chooser_list(s, node, &count);
	for (uint32_t i = 1; i < count; i++) {
		double load = choice_load(&c[i], JOB_FACTOR * j->demand / 1000);

		if (load >= least || !can_gain(v, &c[i]) ||
		    c[i].free - j->memory < reserve(c[i].memory))
			continue;
		least = load;
		best = i;
	}
	if (!best)
		return false;
	*ret = (struct sim_move){(uint32_t)j->job - 1, c[best].node, 0, true};
	return true;
}

static bool decide(struct sim *s, uint32_t node, struct sim_move *ret)
{
	struct sim_view v;

	if (!sim_view(s, node, VIEW_ALL, &v) || !v.job_count)
		return false;
	if (!usher(s, node, &v, ret) && !balance(s, node, &v, ret))
		return false;
	chooser_sent(s, node, ret->to, job_memory(&s->c, ret->job));
	return true;
}

/* ------------------------------------------------------------------ starts */

static uint32_t place_home(struct sim *s, uint32_t home, uint32_t job)
{
	(void)s, (void)job;
	return home;
}

/* "mosrun -b": the least loaded node that has the memory. */
static uint32_t place_best(struct sim *s, uint32_t home, uint32_t job)
{
	uint32_t count, best = 0;
	struct choice *c = chooser_list(s, home, &count);
	double memory = known_memory(s, job), least = HUGE_VAL;

	for (uint32_t i = 0; i < count; i++) {
		double load = choice_load(&c[i], 1);

		if (load >= least || c[i].free - memory < reserve(c[i].memory))
			continue;
		least = load;
		best = i;
	}
	chooser_sent(s, home, c[best].node, memory);
	return c[best].node;
}

const struct sim_policy policy_mosix = {
	.name = "mosix",
	.help = "the classic rule: jobs start at home and move to where load is less",
	.moves = true,
	.init = chooser_init,
	.done = chooser_done,
	.place = place_home,
	.decide = decide,
};

const struct sim_policy policy_mosix_best = {
	.name = "mosix-best",
	.help = "the same, but jobs start on the node that seems best (mosrun -b)",
	.moves = true,
	.init = chooser_init,
	.done = chooser_done,
	.place = place_best,
	.decide = decide,
};
