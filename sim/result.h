/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of a run. */
#ifndef MOSIX_SIM_RESULT_H
#define MOSIX_SIM_RESULT_H

#include "sim/know.h"

#define RESULT_POINTS 720 /* of a curve over time, at most */

struct result_point {
	float seconds;
	float mean, spread, most; /* load per CPU of standard speed over the nodes */
};

struct result {
	const char *policy;
	uint32_t jobs, unfinished, lost; /* lost: restarts after a crash */
	float *slowdowns;                /* sorted; of jobs that ended */
	uint32_t slowdown_count;
	double mean, p50, p95, p99, worst;
	double mean_response; /* seconds */
	double makespan, bound;
	uint64_t remote_starts, moves, failed_moves, refused;
	uint64_t load_moves, useless_moves; /* useless ones are among those for load */
	uint64_t memory_moves;
	uint64_t overloads, avoidable, ooms; /* how often memory was exceeded on a node */
	double full_seconds;                 /* node seconds in which it was */
	struct result_point *points;
	uint32_t point_count;
	double mean_spread;
	struct know_stats gossip;
	double age_average, age_bound; /* by the formula, in steps */
	double bytes_per_node;         /* and second */
	double wall_seconds;           /* of the machine that simulates */
	uint64_t events;
};

void result_done(struct result *r);

#endif
