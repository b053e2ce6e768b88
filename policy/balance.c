/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where jobs run: a node's balancer.
 */
#include "policy/balance_impl.h"
#include <stdlib.h>

static const char *const names[BALANCE_REASONS] = {
	[BALANCE_NOTHING] = "nothing",
	[BALANCE_LOAD] = "load",
	[BALANCE_MEMORY] = "memory",
	[BALANCE_OWNER] = "owner",
	[BALANCE_DRAIN] = "drain",
	[BALANCE_FILES] = "files",
	[BALANCE_HOME] = "home",
	[BALANCE_BEST] = "best",
	[BALANCE_ONLY] = "only",
	[BALANCE_STAYS_LOCKED] = "locked",
	[BALANCE_STAYS_RESIDENCY] = "residency",
	[BALANCE_STAYS_COST] = "cost",
	[BALANCE_STAYS_YOUNG] = "young",
	[BALANCE_STAYS_NOWHERE] = "nowhere",
	[BALANCE_STAYS_BUSY] = "busy",
	[BALANCE_STAYS_UNMOVABLE] = "unmovable",
	[BALANCE_STAYS_OFF] = "off",
};

const char *balance_reason_name(enum balance_reason r)
{
	return (unsigned int)r < BALANCE_REASONS ? names[r] : "unknown";
}

void balance_config_init(struct balance_config *c, uint32_t self)
{
	*c = (struct balance_config){
		.self = self,
		.hysteresis = 0.3,
		.residency_ms = 1000,
		.near_load = 5,
	};
}

struct balance *balance_new(const struct balance_config *c, uint64_t seed, struct balance *with)
{
	struct balance *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->borrowed = with != NULL;
	b->survey = with ? with->survey : calloc(1, sizeof(*b->survey));
	if (!b->survey)
		return balance_free(b);
	b->config = *c;
	b->move_cost = (struct move_cost){.fixed_ms = 150, .per_mib_ms = 2};
	random_seed(&b->random, seed);
	return b;
}

struct balance *balance_free(struct balance *b)
{
	if (b && !b->borrowed)
		free(b->survey);
	free(b);
	return NULL;
}

void balance_configure(struct balance *b, const struct balance_config *c)
{
	b->config = *c;
}

/* Most times there is nothing: that shall be cheap to see. */
static bool worth_a_survey(const struct balance *b, const struct balance_view *v)
{
	const struct node_facts *n = v->self;

	if (v->drain || v->expel ||
	    (n->flags & (NODE_OWNER_BUSY | NODE_MEMORY_LOW | NODE_DRAINING)))
		return true;
	if (n->mem_total && n->mem_free < 2 * node_reserve(b, n))
		return true;
	for (size_t i = 0; i < v->job_count; i++)
		if (v->jobs[i].growth || load_may_move(b, v, &v->jobs[i]))
			return true;
	return false;
}

/* Orders of reasons: what must, before what would be better. */
static bool decide(struct balance *b, const struct balance_view *v, struct balance_decision *ret)
{
	*ret = (struct balance_decision){.to = v->self->node};
	if (v->job_count == 0)
		return false;
	if (v->self->flags & NODE_NO_MOVES) {
		ret->reason = BALANCE_STAYS_UNMOVABLE;
		return false;
	}
	if (state_pending(b, v)) {
		ret->reason = BALANCE_STAYS_BUSY;
		return false;
	}
	if (!worth_a_survey(b, v))
		return false;
	survey_make(b, v, SURVEY_LEAVING);
	if (leave_is_drained(v))
		return decide_drain(b, v, ret);
	return decide_memory(b, v, ret) || decide_owner(b, v, ret) || decide_load(b, v, ret);
}

bool balance_decide(struct balance *b, const struct balance_view *v, struct balance_decision *ret)
{
	state_expire(b, v->now_ms);
	survey_sampled(b, v);
	if (!decide(b, v, ret))
		return false;
	for (size_t i = 0; i < v->job_count; i++)
		if (v->jobs[i].job == ret->job)
			b->pending = *state_debit(b, v->now_ms, &v->jobs[i], ret->to, ret->move_ms);
	return true;
}

void balance_explain(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		     struct balance_decision *ret)
{
	struct random chance = b->random;
	bool goes = decide(b, v, ret);

	if (!goes || ret->job != j->job) {
		enum balance_reason r = ret->reason;

		survey_make(b, v, SURVEY_LEAVING);
		if (!leave_explain(b, v, j, ret))
			load_explain(b, v, j, ret);
		/* It would go, but another goes first. */
		if (ret->to != v->self->node && (goes || r == BALANCE_STAYS_BUSY)) {
			ret->reason = BALANCE_STAYS_BUSY;
			ret->to = v->self->node;
		}
	}
	b->random = chance;
}
