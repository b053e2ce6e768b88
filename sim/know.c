/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Knowledge without delay, the choice among the kinds, and the formula of gossip's ages. */
#include "sim/know.h"
#include "policy/gossip.h"
#include "sim/run.h"
#include <math.h>
#include <stdlib.h>

/* Up to here the daemon's own gossip takes a bearable time. */
#define REAL_NODES_MAX 256u

/* ------------------------------------------------------------------ exact */

struct know {
	struct sim *s;
	struct know_stats stats;
};

static struct know *exact_new(struct sim *s)
{
	struct know *k = calloc(1, sizeof(*k));

	if (k) {
		k->s = s;
		k->stats.window = s->c.count;
	}
	return k;
}

static void exact_free(struct know *k)
{
	free(k);
}

static void exact_until(struct know *k, int64_t us)
{
	(void)k, (void)us;
}

static void exact_step(struct know *k, uint32_t node)
{
	(void)k, (void)node;
}

static void exact_facts(struct know *k, uint32_t node, const struct node_facts *f)
{
	(void)k, (void)node, (void)f;
}

static size_t exact_view(struct know *k, uint32_t node, struct node_facts *ret, size_t max)
{
	const struct sim *s = k->s;
	size_t count = 0;

	for (uint32_t i = 0; i < s->c.count && count < max; i++) {
		if (i == node || !s->c.nodes[i].alive)
			continue;
		sim_self_facts(s, i, &ret[count]);
		ret[count++].runnable = 1000 * (s->c.nodes[i].count + s->c.nodes[i].coming);
	}
	return count;
}

static uint32_t exact_alive(struct know *k, uint32_t node)
{
	uint32_t alive = 0;

	(void)node;
	for (uint32_t i = 0; i < k->s->c.count; i++)
		alive += k->s->c.nodes[i].alive;
	return alive;
}

static struct know_stats *exact_stats(struct know *k)
{
	return &k->stats;
}

const struct know_ops know_exact = {
	.name = "exact",
	.new = exact_new,
	.free = exact_free,
	.until = exact_until,
	.step = exact_step,
	.facts = exact_facts,
	.down = exact_step,
	.up = exact_step,
	.view = exact_view,
	.alive = exact_alive,
	.ages = exact_step,
	.stats = exact_stats,
};

/* ------------------------------------------------------------------ common */

const struct know_ops *know_for(const struct sim_conf *c)
{
	switch (c->gossip) {
	case KNOW_EXACT:
		return &know_exact;
	case KNOW_MODEL:
		return &know_model;
	case KNOW_REAL:
		return &know_real;
	case KNOW_AUTO:
		break;
	}
	return c->nodes <= REAL_NODES_MAX ? &know_real : &know_model;
}

void know_count_age(struct know_stats *s, double steps)
{
	uint32_t bin = (uint32_t)fmin(steps, KNOW_AGE_BINS - 1);

	s->ages[bin]++;
	s->age_count++;
	s->age_sum += steps;
	s->age_max = fmax(s->age_max, steps);
}

void know_count_max(struct know_stats *s, double steps)
{
	s->max_sum += steps;
	s->max_count++;
}

void know_formula(uint32_t nodes, uint32_t window, double *ret_average, double *ret_max)
{
	double n = nodes, w = window < nodes - 1 ? window : nodes - 1.0;
	double t, e, x, miss, fill;

	*ret_average = *ret_max = nodes > 1;
	if (nodes < 3)
		return;
	t = (n - 1) / n * log(w * (n - 1) / (n - w));
	e = exp(n * t / (n - 1));
	x = n * e / (n - 1 + e);
	fill = t - (n - 1) / x * (log(n - 1 + e) - log(n));
	miss = log1p(-1 / (n - 1));
	*ret_average = 1 / (1 - exp(x * miss)) + fill;
	*ret_max = -(log(n) + 0.577) / (x * miss);
}
