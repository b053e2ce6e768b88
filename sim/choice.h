/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policies of others that are compared have in common: nodes to choose from, with what
 * the node that chooses has sent there since they last said how loaded they are.
 */
#ifndef MOSIX_SIM_CHOICE_H
#define MOSIX_SIM_CHOICE_H

#include "sim/run.h"

struct choice {
	uint32_t node; /* index */
	double jobs;   /* that run there or will soon */
	double cpus, speed;
	double memory, free; /* MiB */
};

/* State of such a policy (sim->state). */
struct chooser;

int chooser_init(struct sim *s);
void chooser_done(struct sim *s);
/* All nodes that @node knows, itself first with its numbers of this moment. Valid until the next
 * call. @ret_count at least 1. */
struct choice *chooser_list(struct sim *s, uint32_t node, uint32_t *ret_count);
/* @node has sent a job to @to. */
void chooser_sent(struct sim *s, uint32_t node, uint32_t to, double memory);
/* A counter of each node, for what it likes. */
uint32_t *chooser_counter(struct sim *s, uint32_t node);

/* MiB that are known of a new job: all, or nothing. */
double known_memory(const struct sim *s, uint32_t job);
/* Load index of @c with @more jobs. */
double choice_load(const struct choice *c, double more);

#endif
