/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policies that choose a node when a job starts and leave it there.
 * Sources: Mitzenmacher, "The power of two choices in randomized load balancing"; Amir, Awerbuch,
 * Barak, Borgstrom, Keren, "An opportunity cost approach for job assignment in a scalable computing
 * cluster" (E-PVM).
 */
#include "sim/choice.h"
#include <math.h>

/* ------------------------------------------------------------------ blind ones */

static uint32_t place_home(struct sim *s, uint32_t home, uint32_t job)
{
	(void)s, (void)job;
	return home;
}

const struct sim_policy policy_none = {
	.name = "none",
	.help = "jobs stay where they are started",
	.place = place_home,
};

static uint32_t place_random(struct sim *s, uint32_t home, uint32_t job)
{
	(void)home, (void)job;
	return random_below(&s->random, s->c.count);
}

const struct sim_policy policy_random = {
	.name = "random",
	.help = "any node",
	.place = place_random,
};

/* Each home goes through all nodes, beginning with itself. */
static uint32_t place_in_turn(struct sim *s, uint32_t home, uint32_t job)
{
	uint32_t turn = (*chooser_counter(s, home))++;

	(void)job;
	return (home + turn) % s->c.count;
}

const struct sim_policy policy_round_robin = {
	.name = "round-robin",
	.help = "each home takes all nodes in turn",
	.init = chooser_init,
	.done = chooser_done,
	.place = place_in_turn,
};

/* ------------------------------------------------------------------ load */

static uint32_t place_least(struct sim *s, uint32_t home, uint32_t job)
{
	uint32_t count, best = 0, ties = 1;
	struct choice *c = chooser_list(s, home, &count);

	for (uint32_t i = 1; i < count; i++) {
		double load = choice_load(&c[i], 1), least = choice_load(&c[best], 1);

		if (load > least)
			continue;
		ties = load < least ? 1 : ties + 1;
		if (random_below(&s->random, ties) == 0)
			best = i;
	}
	chooser_sent(s, home, c[best].node, known_memory(s, job));
	return c[best].node;
}

const struct sim_policy policy_least_loaded = {
	.name = "least-loaded",
	.help = "the node with the least load of those known",
	.init = chooser_init,
	.done = chooser_done,
	.place = place_least,
};

/* Two nodes are asked at this very moment. */
static uint32_t place_of_two(struct sim *s, uint32_t home, uint32_t job)
{
	uint32_t best = 0;
	double least = HUGE_VAL;

	(void)home, (void)job;
	for (int i = 0; i < 2; i++) {
		uint32_t at = random_below(&s->random, s->c.count);
		const struct sim_node *n = &s->c.nodes[at];
		double load = (n->count + n->coming + 1) / n->cpus / n->speed;

		if (load < least) {
			least = load;
			best = at;
		}
	}
	return best;
}

const struct sim_policy policy_two_choices = {
	.name = "two-choices",
	.help = "the less loaded of two random nodes, asked at the start",
	.place = place_of_two,
};

/* ------------------------------------------------------------------ opportunity cost */

/* Of a job with so much memory; @most: the largest load per node that was seen, a power of 2. */
static double marginal_cost(const struct choice *c, double memory, double nodes, double most)
{
	double load = c->jobs / (c->cpus * c->speed), more = 1 / (c->cpus * c->speed);
	double used = (c->memory - c->free) / c->memory;

	return pow(nodes, (load + more) / most) - pow(nodes, load / most) +
	       pow(nodes, used + memory / c->memory) - pow(nodes, used);
}

/* "max_jobs" of the paper: a power of 2 that no node's load is above. There it never shrinks; with
 * news that is seconds old one peak would blunt the costs for ever, so here it does. */
static double most_jobs(const struct choice *c, uint32_t count)
{
	double most = 1;

	for (uint32_t i = 0; i < count; i++)
		while ((c[i].jobs + 1) / (c[i].cpus * c[i].speed) > most)
			most *= 2;
	return most;
}

static uint32_t place_cheapest(struct sim *s, uint32_t home, uint32_t job)
{
	double memory = known_memory(s, job), least = HUGE_VAL, most;
	uint32_t count, best = 0;
	struct choice *c = chooser_list(s, home, &count);

	most = most_jobs(c, count);
	for (uint32_t i = 0; i < count; i++) {
		double cost = marginal_cost(&c[i], memory, s->c.count, most);

		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	chooser_sent(s, home, c[best].node, memory);
	return c[best].node;
}

const struct sim_policy policy_epvm = {
	.name = "e-pvm",
	.help = "least marginal cost at the start, no moves (opportunity cost)",
	.init = chooser_init,
	.done = chooser_done,
	.place = place_cheapest,
};
