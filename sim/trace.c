/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens to a cluster: nodes, faults, and what can be said of a trace without running it. */
#include "sim/trace.h"
#include "common/cleanup.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Chance of one purpose does not depend on how much another one takes. */
enum stream { STREAM_NODES = 101, STREAM_FAULTS = 102 };

void trace_done(struct trace *t)
{
	free(t->nodes);
	free(t->jobs);
	free(t->next_first);
	free(t->next);
	free(t->faults);
	*t = (struct trace){0};
}

/* ------------------------------------------------------------------ nodes */

static double draw_even(struct random *r, struct range a)
{
	return a.low + (a.high - a.low) * random_unit(r);
}

static double draw_log(struct random *r, struct range a)
{
	return a.low * exp(random_unit(r) * log(a.high / a.low));
}

static int make_nodes(struct trace *t, const struct sim_conf *c)
{
	struct random r;

	t->nodes = calloc(c->nodes, sizeof(*t->nodes));
	if (!t->nodes)
		return -ENOMEM;
	t->node_count = c->nodes;
	random_seed(&r, c->seed * 1000 + STREAM_NODES);
	for (uint32_t i = 0; i < c->nodes; i++) {
		double span = floor(c->cpus.high) - ceil(c->cpus.low) + 1;

		t->nodes[i].cpus = ceil(c->cpus.low) + floor(span * random_unit(&r));
		if (c->cpus.low == c->cpus.high)
			t->nodes[i].cpus = c->cpus.low;
		t->nodes[i].speed = draw_even(&r, c->speed);
		t->nodes[i].memory = floor(draw_log(&r, c->memory));
		t->fastest = fmax(t->fastest, t->nodes[i].speed * fmin(t->nodes[i].cpus, 1));
	}
	return 0;
}

/* ------------------------------------------------------------------ faults */

static int by_time(const void *a, const void *b)
{
	const struct trace_fault *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static int add_fault(struct trace *t, uint32_t *room, struct trace_fault f)
{
	if (t->fault_count == *room) {
		uint32_t more = *room ? 2 * *room : 64;
		struct trace_fault *p = reallocarray(t->faults, more, sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->faults = p;
		*room = more;
	}
	t->faults[t->fault_count++] = f;
	return 0;
}

static int make_faults(struct trace *t, const struct sim_conf *c)
{
	const struct dist up = {DIST_EXP, {c->mtbf}}, down = {DIST_EXP, {c->repair}};
	double end = c->hours * 3600;
	uint32_t room = 0;
	struct random r;

	if (c->mtbf <= 0)
		return 0;
	random_seed(&r, c->seed * 1000 + STREAM_FAULTS);
	for (uint32_t n = 1; n < c->nodes; n++) { /* one node stays, so that nothing gets stuck */
		double at = dist_draw(&up, &r);

		for (bool is_up = false; at < end || is_up; is_up = !is_up) {
			struct trace_fault f = {(int64_t)(at * 1e6), n, is_up};

			if (add_fault(t, &room, f) < 0)
				return -ENOMEM;
			at += dist_draw(is_up ? &up : &down, &r);
		}
	}
	if (t->fault_count)
		qsort(t->faults, t->fault_count, sizeof(*t->faults), by_time);
	return 0;
}

/* ------------------------------------------------------------------ jobs */

int trace_link(struct trace *t, const uint32_t (*pairs)[2], uint32_t count)
{
	_cleanup_free_ uint32_t *fill = calloc((size_t)t->job_count + 1, sizeof(*fill));

	t->next_first = calloc((size_t)t->job_count + 1, sizeof(*t->next_first));
	t->next = calloc((size_t)count + 1, sizeof(*t->next));
	if (!fill || !t->next_first || !t->next)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		t->next_first[pairs[i][0] + 1]++;
	for (uint32_t j = 0; j < t->job_count; j++)
		t->next_first[j + 1] += t->next_first[j];
	memcpy(fill, t->next_first, ((size_t)t->job_count + 1) * sizeof(*fill));
	for (uint32_t i = 0; i < count; i++) {
		t->next[fill[pairs[i][0]]++] = pairs[i][1];
		t->jobs[pairs[i][1]].waits++;
	}
	t->next_count = count;
	return 0;
}

int trace_make(struct trace *ret, const struct sim_conf *c, struct err *e)
{
	struct trace t = {0};
	int r = make_nodes(&t, c);

	if (!r)
		r = make_faults(&t, c);
	if (r < 0)
		err_set(e, r, "no memory for %u nodes", c->nodes);
	else
		r = *c->trace ? trace_read(&t, c, c->trace, e) : trace_make_jobs(&t, c, e);
	if (r < 0) {
		trace_done(&t);
		return r;
	}
	*ret = t;
	return 0;
}

/* ------------------------------------------------------------------ bounds */

double trace_ideal(const struct trace *t, uint32_t job)
{
	return (double)t->jobs[job].length / t->fastest;
}

/* The longest chain of jobs that wait for each other. */
static double longest_chain(const struct trace *t, double *ready)
{
	double longest = 0;

	for (uint32_t j = 0; j < t->job_count; j++) {
		double at = (double)t->jobs[j].at_us / 1e6;
		double end = fmax(ready[j], at) + trace_ideal(t, j);

		longest = fmax(longest, end);
		for (uint32_t k = t->next_first[j]; k < t->next_first[j + 1]; k++)
			ready[t->next[k]] = fmax(ready[t->next[k]], end);
	}
	return longest;
}

double trace_lower_bound(const struct trace *t)
{
	_cleanup_free_ double *ready = calloc((size_t)t->job_count + 1, sizeof(*ready));
	double capacity = 0, rest = 0, bound = 0;

	for (uint32_t i = 0; i < t->node_count; i++)
		capacity += t->nodes[i].cpus * t->nodes[i].speed;
	/* What arrives from some moment on needs the whole cluster for so long. */
	for (uint32_t j = t->job_count; j-- > 0;) {
		rest += (double)t->jobs[j].length;
		bound = fmax(bound, (double)t->jobs[j].at_us / 1e6 + rest / capacity);
	}
	if (ready)
		bound = fmax(bound, longest_chain(t, ready));
	return t->job_count ? bound - (double)t->jobs[0].at_us / 1e6 : 0;
}
