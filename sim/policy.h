/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policies have in common that are compared. A policy acts for one node at a time and
 * knows what that node knows: its own numbers and what gossip brought.
 */
#ifndef MOSIX_SIM_POLICY_H
#define MOSIX_SIM_POLICY_H

#include "policy/facts.h"
#include <stddef.h>
#include <stdint.h>

struct sim;

/* What a node knows at this moment. Valid until the next call of sim_view(). */
struct sim_view {
	struct node_facts self;         /* runnable: the leaving view */
	const struct node_facts *nodes; /* others, alive as far as known; freshest first */
	size_t node_count;
	uint32_t cluster; /* nodes believed alive, this one too */
	const struct job_facts *jobs;
	size_t job_count;
};

struct sim_move {
	uint32_t job, to; /* index of job and node */
	uint32_t claimed; /* load index that is expected there */
	bool load;        /* for the sake of load, not of memory */
};

struct sim_policy {
	const char *name, *help;
	bool moves; /* it has decide() */
	bool again; /* which is asked again when a move has ended, not just once a second */
	/* 0 or -ENOMEM. May be NULL, as everything else but place(). */
	int (*init)(struct sim *s);
	void (*done)(struct sim *s);
	/* Runnable, in 1/1000, as a node tells others; NULL: the exporting view. */
	uint32_t (*tells)(struct sim *s, uint32_t node);
	/* The node (index) where a new job starts. */
	uint32_t (*place)(struct sim *s, uint32_t home, uint32_t job);
	/* Once a second. False: nothing moves. */
	bool (*decide)(struct sim *s, uint32_t node, struct sim_move *ret);
	bool (*accept)(struct sim *s, uint32_t node, uint32_t job, uint32_t claimed);
	void (*refused)(struct sim *s, uint32_t node, uint32_t job, uint32_t to);
	void (*moved)(struct sim *s, uint32_t node, uint32_t job, uint32_t to, bool ok,
		      double seconds, double memory);
	void (*forget)(struct sim *s, uint32_t node, uint32_t job);
};

#define SIM_POLICIES 9

extern const struct sim_policy policy_none, policy_random, policy_round_robin, policy_least_loaded,
	policy_two_choices, policy_epvm, policy_mosix, policy_mosix_best, policy_ours;
extern const struct sim_policy *const sim_policies[SIM_POLICIES];

/* Bit of that policy, or of all of them for "all"; 0: there is none of that name. */
uint32_t sim_policy_mask(const char *name, size_t len);

/* Node numbers are indices plus one. */
static inline uint32_t node_number(uint32_t index)
{
	return index + 1;
}

static inline uint32_t node_index(uint32_t number)
{
	return number - 1;
}

#endif
