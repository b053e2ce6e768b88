/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving to where it is cheaper: the cost test, and what makes a job stay in spite of it.
 *
 * A job goes if what its leaving saves here is more than (1 + h) times what its coming costs there,
 * and if it will live long enough to gain from that what the move takes. Jobs' lifetimes have heavy
 * tails: of those that are a old, a / (a + t) live on for t more (Harchol-Balter & Downey,
 * "Exploiting process lifetime distributions for dynamic load balancing"), so its age must exceed
 * T_mig / gain many times, with gain = 1 - its time there / its time here; with equal CPUs that is
 * their T_mig / (n_source - n_target) of CPU time. The others that it is to get away from must live
 * as long, by the same rule; and a small advantage is gone as soon as one ends or comes. So here
 *
 *	min(age, mean age of the others) > PATIENCE · T_mig / gain^2.
 */
#include "policy/balance_impl.h"
#include "policy/load.h"
#include <math.h>

/* A job that would gain less of its time stays: samples err as much. */
#define GAIN_LEAST 0.125
/* With half of its time to gain, a job must be 100 T_mig old: by the rule above it ends before the
 * move has paid (2 T_mig) once in 51 times, and so does one other. (Measured: doc/simulation.md.)
 */
#define PATIENCE 25.0
/* The same among jobs that were started together: all of them will last, or none, and the crowd
 * does not go before the job does. What is then lost is a move; what waiting costs is the whole
 * crowd. */
#define PATIENCE_BATCH 4.0
/* By so much, and a fiftieth of their age, differ the ages of such jobs: a loop in a shell starts
 * some dozens in that time, a stream of single jobs rarely two on one node. */
#define BATCH_MS 250
/* A move pays after so many times what it takes, more or less: who of the others is likely to be
 * gone by then is not counted. */
#define PAYS_AFTER 10.0

/* For how long it is likely to be as crowded here as now, ms: the mean age of those that make the
 * crowd, weighed by tasks. What is no job is there to stay. */
static double crowd_lasts(const struct survey *s, const struct job_facts *j)
{
	double sum = 0, tasks = 0;

	for (size_t i = 0; i < s->view->job_count; i++) {
		const struct job_facts *o = &s->view->jobs[i];

		if (o->job == j->job || (o->flags & JOB_MOVING))
			continue;
		sum += (double)o->demand * o->age_ms;
		tasks += o->demand;
	}
	if (tasks <= 0 || tasks + j->demand < 0.8 * 1000 * s->tasks)
		return UINT32_MAX;
	return sum / tasks;
}

/* Jobs that were started at the same time are parts of one batch, as a rule, and alike. */
static bool together(const struct job_facts *a, const struct job_facts *b)
{
	return fabs((double)a->age_ms - b->age_ms) <= BATCH_MS + a->age_ms / 50.0;
}

/* By the part of the crowd that may go before @j does: all but its batch, for what is no job may be
 * a user's command, or jobs being started. Of one that is alone nothing is known but its age. */
static double patience(const struct survey *s, const struct job_facts *j)
{
	double batch = 0, others = s->tasks * 1000 - j->demand;

	for (size_t i = 0; i < s->view->job_count; i++) {
		const struct job_facts *o = &s->view->jobs[i];

		if (o->job != j->job && together(j, o))
			batch += o->demand;
	}
	if (others <= 0)
		return PATIENCE;
	return PATIENCE - (PATIENCE - PATIENCE_BATCH) * fmin(1, batch / others);
}

/* Tasks here, @j among them, without those of other jobs that will be gone by themselves in @ms: of
 * those that are a old, a / (a + t) live on for t more; parts of its batch as long as it does. */
static double tasks_after(const struct survey *s, const struct job_facts *j, double ms)
{
	double gone = 0, own = j->demand / 1000.0;

	for (size_t i = 0; i < s->view->job_count; i++) {
		const struct job_facts *o = &s->view->jobs[i];

		if (o->job != j->job && !together(j, o))
			gone += o->demand * ms / (o->age_ms + ms);
	}
	return fmax(s->tasks - gone / 1000, fmin(s->tasks, own));
}

/* Only those count that @j would be rid of for a while. */
static void discount(struct balance *b, const struct job_facts *j)
{
	struct survey *s = b->survey;

	s->here.cost.tasks = tasks_after(s, j, PAYS_AFTER * state_move_ms(b, j));
}

/* The age that a job must have for a move that gains such a part of its time. */
static double age_for(double pays_ms, double gain)
{
	return gain > GAIN_LEAST ? pays_ms / (gain * gain) : UINT32_MAX;
}

static uint32_t age_needed(struct survey *s, const struct job_facts *j, double move_ms,
			   const struct target *to)
{
	struct target here = here_without(s, j);
	double there = target_time(s, to, j), lasts = crowd_lasts(s, j), age, alone;

	/* Where it is slower it will be for the rest of its life, of the crowd only a part. */
	if (node_is_faster(s->here.facts, to->facts))
		here.cost.tasks =
			fmin(here.cost.tasks, tasks_after(s, j, j->age_ms) - j->demand / 1000.0);
	here.cost.tasks = fmax(0, here.cost.tasks);
	age = age_for(move_ms * patience(s, j), 1 - there / target_time(s, &here, j));
	/* Of the age of the others, told as what it means for its own. */
	if (lasts < j->age_ms)
		age *= j->age_ms / fmax(lasts, 1);
	here.cost.tasks = 0; /* what it gains by speed and files alone stays */
	alone = age_for(move_ms * PATIENCE, 1 - there / target_time(s, &here, j));
	age = fmin(age, alone);
	return age < UINT32_MAX ? (uint32_t)age : UINT32_MAX;
}

