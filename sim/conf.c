/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings: one table for scenario files and for the command line. */
#include "sim/conf.h"
#include "sim/policy.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(struct sim_conf *c, const struct conf_key *k)
{
	return (char *)c + k->offset;
}

/* ------------------------------------------------------------------ kinds of values */

static bool parse_number(const char *text, double min, double max, double *ret)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !isfinite(v) || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

static bool set_number(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	return parse_number(text, k->min, k->max, field(c, k));
}

static bool set_count(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	double v;

	if (!parse_number(text, k->min, k->max, &v) || v != floor(v))
		return false;
	*(uint32_t *)field(c, k) = (uint32_t)v;
	return true;
}

static bool set_seed(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	char *end;

	(void)k;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	c->seed = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* "A" or "A-B" */
static bool set_range(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	struct range r;

	if (!size_parse(&r.low, text, &text))
		return false;
	r.high = r.low;
	if (*text == '-' && !size_parse(&r.high, text + 1, &text))
		return false;
	if (*text || r.low < k->min || r.high < r.low || r.high > k->max)
		return false;
	*(struct range *)field(c, k) = r;
	return true;
}

static bool set_length(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	return dist_parse(field(c, k), text, false);
}

static bool set_sizes(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	return dist_parse(field(c, k), text, true);
}

static bool set_path(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	size_t n = strlen(text);

	if (!n || n >= sizeof(c->trace))
		return false;
	memcpy(field(c, k), text, n + 1);
	return true;
}

static bool set_arrivals(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	double a = 0, b = 0;
	int end = 0;

	(void)k;
	if (sscanf(text, "rate:%lf%n", &a, &end) == 1 && !text[end])
		c->arrivals = ARRIVALS_RATE;
	else if (sscanf(text, "load:%lf%n", &a, &end) == 1 && !text[end])
		c->arrivals = ARRIVALS_LOAD;
	else if (sscanf(text, "burst:%lf,%lf%n", &a, &b, &end) == 2 && !text[end] && b > 0)
		c->arrivals = ARRIVALS_BURST;
	else if (sscanf(text, "once:%lf%n", &a, &end) == 1 && !text[end])
		c->arrivals = ARRIVALS_ONCE;
	else
		return false;
	c->arrivals_a = a;
	c->arrivals_b = b;
	return isfinite(a) && a > 0 && isfinite(b) && a <= SIM_JOBS_MAX;
}

static bool set_gossip(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	static const char *const names[] = {"auto", "real", "model", "exact"};

	(void)k;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		c->gossip = (enum know_kind)i;
		return true;
	}
	return false;
}

/* "START,LENGTH" */
static bool set_partition(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	double start, length;
	int end = 0;

	(void)k;
	if (sscanf(text, "%lf,%lf%n", &start, &length, &end) != 2 || text[end] ||
	    !isfinite(start) || !isfinite(length) || start < 0 || length < 0)
		return false;
	c->partition_start = start;
	c->partition_length = length;
	return true;
}

static bool set_policies(struct sim_conf *c, const struct conf_key *k, const char *text)
{
	uint32_t set = 0;

	(void)k;
	for (const char *p = text; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");
		uint32_t one = sim_policy_mask(p, n);

		if (!one)
			return false;
		set |= one;
		p += n;
	}
	c->policies = set;
	return set != 0;
}

/* ------------------------------------------------------------------ the table */

#define AT(f) offsetof(struct sim_conf, f)
#define BIG 1e9

