/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Load: the index and its smoothing. A node has two views of its own load, against ping-pong: it
 * underestimates itself when it looks for relief and overestimates itself to others. The latter is
 * for the classic rule (sim/); mosixd tells balance_exported().
 * Source: MOSIX for Linux (load balancing), as described in Barak, Guday, Wheeler, "The MOSIX
 * Distributed Operating System", and its descendants.
 */
#ifndef MOSIX_POLICY_LOAD_H
#define MOSIX_POLICY_LOAD_H

#include "policy/facts.h"

struct load_views {
	uint32_t leaving; /* runnable tasks in 1/1000: falls at once, rises as (5 old + 3 new)/8 */
	uint32_t exporting; /* rises at once, falls as (7 old + new)/8 */
	bool primed;        /* false: nothing sampled yet, the first sample counts fully */
};

/* One sample a second; @runnable in 1/1000. */
void load_sample(struct load_views *v, uint32_t runnable);

/* Smoothing of a job's numbers: (5 old + 3 new)/8 for demand, (3 old + new)/4 for CPU use. */
uint32_t load_smooth_demand(uint32_t old, uint32_t sample);
uint32_t load_smooth_used(uint32_t old, uint32_t sample);
/* The same of its growth, but (3 old + new)/4 for each second of @ms that @sample is the mean of:
 * a guest tells ever more rarely of a job that has gone to sleep. */
uint64_t load_smooth_growth(uint64_t old, uint64_t sample, int64_t ms);

/* Do a node's own users need it? Guests may no longer come when tasks that are no guests' take half
 * of its CPUs, and may again when they take less than a quarter. @was: the answer before. */
bool load_owner_busy(bool was, const struct node_facts *n, uint64_t guests);

/* Is memory short, by what is felt of it rather than by what is left? From a tenth of the time on
 * in which something waits for memory (@stalled, in 1/1000, smoothed like CPU use), until that is
 * less than a fortieth; but not while a quarter is free: then it is a lesser limit that is felt.
 * @was: the answer before. */
bool load_memory_low(bool was, const struct node_facts *n, uint32_t stalled);

/* What it can do: CPUs times speed, in 1/1000 standard CPUs; at least 1. */
uint32_t node_capacity(const struct node_facts *n);
/* LOAD_STANDARD · runnable / CPUs / (speed / SPEED_STANDARD) */
uint32_t load_index(const struct node_facts *n);
/* The same if @more (1/1000 tasks; may be negative) came along. */
uint32_t load_index_with(const struct node_facts *n, int64_t more);

#endif
