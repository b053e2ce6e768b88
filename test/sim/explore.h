/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching the checker's cluster for a state that must not be. The first one found is in
 * sim_violation.
 */
#ifndef MOSIX_TEST_SIM_EXPLORE_H
#define MOSIX_TEST_SIM_EXPLORE_H

#include "test/sim/world.h"

struct explore {
	size_t states;    /* different ones */
	size_t steps;     /* between them */
	size_t overflows; /* steps not followed, since a queue was full */
	bool complete;    /* nothing was left out but these */
};

/* Every state that can be reached from @root, up to @limit of them. True: all are well. */
bool explore_all(const struct world *root, size_t limit, bool verbose, struct explore *ret);
/* One long random walk. True: all is well. */
bool explore_walk(const struct world *root, uint64_t seed, bool verbose, struct explore *ret);

#endif