void decision_fill(struct balance *b, const struct job_facts *j, const struct pick *p,
		   struct balance_decision *ret)
{
	struct survey *s = b->survey;

	ret->job = j->job;
	ret->to = s->view->self->node;
	ret->cost_here = here_cost(s, j);
	ret->load_here = load_index(s->view->self);
	ret->memory = j->memory;
	ret->move_ms = state_move_ms(b, j);
	if (!p->target)
		return;
	ret->to = p->target->facts->node;
	ret->cost_there = p->cost;
	ret->threshold = p->cost * (1 + b->config.hysteresis);
	ret->load_there =
		load_index_with(p->target->facts, (int64_t)(p->target->cost.tasks * 1000) -
							  p->target->facts->runnable);
	ret->age_needed_ms = age_needed(s, j, ret->move_ms, p->target);
}

/* Why @j stays whatever the costs are; BALANCE_NOTHING: no reason. */
static enum balance_reason held(const struct balance *b, const struct balance_view *v,
				const struct job_facts *j)
{
	if ((j->flags & JOB_UNMOVABLE) || (v->self->flags & NODE_NO_MOVES))
		return BALANCE_STAYS_UNMOVABLE;
	if (j->flags & JOB_MOVING)
		return BALANCE_STAYS_BUSY;
	if (j->flags & (JOB_LOCKED | JOB_STAYS | JOB_FROZEN))
		return BALANCE_STAYS_LOCKED;
	if (v->off || (v->self->flags & NODE_NO_BALANCE))
		return BALANCE_STAYS_OFF;
	if (j->here_ms < b->config.residency_ms)
		return BALANCE_STAYS_RESIDENCY;
	return BALANCE_NOTHING;
}

bool load_may_move(const struct balance *b, const struct balance_view *v, const struct job_facts *j)
{
	return held(b, v, j) == BALANCE_NOTHING && j->age_ms > PATIENCE_BATCH * state_move_ms(b, j);
}

/* Would it go if it had no files? */
static enum balance_reason load_or_files(struct balance *b, const struct job_facts *j,
					 struct target *t)
{
	struct job_facts bare = *j;

	if (!j->files[0].rate)
		return BALANCE_LOAD;
	bare.files[0].rate = 0;
	if (here_cost(b->survey, &bare) >
	    (1 + b->config.hysteresis) * target_cost(b->survey, t, &bare))
		return BALANCE_LOAD;
	return BALANCE_FILES;
}

/* The job's gain, per unit of what its move takes. */
static double merit(const struct job_facts *j, const struct balance_decision *d)
{
	return (1 - d->cost_there / d->cost_here) * j->age_ms / (d->move_ms + 1.0);
}

static enum balance_reason load_test(struct balance *b, const struct balance_view *v,
				     const struct job_facts *j, const struct balance_decision *d)
{
	enum balance_reason r = held(b, v, j);

	if (r != BALANCE_NOTHING)
		return r;
	if (d->to == v->self->node)
		return BALANCE_STAYS_NOWHERE;
	if (d->cost_here <= d->threshold || d->age_needed_ms == UINT32_MAX)
		return BALANCE_STAYS_COST;
	if (j->age_ms <= d->age_needed_ms)
		return BALANCE_STAYS_YOUNG;
	return BALANCE_LOAD;
}

bool decide_load(struct balance *b, const struct balance_view *v, struct balance_decision *ret)
{
	struct survey *s = b->survey;
	double best = 0;

	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];
		struct balance_decision d = {0};
		struct pick p;

		if (!load_may_move(b, v, j))
			continue;
		discount(b, j);
		p = pick_target(b, &b->random, j, PICK_LOAD,
				here_cost(s, j) / (1 + b->config.hysteresis));
		if (!p.target)
			continue;
		decision_fill(b, j, &p, &d);
		if (load_test(b, v, j, &d) != BALANCE_LOAD || merit(j, &d) <= best)
			continue;
		best = merit(j, &d);
		d.reason = load_or_files(b, j, p.target);
		d.memory = job_needs(j);
		*ret = d;
	}
	s->here.cost.tasks = s->tasks;
	return best > 0;
}

void load_explain(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		  struct balance_decision *ret)
{
	struct survey *s = b->survey;
	struct pick p;

	discount(b, j);
	p = pick_target(b, &b->random, j, PICK_LOAD, (double)INFINITY);
	decision_fill(b, j, &p, ret);
	ret->reason = load_test(b, v, j, ret);
	if (ret->reason == BALANCE_LOAD)
		ret->reason = load_or_files(b, j, p.target);
	else
		ret->to = v->self->node;
	s->here.cost.tasks = s->tasks;
}
