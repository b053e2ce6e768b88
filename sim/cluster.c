/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulated machines: processor sharing, memory, and which job ends next. */
#include "sim/cluster.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Work below this is rounding (times are whole microseconds). */
#define WORK_EPSILON 1e-12

/* ------------------------------------------------------------------ heap of nodes */

static bool before(const struct cluster *c, uint32_t a, uint32_t b)
{
	int64_t x = c->nodes[a].next_us, y = c->nodes[b].next_us;

	return x != y ? x < y : a < b;
}

static void heap_set(struct cluster *c, uint32_t at, uint32_t node)
{
	c->heap[at] = node;
	c->nodes[node].heap = at;
}

static void heap_move(struct cluster *c, uint32_t node)
{
	uint32_t at = c->nodes[node].heap, child;

	for (; at && before(c, node, c->heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap_set(c, at, c->heap[(at - 1) / 2]);
	for (; (child = 2 * at + 1) < c->count; at = child) {
		if (child + 1 < c->count && before(c, c->heap[child + 1], c->heap[child]))
			child++;
		if (!before(c, c->heap[child], node))
			break;
		heap_set(c, at, c->heap[child]);
	}
	heap_set(c, at, node);
}

uint32_t cluster_next(const struct cluster *c)
{
	return c->heap[0];
}

/* ------------------------------------------------------------------ sharing */

static double rate_with(const struct sim_node *n, uint32_t count)
{
	double rate = n->speed * (count > n->cpus ? n->cpus / count : 1);

	return n->full ? rate / n->paging : rate;
}

static void set_rates(struct cluster *c, struct sim_node *n)
{
	double need = n->used + n->held;

	n->full = need > n->memory;
	n->oom = need > n->memory * (1 + c->swap);
	n->rate = rate_with(n, n->count);
	n->stay_rate = rate_with(n, n->count + 1);
}

static void set_next(struct cluster *c, struct sim_node *n)
{
	double least = HUGE_VAL;

	for (uint32_t i = 0; i < n->count; i++)
		if (c->jobs[n->jobs[i]].finish < least)
			least = c->jobs[n->jobs[i]].finish;
	n->next_us = SIM_NEVER;
	if (n->count)
		n->next_us = n->last_us + (int64_t)ceil(fmax(least - n->clock, 0) / n->rate * 1e6);
	heap_move(c, (uint32_t)(n - c->nodes));
}

static void changed(struct cluster *c, struct sim_node *n)
{
	set_rates(c, n);
	set_next(c, n);
}

void node_advance(struct sim_node *n, int64_t now_us)
{
	double dt = (double)(now_us - n->last_us) * 1e-6;

	n->clock += n->rate * dt;
	n->stay_clock += n->stay_rate * dt;
	n->last_us = now_us;
}

/* ------------------------------------------------------------------ jobs */

double job_left(const struct cluster *c, uint32_t job)
{
	const struct sim_job *j = &c->jobs[job];

	if (j->state != JOB_RUNS)
		return j->left;
	return fmax(j->finish - c->nodes[j->node].clock, 0);
}

static double job_done_share(const struct cluster *c, uint32_t job)
{
	return 1 - job_left(c, job) / (double)c->trace->jobs[job].length;
}

/* A growing job begins with a tenth of its size. */
double job_memory(const struct cluster *c, uint32_t job)
{
	const struct trace_job *t = &c->trace->jobs[job];
	double share = 1;

	if (t->grow > 0)
		share = fmin(0.1 + 0.9 * job_done_share(c, job) / (double)t->grow, 1);
	return (double)t->memory * share;
}

double job_growth(const struct cluster *c, uint32_t job)
{
	const struct trace_job *t = &c->trace->jobs[job];

	if (t->grow <= 0 || job_done_share(c, job) >= (double)t->grow)
		return 0;
	return 0.9 * (double)(t->memory / t->grow / t->length) * c->nodes[c->jobs[job].node].rate;
}

void cluster_weigh(struct cluster *c, uint32_t node, int64_t now_us)
{
	struct sim_node *n = &c->nodes[node];
	double used = 0;
	bool full = n->full;

	node_advance(n, now_us);
	for (uint32_t i = 0; i < n->count; i++)
		used += job_memory(c, n->jobs[i]);
	n->used = used;
	set_rates(c, n);
	if (n->full != full)
		set_next(c, n);
}

void cluster_hold(struct cluster *c, uint32_t node, double memory, int64_t now_us)
{
	struct sim_node *n = &c->nodes[node];

	node_advance(n, now_us);
	n->held = fmax(n->held + memory, 0);
	changed(c, n);
}

static int list_add(struct sim_node *n, uint32_t job)
{
	if (n->count == n->room) {
		uint32_t more = n->room ? 2 * n->room : 8;
		uint32_t *p = reallocarray(n->jobs, more, sizeof(*p));

		if (!p)
			return -ENOMEM;
		n->jobs = p;
		n->room = more;
	}
	n->jobs[n->count++] = job;
	return 0;
}

int cluster_put(struct cluster *c, uint32_t job, uint32_t node, int64_t now_us)
{
	struct sim_node *n = &c->nodes[node];
	struct sim_job *j = &c->jobs[job];

	node_advance(n, now_us);
	if (list_add(n, job) < 0)
		return -ENOMEM;
	j->slot = n->count - 1;
	j->node = node;
	j->since = n->clock;
	j->finish = n->clock + j->left;
	j->came_us = now_us;
	j->state = JOB_RUNS;
	n->used += job_memory(c, job);
	changed(c, n);
	return 0;
}

void cluster_take(struct cluster *c, uint32_t job, int64_t now_us)
{
	struct sim_job *j = &c->jobs[job];
	struct sim_node *n = &c->nodes[j->node];

	node_advance(n, now_us);
	n->used = fmax(n->used - job_memory(c, job), 0);
	j->left = job_left(c, job);
	j->state = JOB_WAITS;
	n->count--;
	n->jobs[j->slot] = n->jobs[n->count];
	c->jobs[n->jobs[j->slot]].slot = j->slot;
	if (!n->count)
		n->used = 0; /* no rounding is carried on */
	changed(c, n);
}

uint32_t cluster_ended(struct cluster *c, uint32_t node, int64_t now_us)
{
	struct sim_node *n = &c->nodes[node];

	node_advance(n, now_us);
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t job = n->jobs[i];

		if (c->jobs[job].finish - n->clock > WORK_EPSILON * (1 + n->clock))
			continue;
		cluster_take(c, job, now_us);
		c->jobs[job].state = JOB_ENDED;
		return job;
	}
	set_next(c, n);
	return SIM_NOWHERE;
}

/* ------------------------------------------------------------------ beginning and end */

int cluster_init(struct cluster *c, const struct trace *t, const struct sim_conf *conf)
{
	*c = (struct cluster){
		.trace = t,
		.count = t->node_count,
		.swap = conf->swap,
		.nodes = calloc(t->node_count, sizeof(*c->nodes)),
		.heap = calloc(t->node_count, sizeof(*c->heap)),
		.jobs = calloc((size_t)t->job_count + 1, sizeof(*c->jobs)),
	};
	if (!c->nodes || !c->heap || !c->jobs) {
		cluster_done(c);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->count; i++) {
		struct sim_node *n = &c->nodes[i];

		n->cpus = t->nodes[i].cpus;
		n->speed = t->nodes[i].speed;
		n->memory = t->nodes[i].memory;
		n->paging = conf->paging;
		n->next_us = SIM_NEVER;
		n->alive = true;
		heap_set(c, i, i);
		set_rates(c, n);
	}
	for (uint32_t i = 0; i < t->job_count; i++) {
		c->jobs[i].left = (double)t->jobs[i].length;
		c->jobs[i].waits = t->jobs[i].waits;
	}
	return 0;
}

void cluster_done(struct cluster *c)
{
	for (uint32_t i = 0; c->nodes && i < c->count; i++)
		free(c->nodes[i].jobs);
	free(c->nodes);
	free(c->heap);
	free(c->jobs);
	*c = (struct cluster){0};
}
