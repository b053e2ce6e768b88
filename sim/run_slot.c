/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nodes do each second: sample, tell, decide; and what is noted of them on the way. */
#include "sim/run.h"
#include <math.h>
#include <stdlib.h>

/* A search for a placement of all jobs is for small clusters; else only single moves are tried. */
#define FIT_JOBS_MAX 2000u
#define FIT_NODES_MAX 200u

/* ------------------------------------------------------------------ memory */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x > y ? -1 : x < y;
}

/* Largest first, each where it fits best: if this finds a place for all jobs, there is one. */
static bool all_fit(const struct sim *s)
{
	double jobs[FIT_JOBS_MAX], room[FIT_NODES_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->c.count; i++) {
		const struct sim_node *n = &s->c.nodes[i];

		room[i] = n->alive ? n->memory : 0;
		for (uint32_t k = 0; k < n->count; k++) {
			if (count == FIT_JOBS_MAX)
				return false;
			jobs[count++] = job_memory(&s->c, n->jobs[k]);
		}
	}
	for (uint32_t k = 0; k < s->transit_count && count < FIT_JOBS_MAX; k++)
		jobs[count++] = job_memory(&s->c, s->transit[k].job);
	qsort(jobs, count, sizeof(*jobs), by_size);
	for (uint32_t k = 0; k < count; k++) {
		uint32_t best = SIM_NOWHERE;

		for (uint32_t i = 0; i < s->c.count; i++)
			if (room[i] >= jobs[k] && (best == SIM_NOWHERE || room[i] < room[best]))
				best = i;
		if (best == SIM_NOWHERE)
			return false;
		room[best] -= jobs[k];
	}
	return true;
}

/* Would the move of a single job end it? */
static bool one_fits(const struct sim *s, const struct sim_node *full)
{
	double excess = full->used + full->held - full->memory, room = 0;

	for (uint32_t i = 0; i < s->c.count; i++) {
		const struct sim_node *n = &s->c.nodes[i];

		if (n != full && n->alive)
			room = fmax(room, n->memory - n->used - n->held);
	}
	for (uint32_t k = 0; k < full->count; k++) {
		double size = job_memory(&s->c, full->jobs[k]);

		if (size >= excess && size <= room)
			return true;
	}
	return false;
}

void run_check_memory(struct sim *s, uint32_t node, bool was_full, bool was_oom)
{
	const struct sim_node *n = &s->c.nodes[node];

	s->result->ooms += n->oom && !was_oom;
	if (!n->full || was_full)
		return;
	s->result->overloads++;
	s->result->avoidable += one_fits(s, n) || (s->c.count <= FIT_NODES_MAX && all_fit(s));
}

/* ------------------------------------------------------------------ sampling */

static void sample_jobs(struct sim *s, const struct sim_node *n)
{
	uint32_t used = (uint32_t)(1000 * fmin(1, n->cpus / fmax(n->count, 1)));

	for (uint32_t i = 0; i < n->count; i++) {
		struct sim_job *j = &s->c.jobs[n->jobs[i]];

		j->demand = (uint16_t)load_smooth_demand(j->demand, 1000);
		j->used = (uint16_t)load_smooth_used(j->used, used);
	}
}

static void sample(struct sim *s, uint32_t node)
{
	struct sim_node *n = &s->c.nodes[node];
	bool full = n->full, oom = n->oom;
	double runnable = 1000.0 * (n->count + n->coming);
	struct node_facts f;

	if (s->conf->noise > 0)
		runnable *= 1 + s->conf->noise * (2 * random_unit(&s->noise) - 1);
	cluster_weigh(&s->c, node, s->now_us);
	run_check_memory(s, node, full, oom);
	s->result->full_seconds += n->full;
	sample_jobs(s, n);
	n->sample = (uint32_t)runnable;
	load_sample(&n->views, n->sample);
	sim_self_facts(s, node, &f);
	f.runnable = s->policy->tells ? s->policy->tells(s, node) : n->views.exporting;
	s->know_ops->facts(s->know, node, &f);
}

void run_decide(struct sim *s, uint32_t node)
{
	struct sim_move m;

	if (!s->policy->moves || s->moving[node] || !s->c.nodes[node].count)
		return;
	if (s->policy->decide(s, node, &m))
		run_move(s, node, &m);
}

/* ------------------------------------------------------------------ curves */

static int64_t point_every(const struct sim *s)
{
	int64_t span = (int64_t)(s->conf->hours * 3600 / RESULT_POINTS * 1.5);

	return span < 1 ? 1 : span;
}

static void note_load(struct sim *s)
{
	double sum = 0, squares = 0, most = 0, seconds = (double)s->now_us / 1e6;
	struct result *r = s->result;
	uint32_t count = 0;

	if (r->point_count == RESULT_POINTS)
		return;
	for (uint32_t i = 0; i < s->c.count; i++) {
		const struct sim_node *n = &s->c.nodes[i];
		double load = n->count / (n->cpus * n->speed);

		if (!n->alive)
			continue;
		sum += load;
		squares += load * load;
		most = fmax(most, load);
		count++;
	}
	r->points[r->point_count++] = (struct result_point){
		(float)seconds, (float)(sum / count),
		(float)sqrt(fmax(squares / count - sum * sum / count / count, 0)), (float)most};
}

/* Ages are looked at when gossip has had the time to settle, at a few nodes each time. */
static void note_ages(struct sim *s, int64_t second)
{
	uint32_t step = s->c.count > 64 ? s->c.count / 64 : 1;

	if (second < 60 || second % 7)
		return;
	for (uint32_t i = (uint32_t)(second / 7) % step; i < s->c.count; i += step)
		if (s->c.nodes[i].alive)
			s->know_ops->ages(s->know, i);
}

/* ------------------------------------------------------------------ slot */

void run_slot(struct sim *s)
{
	uint32_t phase = (uint32_t)(s->slot % SLOTS), other = (phase + STEP_SLOTS) % SLOTS;

	s->know_ops->until(s->know, s->now_us);
	if (!phase && (s->now_us / 1000000) % point_every(s) == 0)
		note_load(s);
	if (!phase)
		note_ages(s, s->now_us / 1000000);
	for (uint32_t i = s->order_first[phase]; i < s->order_first[phase + 1]; i++) {
		uint32_t node = s->order[i];

		if (!s->c.nodes[node].alive)
			continue;
		sample(s, node);
		s->know_ops->step(s->know, node);
		run_decide(s, node);
	}
	for (uint32_t i = s->order_first[other]; i < s->order_first[other + 1]; i++)
		if (s->c.nodes[s->order[i]].alive)
			s->know_ops->step(s->know, s->order[i]);
}
