/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens to jobs: they start, move, end, and are lost with their node. */
#include "policy/balance.h"
#include "sim/run.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ jobs under way */

static bool sooner(const struct transit *a, const struct transit *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->serial < b->serial);
}

int64_t transit_next(const struct sim *s)
{
	return s->transit_count ? s->transit[0].at_us : SIM_NEVER;
}

static void transit_push(struct sim *s, uint32_t job, double seconds)
{
	struct transit t = {s->now_us + (int64_t)(seconds * 1e6), job, s->transit_serial++};
	uint32_t at = s->transit_count;

	if (at == s->transit_room) {
		uint32_t more = at ? 2 * at : 256;
		struct transit *p = reallocarray(s->transit, more, sizeof(*p));

		if (!p) {
			s->error = -ENOMEM;
			return;
		}
		s->transit = p;
		s->transit_room = more;
	}
	s->transit_count++;
	for (; at && sooner(&t, &s->transit[(at - 1) / 2]); at = (at - 1) / 2)
		s->transit[at] = s->transit[(at - 1) / 2];
	s->transit[at] = t;
}

struct transit transit_pop(struct sim *s)
{
	struct transit first = s->transit[0], last = s->transit[--s->transit_count];
	uint32_t at = 0, child;

	for (; (child = 2 * at + 1) < s->transit_count; at = child) {
		if (child + 1 < s->transit_count &&
		    sooner(&s->transit[child + 1], &s->transit[child]))
			child++;
		if (!sooner(&s->transit[child], &last))
			break;
		s->transit[at] = s->transit[child];
	}
	s->transit[at] = last;
	return first;
}

/* ------------------------------------------------------------------ start */

static void put(struct sim *s, uint32_t job, uint32_t node)
{
	bool full = s->c.nodes[node].full, oom = s->c.nodes[node].oom;

	if (cluster_put(&s->c, job, node, s->now_us) < 0)
		s->error = -ENOMEM;
	run_check_memory(s, node, full, oom);
}

static void hold(struct sim *s, uint32_t node, double memory)
{
	bool full = s->c.nodes[node].full, oom = s->c.nodes[node].oom;

	cluster_hold(&s->c, node, memory, s->now_us);
	run_check_memory(s, node, full, oom);
}

static uint32_t home_of(const struct sim *s, uint32_t job)
{
	uint32_t home = s->trace->jobs[job].home;

	while (!s->c.nodes[home].alive)
		home = (home + 1) % s->c.count;
	return home;
}

static bool asked(struct sim *s, uint32_t from, uint32_t job, uint32_t to, uint32_t claimed)
{
	bool yes = sim_reachable(s, from, to) &&
		   (!s->policy->accept || s->policy->accept(s, to, job, claimed));

	if (!yes) {
		s->result->refused++;
		s->asked_seconds += 2 * s->conf->latency;
		if (s->policy->refused)
			s->policy->refused(s, from, job, to);
	}
	return yes;
}

static uint32_t place(struct sim *s, uint32_t home, uint32_t job)
{
	for (uint32_t i = 0; i < PLACE_TRIES; i++) {
		uint32_t to;

		s->tries = i;
		to = s->policy->place(s, home, job);

		if (to == home || asked(s, home, job, to, s->claimed))
			return to;
	}
	return home;
}

static void start(struct sim *s, uint32_t job)
{
	struct sim_job *j = &s->c.jobs[job];
	uint32_t home = home_of(s, job), to;

	j->demand = 1000;
	j->home = home;
	s->asked_seconds = 0;
	to = place(s, home, job);
	s->result->remote_starts += to != home;
	if (to == home || s->conf->start_remote <= 0) {
		put(s, job, to);
		return;
	}
	j->state = JOB_STARTS;
	j->to = to;
	s->c.nodes[to].coming++;
	hold(s, to, job_memory(&s->c, job));
	transit_push(s, job, s->conf->start_remote + s->asked_seconds);
}

void run_release(struct sim *s, uint32_t job)
{
	s->c.jobs[job].from = SIM_NOWHERE;
	if (s->trace->parallel && s->at_work >= s->trace->parallel) {
		s->ready[s->ready_head + s->ready_count++] = job;
		return;
	}
	s->at_work++;
	s->c.jobs[job].released_us = s->now_us;
	start(s, job);
}

/* ------------------------------------------------------------------ moves */

/* The job leaves the node that its last move brought it to: did that move gain anything? Had it
 * stayed, it would have done so much work as its old node's clock for one job more says. */
static void judge_move(struct sim *s, uint32_t job)
{
	struct sim_job *j = &s->c.jobs[job];
	struct sim_node *from;

	if (j->from == SIM_NOWHERE || !j->load_move)
		return;
	from = &s->c.nodes[j->from];
	if (!from->alive)
		return;
	node_advance(from, s->now_us);
	if (from->stay_clock - j->stayed_then >= (double)j->left_then - j->left)
		s->result->useless_moves++;
}

