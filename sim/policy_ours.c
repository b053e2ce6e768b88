/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's own decisions (policy/balance.h), with what the daemon would know. */
#include "policy/balance.h"
#include "sim/run.h"
#include <errno.h>
#include <stdlib.h>

#define STREAM_OURS 401u

struct ours {
	struct balance **nodes;
};

static void ours_done(struct sim *s)
{
	struct ours *o = s->state;

	if (!o)
		return;
	for (uint32_t i = o->nodes ? s->c.count : 0; i-- > 0;)
		balance_free(o->nodes[i]);
	free(o->nodes);
	free(o);
	s->state = NULL;
}

static void configure(struct balance_config *ret, const struct sim_conf *c, uint32_t node)
{
	balance_config_init(ret, node_number(node));
	if (c->hysteresis >= 0)
		ret->hysteresis = c->hysteresis;
	if (c->residency >= 0)
		ret->residency_ms = (uint32_t)(c->residency * 1000);
	if (c->near_load >= 0)
		ret->near_load = (uint32_t)c->near_load;
	if (c->home_threshold >= 0)
		ret->home_threshold = (uint32_t)c->home_threshold;
}

static int ours_init(struct sim *s)
{
	struct ours *o = calloc(1, sizeof(*o));
	struct balance_config c;

	s->state = o;
	if (!o)
		return -ENOMEM;
	o->nodes = calloc(s->c.count, sizeof(struct balance *));
	for (uint32_t i = 0; o->nodes && i < s->c.count; i++) {
		uint64_t seed = (s->conf->seed * 1000 + STREAM_OURS) * SIM_NODES_MAX + i;

		configure(&c, s->conf, i);
		o->nodes[i] = balance_new(&c, seed, i ? o->nodes[0] : NULL);
		if (!o->nodes[i])
			return -ENOMEM;
	}
	return o->nodes ? 0 : -ENOMEM;
}

static struct balance *balancer(struct sim *s, uint32_t node)
{
	return ((struct ours *)s->state)->nodes[node];
}

static bool view_for(struct sim *s, uint32_t node, enum sim_view_of of, struct sim_view *room,
		     struct balance_view *ret)
{
	if (!sim_view(s, node, of, room)) {
		s->error = -ENOMEM;
		return false;
	}
	*ret = (struct balance_view){
		.now_ms = sim_now_ms(s),
		.self = &room->self,
		.nodes = room->nodes,
		.node_count = room->node_count,
		.cluster = room->cluster,
		.jobs = room->jobs,
		.job_count = room->job_count,
	};
	return true;
}

static uint32_t ours_place(struct sim *s, uint32_t home, uint32_t job)
{
	struct place_request rq = {.any_home = true};
	struct balance_decision d;
	struct balance_view v;
	struct sim_view room;

	if (!view_for(s, home, VIEW_ALL, &room, &v))
		return home;
	sim_job_facts(s, job, &rq.job);
	rq.job.home = node_number(home);
	balance_place(balancer(s, home), &v, &rq, &d);
	s->claimed = balance_claim(&d, s->tries);
	return d.to ? node_index(d.to) : home;
}

static bool ours_decide(struct sim *s, uint32_t node, struct sim_move *ret)
{
	struct balance_decision d;
	struct balance_view v;
	struct sim_view room;

	if (!view_for(s, node, VIEW_ALL, &room, &v) || !balance_decide(balancer(s, node), &v, &d))
		return false;
	*ret = (struct sim_move){
		.job = (uint32_t)(d.job - 1),
		.to = node_index(d.to),
		.claimed = d.load_there,
		.load = d.reason == BALANCE_LOAD,
	};
	return true;
}

/* The target is asked with its numbers of this moment. */
static bool ours_accept(struct sim *s, uint32_t node, uint32_t job, uint32_t claimed)
{
	struct balance_view v;
	struct sim_view room;
	struct job_facts j;

	if (!view_for(s, node, VIEW_JOBS, &room, &v))
		return false;
	sim_job_facts(s, job, &j);
	return balance_accept(balancer(s, node), &v, &j, claimed);
}

/* @to: number of a node, or 0. */
static uint32_t told(struct sim *s, uint32_t node, uint32_t to)
{
	struct balance_view v;
	struct sim_view room;

	return view_for(s, node, VIEW_JOBS, &room, &v) ? balance_exported(balancer(s, node), &v, to)
						       : 0;
}

static uint32_t ours_tells(struct sim *s, uint32_t node)
{
	return told(s, node, 0);
}

/* Some messages carry the load of the node that sends them. */
static void hears(struct sim *s, uint32_t node, uint32_t from)
{
	struct node_facts f;

	if (!sim_reachable(s, node, from))
		return;
	sim_self_facts(s, from, &f);
	f.runnable = told(s, from, node_number(node));
	balance_heard(balancer(s, node), sim_now_ms(s), &f);
}

static void ours_refused(struct sim *s, uint32_t node, uint32_t job, uint32_t to)
{
	hears(s, node, to);
	balance_refused(balancer(s, node), sim_now_ms(s), (uint64_t)job + 1, node_number(to));
}

static void ours_moved(struct sim *s, uint32_t node, uint32_t job, uint32_t to, bool ok,
		       double seconds, double memory)
{
	balance_moved(balancer(s, node), sim_now_ms(s), (uint64_t)job + 1, node_number(to), ok,
		      (uint32_t)(seconds * 1000), (uint32_t)memory);
}

/* Its home hears of its end, too. */
static void ours_forget(struct sim *s, uint32_t node, uint32_t job)
{
	uint32_t home = s->trace->jobs[job].home;

	balance_forget(balancer(s, node), (uint64_t)job + 1);
	balance_forget(balancer(s, home), (uint64_t)job + 1);
	if (home != node && s->c.nodes[home].alive)
		hears(s, home, node);
}

const struct sim_policy policy_ours = {
	.name = "ours",
	.help = "what mosixd does",
	.moves = true,
	.again = true,
	.init = ours_init,
	.done = ours_done,
	.tells = ours_tells,
	.place = ours_place,
	.decide = ours_decide,
	.accept = ours_accept,
	.refused = ours_refused,
	.moved = ours_moved,
	.forget = ours_forget,
};
