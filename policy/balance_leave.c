/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaving because the node must be empty (drain), or because its owner needs it. If somebody has
 * said so, only a user's lock holds a job.
 */
#include "policy/balance_impl.h"
#include <math.h>

/* 1/1000 tasks: less of the owner's own work needs no guest to go. */
#define OWNER_WORK 200.0

/* Home takes its own jobs back even if that is tight there. */
static enum balance_why why_not_home(struct balance *b, const struct target *t,
				     const struct job_facts *j)
{
	struct target roomy = *t;

	roomy.room += node_reserve(b, t->facts);
	return pick_why(b, &roomy, j, PICK_LEAVE);
}

static struct pick pick_home(struct balance *b, const struct job_facts *j)
{
	struct survey *s = b->survey;

	for (size_t i = 0; i < s->count; i++) {
		struct target *t = &s->nodes[i];

		if (t->facts->node != j->home)
			continue;
		if (why_not_home(b, t, j) == BALANCE_WHY_NOT)
			return (struct pick){t, target_cost(s, t, j)};
	}
	return (struct pick){0};
}

/* The one that is gone soonest goes first: it is out of harm's way, and what it leaves helps. */
static bool first_to_leave(struct balance *b, const struct balance_view *v, bool guests_only,
			   bool forced, struct balance_decision *ret)
{
	uint32_t held = JOB_MOVING | JOB_UNMOVABLE | JOB_LOCKED;
	uint32_t soonest = UINT32_MAX;
	bool found = false;

	/* A frozen one's leaving frees no CPU. */
	held |= forced ? 0 : JOB_STAYS | JOB_FROZEN;
	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];
		struct pick p;

		if ((j->flags & held) || (guests_only && j->home == v->self->node))
			continue;
		if (found && state_move_ms(b, j) >= soonest)
			continue;
		p = pick_target(b, &b->random, j, PICK_LEAVE, (double)INFINITY);
		if (!p.target)
			p = pick_home(b, j);
		if (!p.target)
			continue;
		soonest = state_move_ms(b, j);
		decision_fill(b, j, &p, ret);
		found = true;
	}
	return found;
}

/* Does the owner's own work wait for a CPU that guests use? */
static bool owner_waits(const struct balance *b, const struct balance_view *v)
{
	double tasks = b->survey->here.cost.tasks * 1000, guests = 0;

	for (size_t i = 0; i < v->job_count; i++)
		if (v->jobs[i].home != v->self->node && !(v->jobs[i].flags & JOB_MOVING))
			guests += v->jobs[i].demand;
	return guests > 0 && tasks > v->self->cpus && tasks - guests > OWNER_WORK;
}

bool leave_is_drained(const struct balance_view *v)
{
	return v->drain || (v->self->flags & NODE_DRAINING);
}

static bool is_owners(const struct balance *b, const struct balance_view *v)
{
	return v->expel || ((v->self->flags & NODE_OWNER_BUSY) && owner_waits(b, v));
}

bool decide_drain(struct balance *b, const struct balance_view *v, struct balance_decision *ret)
{
	ret->reason = BALANCE_DRAIN;
	if (first_to_leave(b, v, false, true, ret))
		return true;
	ret->reason = BALANCE_STAYS_NOWHERE;
	return false;
}

bool decide_owner(struct balance *b, const struct balance_view *v, struct balance_decision *ret)
{
	if (!is_owners(b, v))
		return false;
	ret->reason = BALANCE_OWNER;
	if (first_to_leave(b, v, true, v->expel, ret))
		return true;
	ret->reason = BALANCE_NOTHING;
	return false;
}

/* What keeps it where it is, not only that no other node is better. */
static bool is_hold(enum balance_reason r)
{
	return r == BALANCE_STAYS_LOCKED || r == BALANCE_STAYS_BUSY || r == BALANCE_STAYS_UNMOVABLE;
}

bool leave_explain(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		   struct balance_decision *ret)
{
	struct balance_view alone = *v;
	bool drain = leave_is_drained(v);

	if (!drain && (j->home == v->self->node || !is_owners(b, v)))
		return false;
	alone.jobs = j;
	alone.job_count = 1;
	ret->reason = drain ? BALANCE_DRAIN : BALANCE_OWNER;
	if (first_to_leave(b, &alone, !drain, drain || v->expel, ret))
		return true;
	load_explain(b, v, j, ret);
	ret->to = v->self->node;
	if (!is_hold(ret->reason))
		ret->reason = BALANCE_STAYS_NOWHERE;
	return true;
}

enum balance_why balance_why_stays(struct balance *b, const struct balance_view *v,
				   const struct job_facts *j, const struct node_facts *n)
{
	struct balance_view one = *v;
	const struct target *t = b->survey->nodes;

	one.nodes = n;
	one.node_count = 1;
	state_expire(b, v->now_ms);
	survey_make(b, &one, SURVEY_LEAVING);
	if (!b->survey->count)
		return BALANCE_WHY_DRAINED;
	return n->node == j->home ? why_not_home(b, t, j) : pick_why(b, t, j, PICK_LEAVE);
}