static void remember_move(struct sim *s, uint32_t job, uint32_t node, const struct sim_move *m)
{
	struct sim_job *j = &s->c.jobs[job];

	j->from = node;
	j->left_then = (float)j->left;
	j->stayed_then = s->c.nodes[node].stay_clock;
	j->load_move = m->load;
	s->result->load_moves += m->load;
	s->result->memory_moves += !m->load;
	s->result->moves++;
	j->moves++;
}

void run_move(struct sim *s, uint32_t node, const struct sim_move *m)
{
	struct sim_job *j = &s->c.jobs[m->job];
	double memory;

	if (m->to == node || !asked(s, node, m->job, m->to, m->claimed))
		return;
	node_advance(&s->c.nodes[node], s->now_us);
	memory = job_memory(&s->c, m->job);
	cluster_take(&s->c, m->job, s->now_us);
	judge_move(s, m->job);
	remember_move(s, m->job, node, m);
	j->state = JOB_MOVES;
	j->to = m->to;
	s->moving[node]++;
	s->c.nodes[m->to].coming++;
	hold(s, node, memory);
	hold(s, m->to, memory);
	transit_push(s, m->job, s->conf->move_fixed + memory / s->conf->move_bandwidth);
}

/* From the beginning, as its user would do. */
static void start_again(struct sim *s, uint32_t job)
{
	struct sim_job *j = &s->c.jobs[job];

	s->result->lost++;
	j->left = (double)s->trace->jobs[job].length;
	j->state = JOB_WAITS;
	j->from = SIM_NOWHERE;
	start(s, job);
}

static void move_ended(struct sim *s, uint32_t job)
{
	struct sim_job *j = &s->c.jobs[job];
	uint32_t from = j->node, to = j->to;
	double memory = job_memory(&s->c, job);
	bool ok = sim_reachable(s, from, to);

	s->moving[from]--;
	cluster_hold(&s->c, from, -memory, s->now_us);
	cluster_hold(&s->c, to, -memory, s->now_us);
	if (!s->c.nodes[from].alive) {
		start_again(s, job);
		return;
	}
	s->result->failed_moves += !ok;
	if (s->policy->moved)
		s->policy->moved(s, from, job, to, ok,
				 s->conf->move_fixed + memory / s->conf->move_bandwidth, memory);
	put(s, job, ok ? to : from);
	if (s->policy->again)
		run_decide(s, from);
}

void run_arrived(struct sim *s, const struct transit *t)
{
	struct sim_job *j = &s->c.jobs[t->job];

	s->c.nodes[j->to].coming--;
	if (j->state == JOB_MOVES) {
		move_ended(s, t->job);
		return;
	}
	cluster_hold(&s->c, j->to, -job_memory(&s->c, t->job), s->now_us);
	if (s->c.nodes[j->to].alive)
		put(s, t->job, j->to);
	else
		start_again(s, t->job);
}

/* ------------------------------------------------------------------ ends */

static void release_followers(struct sim *s, uint32_t job)
{
	const struct trace *t = s->trace;

	for (uint32_t k = t->next_first[job]; k < t->next_first[job + 1]; k++) {
		uint32_t next = t->next[k];

		if (!--s->c.jobs[next].waits && next < s->next_job)
			run_release(s, next);
	}
}

static void forget(struct sim *s, uint32_t node, uint32_t job)
{
	if (s->policy->forget && s->c.nodes[node].alive)
		s->policy->forget(s, node, job);
}

void run_ended(struct sim *s, uint32_t job)
{
	struct sim_job *j = &s->c.jobs[job];
	double seconds = (double)(s->now_us - j->released_us) / 1e6;

	j->left = 0;
	judge_move(s, job);
	forget(s, j->node, job);
	if (j->home != j->node)
		forget(s, j->home, job);
	s->result->slowdowns[s->result->slowdown_count++] =
		(float)(seconds / trace_ideal(s->trace, job));
	s->result->mean_response += seconds;
	s->result->makespan = (double)(s->now_us - s->trace->jobs[0].at_us) / 1e6;
	s->ended++;
	s->at_work--;
	release_followers(s, job);
	if (s->ready_count && s->at_work < s->trace->parallel) {
		s->ready_count--;
		run_release(s, s->ready[s->ready_head++]);
	}
}

void run_crash(struct sim *s, uint32_t node)
{
	struct sim_node *n = &s->c.nodes[node];

	n->alive = false;
	s->know_ops->down(s->know, node);
	while (n->count) {
		uint32_t job = n->jobs[n->count - 1];

		cluster_take(&s->c, job, s->now_us);
		start_again(s, job);
	}
}
