/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results as a table. */
#include "sim/report.h"
#include <inttypes.h>

static double share(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static void print_cluster(const struct report *r, FILE *out)
{
	double cpus = 0, capacity = 0, memory = 0, work = 0;
	const struct trace *t = r->trace;

	for (uint32_t i = 0; i < t->node_count; i++) {
		cpus += t->nodes[i].cpus;
		capacity += t->nodes[i].cpus * t->nodes[i].speed;
		memory += t->nodes[i].memory;
	}
	for (uint32_t j = 0; j < t->job_count; j++)
		work += (double)t->jobs[j].length;
	fprintf(out, "%u nodes, %.4g CPUs (%.1f standard ones), %.1f GiB; ", t->node_count, cpus,
		capacity, memory / 1024);
	fprintf(out, "%u jobs, %.1f CPU hours; seed %" PRIu64 "\n\n", t->job_count, work / 3600,
		r->conf->seed);
}

static void print_slowdowns(const struct report *r, FILE *out)
{
	fprintf(out, "%-13s %8s %7s %7s %8s %9s %9s %6s %9s\n", "policy", "slowdown", "median",
		"95 %", "99 %", "makespan", "/ bound", "spread", "unended");
	for (uint32_t i = 0; i < r->count; i++) {
		const struct result *p = &r->results[i];

		fprintf(out, "%-13s %8.2f %7.2f %7.2f %8.2f %8.0fs %9.2f %6.2f %9u\n", p->policy,
			p->mean, p->p50, p->p95, p->p99, p->makespan,
			p->bound > 0 ? p->makespan / p->bound : 0, p->mean_spread, p->unfinished);
	}
}

static void print_moves(const struct report *r, FILE *out)
{
	fprintf(out, "\n%-13s %9s %9s %8s %8s %9s %9s %6s %8s %6s\n", "policy", "remote", "moves",
		"per job", "useless", "overloads", "avoidable", "OOM", "refused", "lost");
	for (uint32_t i = 0; i < r->count; i++) {
		const struct result *p = &r->results[i];

		fprintf(out, "%-13s %9" PRIu64 " %9" PRIu64 " %8.3f %6.1f %% %9" PRIu64, p->policy,
			p->remote_starts, p->moves, share(p->moves, p->jobs),
			100 * share(p->useless_moves, p->load_moves), p->overloads);
		fprintf(out, " %9" PRIu64 " %6" PRIu64 " %8.3f %6u\n", p->avoidable, p->ooms,
			share(p->refused, p->jobs), p->lost);
	}
}

static void print_gossip(const struct report *r, FILE *out)
{
	const struct result *p = &r->results[r->count - 1];
	const struct know_stats *g = &p->gossip;

	if (!g->age_count)
		return;
	fprintf(out,
		"\ngossip of %u entries: age %.1f steps on average (formula %.1f), largest %.1f "
		"(formula %.1f); %.0f bytes per node and second\n",
		g->window, g->age_sum / (double)g->age_count, p->age_average,
		g->max_sum / (double)g->max_count, p->age_bound, p->bytes_per_node);
}

void report_text(const struct report *r, FILE *out)
{
	if (!r->count)
		return;
	print_cluster(r, out);
	print_slowdowns(r, out);
	print_moves(r, out);
	print_gossip(r, out);
}
