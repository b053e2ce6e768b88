/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results for programs. */
#include "sim/report.h"
#include <errno.h>
#include <jansson.h>

static json_t *slowdown(const struct result *p)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "mean", p->mean, "p50", p->p50, "p95", p->p95,
			 "p99", p->p99, "max", p->worst);
}

static json_t *moves(const struct result *p)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "all", (json_int_t)p->moves,
			 "load", (json_int_t)p->load_moves, "memory", (json_int_t)p->memory_moves,
			 "useless", (json_int_t)p->useless_moves, "failed",
			 (json_int_t)p->failed_moves, "refused", (json_int_t)p->refused, "per_job",
			 p->jobs ? (double)p->moves / p->jobs : 0.0, "refused_per_job",
			 p->jobs ? (double)p->refused / p->jobs : 0.0);
}

static json_t *memory(const struct result *p)
{
	return json_pack("{s:I, s:I, s:I, s:f}", "overloads", (json_int_t)p->overloads, "avoidable",
			 (json_int_t)p->avoidable, "oom", (json_int_t)p->ooms, "node_seconds",
			 p->full_seconds);
}

static json_t *gossip(const struct result *p)
{
	const struct know_stats *g = &p->gossip;
	double ages = g->age_count ? (double)g->age_count : 1;
	double maxima = g->max_count ? (double)g->max_count : 1;

	return json_pack("{s:i, s:f, s:f, s:f, s:f, s:I, s:f}", "window", (int)g->window,
			 "age_steps", g->age_sum / ages, "age_formula", p->age_average,
			 "largest_age_steps", g->max_sum / maxima, "largest_age_formula",
			 p->age_bound, "messages", (json_int_t)g->messages,
			 "bytes_per_node_and_second", p->bytes_per_node);
}

static json_t *result(const struct result *p)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:I, s:o, s:f, s:f, s:f, s:f, s:o, s:o, s:o}",
			 "policy", p->policy, "jobs", (int)p->jobs, "unfinished",
			 (int)p->unfinished, "lost", (int)p->lost, "remote_starts",
			 (json_int_t)p->remote_starts, "slowdown", slowdown(p), "response_seconds",
			 p->mean_response, "makespan_seconds", p->makespan, "lower_bound_seconds",
			 p->bound, "load_spread", p->mean_spread, "moves", moves(p), "memory",
			 memory(p), "gossip", gossip(p));
}

int report_json(const struct report *r, FILE *out)
{
	json_t *all = json_array(), *top;
	int e;

	for (uint32_t i = 0; i < r->count; i++)
		json_array_append_new(all, result(&r->results[i]));
	top = json_pack("{s:i, s:I, s:o}", "nodes", (int)r->trace->node_count, "seed",
			(json_int_t)r->conf->seed, "results", all);
	if (!top)
		return -ENOMEM;
	e = json_dumpf(top, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(top);
	return e || fputc('\n', out) == EOF || fflush(out) ? -EIO : 0;
}
