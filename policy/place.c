/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a new job starts, and whether a node lets a job in.
 */
#include "policy/balance_impl.h"
#include "policy/load.h"
#include <math.h>

/* Elsewhere must be cheaper by this part: home has the job's files and its user. */
#define HOME_BONUS 0.05

/* Part of a job by which a node may be more loaded than the sender thought: what is no job comes
 * and goes in such parts. With more slack a second job would come. */
#define SLACK 0.25
/* What the last one that is asked may be more loaded: it must be somewhere. */
#define CLAIM_LAST (LOAD_STANDARD / 2)
/* Of the last that are asked no load is too high if the job cannot be at home. */
#define TRIES_ANYWHERE 3u

uint32_t balance_claim(const struct balance_decision *d, uint32_t refused)
{
	if (d->cost_here <= 0 && refused + TRIES_ANYWHERE >= PLACE_TRIES)
		return UINT32_MAX;
	return d->load_there + (refused + 1 < PLACE_TRIES ? 0 : CLAIM_LAST);
}

static uint32_t load_of(const struct target *t)
{
	return load_index_with(t->facts,
			       (int64_t)(t->cost.tasks * 1000) - (int64_t)t->facts->runnable);
}

static void place_at(struct balance *b, const struct job_facts *j, const struct target *t,
		     enum balance_reason reason, struct balance_decision *ret)
{
	ret->reason = reason;
	ret->to = t->facts->node;
	ret->load_there = load_of(t);
	state_debit(b, b->survey->view->now_ms, j, ret->to, 0);
}

/* Home, unless somewhere else is clearly better; @home: what it costs at home, infinite if not. */
static void place_best(struct balance *b, const struct job_facts *j, double home,
		       struct balance_decision *ret)
{
	struct pick p = pick_target(b, &b->random, j, PICK_PLACE, home * (1 - HOME_BONUS));

	ret->cost_here = isfinite(home) ? home : 0;
	ret->cost_there = p.cost;
	ret->threshold = isfinite(home) ? p.cost / (1 - HOME_BONUS) : 0;
	if (p.target)
		place_at(b, j, p.target, BALANCE_BEST, ret);
	else if (isfinite(home))
		place_at(b, j, &b->survey->here, BALANCE_BEST, ret);
}

/* But for its memory it may have the job. */
static bool takes_without_room(struct balance *b, struct target *t, const struct job_facts *j)
{
	double room = t->room;
	bool may;

	t->room = (double)INFINITY;
	may = pick_allows(b, t, j, PICK_PLACE);
	t->room = room;
	return may;
}

/* Nothing has room, as far as is known: where most is left, home if that is as good. Who is asked
 * and really has none says so. */
static void place_somewhere(struct balance *b, const struct job_facts *j, bool any_home,
			    struct balance_decision *ret)
{
	struct survey *s = b->survey;
	struct target *best = any_home ? &s->here : NULL;

	for (size_t i = 0; i < s->count; i++) {
		struct target *t = &s->nodes[i];

		if ((!best || t->room > best->room) && takes_without_room(b, t, j))
			best = t;
	}
	if (best)
		place_at(b, j, best, BALANCE_ONLY, ret);
}

void balance_place(struct balance *b, const struct balance_view *v, const struct place_request *rq,
		   struct balance_decision *ret)
{
	struct job_facts j = rq->job;
	struct survey *s = b->survey;
	double home = (double)INFINITY;
	bool at_home;

	if (!j.demand)
		j.demand = 1000;
	state_expire(b, v->now_ms);
	survey_make(b, v, SURVEY_NOW);
	*ret = (struct balance_decision){
		.reason = BALANCE_STAYS_NOWHERE,
		.job = j.job,
		.load_here = load_of(&s->here),
	};
	at_home = rq->any_home && pick_allows(b, &s->here, &j, PICK_PLACE);
	if (at_home && !rq->best && ret->load_here < b->config.home_threshold) {
		place_at(b, &j, &s->here, BALANCE_HOME, ret);
		return;
	}
	if (at_home)
		home = target_cost(s, &s->here, &j);
	place_best(b, &j, home, ret);
	if (ret->reason == BALANCE_STAYS_NOWHERE)
		place_somewhere(b, &j, rq->any_home, ret);
}

/* This node, as it knows itself at this moment. @ret_view is what the survey is of. */
static struct target *survey_alone(struct balance *b, const struct balance_view *v,
				   struct balance_view *ret_view)
{
	*ret_view = *v;
	ret_view->node_count = 0;
	survey_make(b, ret_view, SURVEY_NOW);
	return &b->survey->here;
}

uint32_t balance_exported(struct balance *b, const struct balance_view *v, uint32_t to)
{
	struct balance_view alone;
	double tasks = survey_alone(b, v, &alone)->cost.tasks * 1000;

	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];

		if (j->home == to && j->here_ms < SAMPLE_MS)
			tasks -= fmax(j->demand, 1000);
	}
	return (uint32_t)fmax(0, tasks);
}

bool balance_accept(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		    uint32_t claimed)
{
	struct balance_view alone;
	const struct target *here = survey_alone(b, v, &alone);
	double load, more, tasks = j->demand / 1000.0;
	bool fresh = j->age_ms == 0;

	if (!pick_allows(b, here, j, fresh ? PICK_PLACE : PICK_LEAVE))
		return false;
	load = load_of(here);
	more = LOAD_STANDARD * tasks * here->cost.per_cpu * here->cost.pace;
	if ((here->cost.tasks + tasks) * here->cost.per_cpu > 1 &&
	    load > claimed + fmax(b->config.near_load, more * SLACK))
		return false;
	state_debit(b, v->now_ms, j, v->self->node, fresh ? 0 : state_move_ms(b, j));
	return true;
}
