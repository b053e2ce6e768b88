/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory ushering: when memory runs out, the job leaves whose move ends that most cheaply, in time
 * and to a node that stays above its own threshold.
 * Source: Barak & Braverman, "Memory ushering in a scalable computing cluster".
 */
#include "policy/balance_impl.h"
#include <math.h>

/* s: until the next decision and until what was seen of memory is right */
#define MARGIN 2.0
/* s: what a move is to be good for */
#define AHEAD 30.0

struct pressure {
	double room;     /* MiB above the reserve; less than 0: below */
	double promised; /* MiB of it that jobs were only said to need */
	double growth;   /* MiB/s of all jobs */
};

/* A frozen one, too: it goes on to be frozen there, and what it has is free here. */
static bool may_go(const struct job_facts *j)
{
	return !(j->flags & (JOB_LOCKED | JOB_MOVING | JOB_UNMOVABLE | JOB_STAYS)) && j->memory;
}

static struct pressure pressure_here(const struct balance *b, const struct balance_view *v)
{
	struct pressure p = {
		.room = b->survey->here.room + b->survey->promised,
		.promised = b->survey->promised,
	};

	/* It feels short of memory before the numbers say so. */
	if (v->self->flags & NODE_MEMORY_LOW)
		p.room = fmin(p.room, node_reserve(b, v->self) / -2.0);
	for (size_t i = 0; i < v->job_count; i++)
		p.growth += v->jobs[i].growth;
	return p;
}

/* For what was only said of some jobs none of the others has to leave. */
static double room_for(const struct pressure *p, const struct job_facts *j)
{
	return job_promised(j) ? p->room - p->promised : p->room;
}

/* MiB above the reserve in @seconds, if @j leaves. */
static double room_without(const struct pressure *p, const struct job_facts *j, double seconds)
{
	return room_for(p, j) + job_needs(j) - (p->growth - j->growth) * seconds;
}

/* How good it is that @j goes; the more, the better. Any that ends the pressure alone is better
 * than all that do not; of these, the cheapest; of the others, what helps most for its price. */
static double merit(const struct balance *b, const struct pressure *p, const struct job_facts *j)
{
	double seconds = state_move_ms(b, j) / 1000.0;

	if (room_without(p, j, AHEAD) >= 0)
		return 1e9 / (1 + seconds);
	return (j->memory + j->growth * AHEAD) / (1 + seconds);
}

/* Must @j begin to leave now, lest memory runs out before it is gone? */
static bool is_time(const struct balance *b, const struct pressure *p, const struct job_facts *j)
{
	return room_for(p, j) < p->growth * (state_move_ms(b, j) / 1000.0 + MARGIN);
}

/* @ret_memory: MiB that it will look for there. */
static struct pick where_to(struct balance *b, const struct pressure *now,
			    const struct job_facts *j, uint32_t *ret_memory)
{
	struct pick p = pick_target(b, &b->random, j, PICK_GROW, (double)INFINITY);

	*ret_memory = job_needs(j);
	/* A promise is not yet worth a place where it cannot be kept either. */
	if (p.target || (job_promised(j) && now->room >= 0))
		return p;
	*ret_memory = j->memory;
	return pick_target(b, &b->random, j, PICK_MEMORY, (double)INFINITY);
}

bool decide_memory(struct balance *b, const struct balance_view *v, struct balance_decision *ret)
{
	struct pressure p = pressure_here(b, v);
	double best = 0;

	if (!v->self->mem_total || (p.room >= p.promised && p.growth <= 0))
		return false;
	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];
		uint32_t memory;
		struct pick to;

		if (!may_go(j) || !is_time(b, &p, j) || merit(b, &p, j) <= best)
			continue;
		to = where_to(b, &p, j, &memory);
		if (!to.target)
			continue;
		best = merit(b, &p, j);
		ret->reason = BALANCE_MEMORY;
		decision_fill(b, j, &to, ret);
		ret->memory = memory;
	}
	return best > 0;
}
