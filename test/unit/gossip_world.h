/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of gossiping nodes in simulated time: datagrams take a millisecond, may be lost, and do
 * not cross a partition. One clock for all, so that true ages can be compared.
 */
#ifndef MOSIX_TEST_GOSSIP_WORLD_H
#define MOSIX_TEST_GOSSIP_WORLD_H

#include "policy/gossip.h"
#include "policy/gossip_wire.h"
#include "policy/random.h"

struct world_mail {
	struct world_mail *next;
	int64_t at;
	uint32_t from, to;
	size_t len;
	uint8_t bytes[];
};

struct world_node {
	struct world *w;
	struct gossip *g; /* NULL: not running */
	uint32_t number;
	uint32_t next;      /* of the same phase; 0 = none */
	uint32_t part;      /* of the network: mail goes only within one */
	bool frozen;        /* neither ticks nor takes mail; gets it afterwards */
	uint64_t bytes;     /* sent, headers counted */
	uint64_t datagrams; /* sent */
};

struct world {
	struct random random;
	struct gossip_config config;
	int64_t now;
	uint32_t count;           /* nodes 1 … count */
	struct world_node *nodes; /* [1 … count] */
	uint32_t *by_phase;       /* [ms within a step]: first node that ticks then */
	struct world_mail *first, **tail;
	uint32_t loss_percent;
	bool clock_set_back; /* who starts now gets a low incarnation */
	/* news that anybody had; false: of one that runs in the same part */
	uint64_t suspected, died, false_deaths;
};

/* Nobody runs yet. @config: NULL for the defaults. */
struct world *world_new(uint32_t count, uint64_t seed, const struct gossip_config *config);
struct world *world_free(struct world *w);
/* All run and know all. */
void world_start_all(struct world *w);
/* @seed_node: whom it knows; 0 = nobody. */
void world_start(struct world *w, uint32_t node, uint32_t seed_node);
void world_kill(struct world *w, uint32_t node);
void world_run(struct world *w, int64_t ms);
/* How many others that run in @part see @node in that state. */
uint32_t world_see(struct world *w, uint32_t part, uint32_t node, enum gossip_state state);
/* All that run see those of their part alive and nobody else. */
bool world_right(struct world *w);
/* Runs until that is so: ms that it took, or -1 = it was not within @max. */
int64_t world_settle(struct world *w, int64_t max);
/* Mean age of what nodes know of others, steps. */
double world_age(struct world *w);

#endif
