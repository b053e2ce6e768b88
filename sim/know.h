/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each node has heard of the others: by the daemon's own gossip and membership, by a model of
 * them that is fast enough for 10,000 nodes, or without any delay.
 */
#ifndef MOSIX_SIM_KNOW_H
#define MOSIX_SIM_KNOW_H

#include "policy/facts.h"
#include "sim/conf.h"
#include <stddef.h>
#include <stdint.h>

struct sim;
struct know;

#define KNOW_AGE_BINS 512

struct know_stats {
	uint64_t messages, bytes; /* sent by all nodes */
	double node_seconds;      /* in which they were */
	/* Ages of what nodes know of others, in steps. */
	uint64_t ages[KNOW_AGE_BINS];
	uint64_t age_count;
	double age_sum, age_max;
	double max_sum; /* of the largest age that a node has, and how often it was looked at */
	uint64_t max_count;
	uint32_t window;
};

struct know_ops {
	const char *name;
	struct know *(*new)(struct sim *s);
	void (*free)(struct know *k);
	/* Everything that happens before @us. */
	void (*until)(struct know *k, int64_t us);
	/* A node's gossip step, twice a second. */
	void (*step)(struct know *k, uint32_t node);
	/* The node has new facts of itself, once a second. */
	void (*facts)(struct know *k, uint32_t node, const struct node_facts *f);
	void (*down)(struct know *k, uint32_t node);
	void (*up)(struct know *k, uint32_t node);
	/* What @node knows of others that it believes alive, freshest first. */
	size_t (*view)(struct know *k, uint32_t node, struct node_facts *ret, size_t max);
	uint32_t (*alive)(struct know *k, uint32_t node);
	/* Adds the ages of what @node knows to the statistics. */
	void (*ages)(struct know *k, uint32_t node);
	struct know_stats *(*stats)(struct know *k);
};

extern const struct know_ops know_exact, know_model, know_real;

/* Which of them the settings ask for. */
const struct know_ops *know_for(const struct sim_conf *c);

void know_count_age(struct know_stats *s, double steps);
void know_count_max(struct know_stats *s, double steps);

/* Average and largest age in steps of N nodes with window W, by the formula of Amar, Barak, Drezner
 * and Okun for a step in which every node sends to a random one. */
void know_formula(uint32_t nodes, uint32_t window, double *ret_average, double *ret_max);

#endif