const struct conf_key conf_keys[] = {
	{"cluster", "nodes", "N", "nodes of the cluster: 2 to 10000 (1 to check the engine)",
	 set_count, AT(nodes), 1, SIM_NODES_MAX},
	{"cluster", "cpus", "A-B", "CPUs of each node; one number may be a fraction: a quota",
	 set_range, AT(cpus), 0.01, 1024},
	{"cluster", "speed", "A-B", "speed of its CPUs; 1 is the standard CPU", set_range,
	 AT(speed), 0.01, 100},
	{"cluster", "memory", "A-B", "its memory for jobs: 512M, 8G-64G", set_range, AT(memory), 1,
	 BIG},
	{"cluster", "paging", "X", "how much slower jobs run where memory is exceeded", set_number,
	 AT(paging), 1, 1000},
	{"cluster", "swap", "SHARE", "swap space as a share of memory; beyond it: OOM", set_number,
	 AT(swap), 0, 100},
	{"cluster", "noise", "SHARE", "samples of the load are wrong by up to this share",
	 set_number, AT(noise), 0, 1},
	{"jobs", "arrivals", "HOW", "rate:PER-SECOND, load:SHARE, burst:JOBS,SECONDS or once:JOBS",
	 set_arrivals, 0, 0, 0},
	{"jobs", "length", "DIST", "CPU seconds: exp:MEAN, pareto:A,MIN, bpareto:A,MIN,MAX, …",
	 set_length, AT(length), 0, 0},
	{"jobs", "job-memory", "DIST", "their sizes: bpareto:1,16M,2G, …", set_sizes,
	 AT(job_memory), 0, 0},
	{"jobs", "grow", "SHARE", "share of its run in which a job grows to its size", set_number,
	 AT(grow), 0, 1},
	{"jobs", "hints", "SHARE", "share of jobs whose size is known at their start", set_number,
	 AT(hints), 0, 1},
	{"jobs", "homes", "N", "jobs start from the first N nodes; 0: from all", set_count,
	 AT(homes), 0, SIM_NODES_MAX},
	{"jobs", "skew", "X", "exponent of Zipf's law over these; 0: all alike", set_number,
	 AT(skew), 0, 10},
	{"jobs", "make-units", "N", "a parallel make of N compilations instead of jobs", set_count,
	 AT(make_units), 0, 1000000},
	{"jobs", "make-links", "N", "links that wait for their part of these", set_count,
	 AT(make_links), 0, 100000},
	{"jobs", "make-jobs", "N", "make -j N", set_count, AT(make_jobs), 1, 1000000},
	{"jobs", "link-length", "DIST", "CPU seconds of a link", set_length, AT(link_length), 0, 0},
	{"jobs", "trace", "FILE", "jobs come from this file", set_path, AT(trace), 0, 0},
	{"moves", "move-fixed", "SECONDS", "what every move takes", set_number, AT(move_fixed), 0,
	 3600},
	{"moves", "bandwidth", "MIB/S", "rate at which memory moves", set_number,
	 AT(move_bandwidth), 0.001, BIG},
	{"moves", "start-remote", "SECONDS", "a start on another node takes longer by this",
	 set_number, AT(start_remote), 0, 60},
	{"gossip", "gossip", "KIND", "auto, real, model or exact", set_gossip, 0, 0, 0},
	{"gossip", "window", "N", "entries per message; 0: what the daemon uses", set_count,
	 AT(window), 0, 1000},
	{"gossip", "candidates", "N", "decisions look at the N freshest nodes; 0: all", set_count,
	 AT(candidates), 0, SIM_NODES_MAX},
	{"gossip", "latency", "SECONDS", "of a message", set_number, AT(latency), 0, 60},
	{"gossip", "loss", "SHARE", "share of messages that are lost", set_number, AT(loss), 0,
	 0.999},
	{"faults", "mtbf", "SECONDS", "mean time between crashes of one node; 0: none", set_number,
	 AT(mtbf), 0, BIG},
	{"faults", "repair", "SECONDS", "mean time until it is back", set_number, AT(repair), 1,
	 BIG},
	{"faults", "partition", "START,LENGTH", "the network is cut in two for LENGTH seconds",
	 set_partition, 0, 0, 0},
	{"faults", "partition-share", "SHARE", "share of the nodes on the far side", set_number,
	 AT(partition_share), 0, 1},
	{"ours", "hysteresis", "H", "a move must gain (1 + H) times what it costs there",
	 set_number, AT(hysteresis), 0, 1000},
	{"ours", "residency", "SECONDS", "a job that came stays as long", set_number, AT(residency),
	 0, 3600},
	{"ours", "near-load", "LOAD", "nodes within it are as good as the best", set_number,
	 AT(near_load), 0, 10000},
	{"ours", "home-threshold", "LOAD", "below this load new jobs stay at home", set_number,
	 AT(home_threshold), 0, 100000},
	{"run", "hours", "H", "time in which jobs arrive", set_number, AT(hours), 1e-4,
	 SIM_HOURS_MAX},
	{"run", "drain", "H", "time for the rest of them; -1: until all have ended", set_number,
	 AT(drain), -1, SIM_HOURS_MAX},
	{"run", "seed", "N", "seed of all chance", set_seed, 0, 0, 0},
	{"run", "policy", "LIST", "all, or some of those below", set_policies, 0, 0, 0},
};

const unsigned int conf_key_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

void sim_conf_init(struct sim_conf *c)
{
	*c = (struct sim_conf){
		.nodes = 64,
		.cpus = {1, 1},
		.speed = {1, 1},
		.memory = {4096, 4096},
		.paging = 10,
		.swap = 0.5,
		.arrivals = ARRIVALS_LOAD,
		.arrivals_a = 0.7,
		.length = {DIST_BPARETO, {1, 0.1, 1000}},
		.job_memory = {DIST_BPARETO, {1, 8, 1024}},
		.homes = 0,
		.make_links = 10,
		.make_jobs = 32,
		.link_length = {DIST_FIXED, {1}},
		.move_fixed = 0.1,
		.move_bandwidth = 110,
		.start_remote = 0.005,
		.latency = 0.0003,
		.repair = 300,
		.partition_share = 0.5,
		.hysteresis = -1,
		.residency = -1,
		.near_load = -1,
		.home_threshold = -1,
		.hours = 1,
		.drain = -1,
		.seed = 1,
		.policies = sim_policy_mask("all", 3),
	};
}

int sim_conf_set(struct sim_conf *c, const struct conf_key *k, const char *text, struct err *e)
{
	struct sim_conf t = *c;

	if (!k->set(&t, k, text))
		return err_set(e, -EINVAL, "%s: \"%s\" is not possible; wanted: %s (%s)", k->name,
			       text, k->arg, k->help);
	*c = t;
	return 0;
}

int sim_conf_check(const struct sim_conf *c, struct err *e)
{
	if (c->cpus.low < c->cpus.high && c->cpus.low < 1)
		return err_set(e, -EINVAL, "cpus: from one number to another there are whole CPUs");
	if (c->homes > c->nodes)
		return err_set(e, -EINVAL, "homes: there are only %u nodes", c->nodes);
	if (c->arrivals == ARRIVALS_LOAD && !*c->trace && !c->make_units &&
	    !isfinite(dist_mean(&c->length)))
		return err_set(e, -EINVAL,
			       "arrivals: these lengths have no mean; give rate:PER-SECOND or "
			       "bound them (bpareto)");
	if (c->make_units && c->make_links > c->make_units)
		return err_set(e, -EINVAL, "make-links: there are only %u units", c->make_units);
	return 0;
}
