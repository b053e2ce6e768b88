/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A few nodes and jobs to make decisions about.
 */
#ifndef MOSIX_TEST_UNIT_POLICY_WORLD_H
#define MOSIX_TEST_UNIT_POLICY_WORLD_H

#include "policy/balance.h"
#include "policy/load.h"
#include "policy/random.h"
#include "test/unit/harness.h"

enum { WORLD_NODES = 300, WORLD_JOBS = 64 };

/* Node 1 decides. */
struct world {
	struct balance_config config;
	struct balance *balance;
	struct node_facts self, nodes[WORLD_NODES];
	struct job_facts jobs[WORLD_JOBS];
	struct balance_view view;
	struct balance_decision decision;
};

static inline struct node_facts world_node(uint32_t node)
{
	return (struct node_facts){
		.node = node,
		.cpus = 1000,
		.speed = SPEED_STANDARD,
		.mem_total = 4096,
		.mem_free = 3500,
		.classes = 0xff,
		.age_ms = 500,
	};
}

/* Old enough to move. */
static inline struct job_facts world_job(uint64_t job)
{
	return (struct job_facts){
		.job = job,
		.home = 1,
		.demand = 1000,
		.used = 1000,
		.memory = 20,
		.age_ms = 60000,
		.here_ms = 60000,
	};
}

/* @nodes in all, idle, but for @jobs at node 1. */
static inline void world_init(struct world *w, size_t nodes, size_t jobs)
{
	*w = (struct world){0};
	balance_config_init(&w->config, 1);
	w->balance = balance_new(&w->config, 1, NULL);
	assert_non_null(w->balance);
	w->self = world_node(1);
	w->self.runnable = (uint32_t)jobs * 1000;
	w->self.age_ms = 0;
	w->self.jobs = (uint16_t)jobs;
	for (size_t i = 0; i + 1 < nodes; i++)
		w->nodes[i] = world_node((uint32_t)i + 2);
	for (size_t i = 0; i < jobs; i++)
		w->jobs[i] = world_job(i + 1);
	w->view = (struct balance_view){
		.now_ms = 1000000,
		.self = &w->self,
		.nodes = w->nodes,
		.node_count = nodes - 1,
		.cluster = (uint32_t)nodes,
		.jobs = w->jobs,
		.job_count = jobs,
	};
}

static inline void world_done(struct world *w)
{
	w->balance = balance_free(w->balance);
}

static inline bool world_decide(struct world *w)
{
	return balance_decide(w->balance, &w->view, &w->decision);
}

#define assert_reason(w, what) \
	assert_string_equal(balance_reason_name((w)->decision.reason), balance_reason_name(what))

#endif
