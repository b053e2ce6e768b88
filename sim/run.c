/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop over events, and what comes of a run. */
#include "sim/run.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Chance of one purpose does not depend on how much another one takes. */
enum stream { STREAM_POLICY = 201, STREAM_NOISE = 202, STREAM_PHASE = 203 };

/* ------------------------------------------------------------------ beginning and end */

static void make_phases(struct sim *s)
{
	uint32_t at = 0;
	struct random r;

	random_seed(&r, s->conf->seed * 1000 + STREAM_PHASE);
	for (uint32_t i = 0; i < s->c.count; i++)
		s->phase[i] = (uint8_t)random_below(&r, SLOTS);
	for (uint32_t p = 0; p < SLOTS; p++) {
		s->order_first[p] = at;
		for (uint32_t i = 0; i < s->c.count; i++)
			if (s->phase[i] == p)
				s->order[at++] = i;
	}
	s->order_first[SLOTS] = at;
}

static int init(struct sim *s)
{
	uint32_t n = s->trace->node_count;
	double drain = s->conf->drain;

	if (cluster_init(&s->c, s->trace, s->conf) < 0)
		return -ENOMEM;
	s->phase = calloc(n, sizeof(*s->phase));
	s->order = calloc(n, sizeof(*s->order));
	s->moving = calloc(n, sizeof(*s->moving));
	s->ready = calloc((size_t)s->trace->job_count + 1, sizeof(*s->ready));
	s->facts = calloc(n, sizeof(*s->facts));
	s->result->points = calloc(RESULT_POINTS, sizeof(*s->result->points));
	if (!s->phase || !s->order || !s->moving || !s->ready || !s->facts || !s->result->points)
		return -ENOMEM;
	make_phases(s);
	random_seed(&s->random, s->conf->seed * 1000 + STREAM_POLICY);
	random_seed(&s->noise, s->conf->seed * 1000 + STREAM_NOISE);
	s->end_us = drain < 0 ? SIM_NEVER : (int64_t)((s->conf->hours + drain) * 3600e6);
	s->know_ops = know_for(s->conf);
	s->know = s->know_ops->new(s);
	if (!s->know)
		return -ENOMEM;
	return s->policy->init ? s->policy->init(s) : 0;
}

static void done(struct sim *s)
{
	if (s->policy->done)
		s->policy->done(s);
	if (s->know)
		s->know_ops->free(s->know);
	cluster_done(&s->c);
	free(s->phase);
	free(s->order);
	free(s->moving);
	free(s->ready);
	free(s->facts);
	free(s->job_facts);
	free(s->transit);
}

/* ------------------------------------------------------------------ events */

static int64_t next_arrival(const struct sim *s)
{
	return s->next_job < s->trace->job_count ? s->trace->jobs[s->next_job].at_us : SIM_NEVER;
}

static int64_t next_fault(const struct sim *s)
{
	return s->next_fault < s->trace->fault_count ? s->trace->faults[s->next_fault].at_us
						     : SIM_NEVER;
}

static void on_fault(struct sim *s)
{
	const struct trace_fault *f = &s->trace->faults[s->next_fault++];

	if (!f->up) {
		run_crash(s, f->node);
		return;
	}
	s->c.nodes[f->node].alive = true;
	s->c.nodes[f->node].views = (struct load_views){0};
	s->know_ops->up(s->know, f->node);
}

static void on_arrival(struct sim *s)
{
	uint32_t job = s->next_job++;

	if (!s->c.jobs[job].waits)
		run_release(s, job);
}

static void on_end(struct sim *s)
{
	uint32_t job = cluster_ended(&s->c, cluster_next(&s->c), s->now_us);

	if (job != SIM_NOWHERE)
		run_ended(s, job);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* One event: at the same time the end of a job comes before the arrival of another. */
static void next_event(struct sim *s)
{
	int64_t fault = next_fault(s), end = s->c.nodes[cluster_next(&s->c)].next_us;
	int64_t transit = transit_next(s), arrival = next_arrival(s);
	int64_t slot = (int64_t)s->slot * SLOT_US;
	int64_t now = least(least(fault, end), least(least(transit, arrival), slot));

	s->now_us = now;
	s->result->events++;
	if (fault == now) {
		on_fault(s);
	} else if (end == now) {
		on_end(s);
	} else if (transit == now) {
		struct transit t = transit_pop(s);

		run_arrived(s, &t);
	} else if (arrival == now) {
		on_arrival(s);
	} else {
		run_slot(s);
		s->slot++;
	}
}

/* ------------------------------------------------------------------ result */

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const struct result *r, double q)
{
	uint32_t at;

	if (!r->slowdown_count)
		return 0;
	at = (uint32_t)ceil(q * r->slowdown_count);
	return (double)r->slowdowns[at ? at - 1 : 0];
}

static void summarise(struct sim *s)
{
	struct result *r = s->result;
	double sum = 0, spread = 0;

	r->jobs = s->trace->job_count;
	r->unfinished = r->jobs - s->ended;
	r->bound = trace_lower_bound(s->trace);
	for (uint32_t i = 0; i < r->slowdown_count; i++)
		sum += (double)r->slowdowns[i];
	if (r->slowdown_count) {
		qsort(r->slowdowns, r->slowdown_count, sizeof(*r->slowdowns), by_value);
		r->mean = sum / r->slowdown_count;
		r->mean_response /= r->slowdown_count;
		r->worst = (double)r->slowdowns[r->slowdown_count - 1];
	}
	r->p50 = quantile(r, 0.5);
	r->p95 = quantile(r, 0.95);
	r->p99 = quantile(r, 0.99);
	for (uint32_t i = 0; i < r->point_count; i++)
		spread += (double)r->points[i].spread;
	r->mean_spread = r->point_count ? spread / r->point_count : 0;
}

static void summarise_gossip(struct sim *s)
{
	struct result *r = s->result;

	r->gossip = *s->know_ops->stats(s->know);
	know_formula(s->c.count, r->gossip.window, &r->age_average, &r->age_bound);
	if (r->gossip.node_seconds > 0)
		r->bytes_per_node = (double)r->gossip.bytes / r->gossip.node_seconds;
}

static double clock_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int sim_run(const struct sim_conf *c, const struct trace *t, const struct sim_policy *p,
	    struct result *ret)
{
	struct result result = {.policy = p->name};
	struct sim s = {.conf = c, .trace = t, .policy = p, .result = &result};
	double began = clock_seconds();

	result.slowdowns = calloc((size_t)t->job_count + 1, sizeof(*result.slowdowns));
	s.error = result.slowdowns ? init(&s) : -ENOMEM;
	while (!s.error && s.ended < t->job_count && s.now_us < s.end_us)
		next_event(&s);
	if (!s.error) {
		summarise(&s);
		summarise_gossip(&s);
	}
	done(&s);
	if (s.error < 0) {
		result_done(&result);
		return s.error;
	}
	result.wall_seconds = clock_seconds() - began;
	*ret = result;
	return 0;
}

void result_done(struct result *r)
{
	free(r->slowdowns);
	free(r->points);
	*r = (struct result){0};
}
