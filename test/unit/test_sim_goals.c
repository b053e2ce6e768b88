/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon's decisions must reach on simulated clusters, at sizes that take seconds. */
#include "sim/run.h"
#include "test/unit/sim_setting.h"
#include <math.h>

static struct sim_conf scenario(const char *name, const char *hours, uint64_t seed)
{
	struct sim_conf c;
	struct err e = {""};

	sim_conf_init(&c);
	if (sim_conf_scenario(&c, name, &e) < 0)
		fail_msg("%s", e.text);
	if (hours)
		set(&c, "hours", hours);
	c.seed = seed;
	return c;
}

/* One policy on the settings' trace. */
static struct result run(const struct sim_conf *c, const struct sim_policy *p)
{
	struct result r;
	struct trace t;
	struct err e;

	assert_int_equal(trace_make(&t, c, &e), 0);
	assert_int_equal(sim_run(c, &t, p, &r), 0);
	trace_done(&t);
	print_message("%s: slowdown %.2f, makespan %.2f of the bound, %u moves, %u useless, "
		      "%u overloads, %.2f refusals per job\n",
		      p->name, r.mean, r.makespan / r.bound, (unsigned int)r.moves,
		      (unsigned int)r.useless_moves, (unsigned int)r.overloads,
		      (double)r.refused / r.jobs);
	return r;
}

static double mean(const struct sim_conf *c, const struct sim_policy *p)
{
	struct result r = run(c, p);
	double m = r.mean;

	assert_int_equal(r.unfinished, 0);
	result_done(&r);
	return m;
}

/* Of the best of both ways to start jobs with the classic rule 10 % less, of E-PVM 30 %. */
static void test_slowdown(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct sim_conf c = scenario("opportunity", "0.15", seed);
		double ours = mean(&c, &policy_ours);

		assert_true(ours <= 0.9 * mean(&c, &policy_mosix));
		assert_true(ours <= 0.9 * mean(&c, &policy_mosix_best));
		assert_true(ours <= 0.7 * mean(&c, &policy_epvm));
		assert_true(ours <= 0.9 * mean(&c, &policy_two_choices));
	}
}

/* Not because the others know too little: with full knowledge nobody is better. */
static void test_slowdown_exact(void **state)
{
	struct sim_conf c = scenario("opportunity", "0.15", 1);
	double ours;

	(void)state;
	set(&c, "arrivals", "load:0.9");
	set(&c, "gossip", "exact");
	ours = mean(&c, &policy_ours);
	assert_true(ours <= 1.02 * mean(&c, &policy_mosix_best));
	assert_true(ours <= 0.9 * mean(&c, &policy_mosix));
	assert_true(ours <= mean(&c, &policy_epvm));
}

static void test_compile(void **state)
{
	struct sim_conf c = scenario("compile", NULL, 1);
	struct result r = run(&c, &policy_ours);

	(void)state;
	assert_true(r.makespan <= 1.15 * r.bound);
	result_done(&r);
}

static void test_memory(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct sim_conf c = scenario("memory", "0.5", seed);
		struct result r = run(&c, &policy_ours);

		assert_int_equal(r.avoidable, 0);
		assert_int_equal(r.ooms, 0);
		result_done(&r);
	}
}

/* ------------------------------------------------------------------ moves */

struct useless_case {
	const char *scenario, *hours, *name, *value;
	uint64_t seeds;
};

/* Less than one move in twenty is one that the job would have been as well off without. */
static void test_useless(void **state)
{
	static const struct useless_case cases[] = {
		{"opportunity", "0.3", "arrivals", "load:0.7", 12},
		{"opportunity", "0.3", "arrivals", "load:0.9", 6},
		{"herd", "0.3", "drain", "-1", 2},
		{"partition", "0.3", "drain", "-1", 12},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t moves = 0, useless = 0;

		for (uint64_t seed = 1; seed <= cases[i].seeds; seed++) {
			struct sim_conf c = scenario(cases[i].scenario, cases[i].hours, seed);
			struct result r;

			set(&c, cases[i].name, cases[i].value);
			r = run(&c, &policy_ours);
			moves += r.load_moves;
			useless += r.useless_moves;
			result_done(&r);
		}
		print_message("%s: %u of %u moves useless\n", cases[i].scenario,
			      (unsigned int)useless, (unsigned int)moves);
		assert_true(moves >= 20);
		assert_true(useless * 20 < moves);
	}
}

/* Equal jobs on equal nodes, with samples that are wrong by up to a fifth. */
static void test_pingpong(void **state)
{
	struct sim_conf c = scenario("pingpong", NULL, 1);
	struct result r = run(&c, &policy_ours);

	(void)state;
	assert_int_equal(r.moves, 0);
	result_done(&r);
}

/* Nodes with a quota of a quarter of a CPU, where a move takes half a second. */
static struct sim_conf quarters(void)
{
	struct sim_conf c = scenario("pingpong", NULL, 1);

	set(&c, "cpus", "0.25");
	set(&c, "move-fixed", "0.5");
	set(&c, "job-memory", "fixed:16M");
	return c;
}

/* One job on each: none moves, and with noise hardly any. */
static void test_quarters_stay(void **state)
{
	struct sim_conf c = quarters();
	struct result r;

	(void)state;
	r = run(&c, &policy_ours);
	assert_true(r.moves * 60 <= r.makespan);
	result_done(&r);
	set(&c, "noise", "0");
	r = run(&c, &policy_ours);
	assert_int_equal(r.moves, 0);
	result_done(&r);
}

/* Every node has one to three jobs (two by the mean) so many seconds after the jobs came. */
static double settled_after(const struct result *r)
{
	double at = HUGE_VAL;

	for (uint32_t i = r->point_count; i-- > 0;) {
		const struct result_point *p = &r->points[i];

		if (fabs((double)p->mean - 2 / 0.25) > 0.1)
			continue; /* one is on its way, or they are not there yet, or have ended */
		if ((double)p->most > 3.01 / 0.25 || (double)p->spread > 1.01 / 0.25)
			break;
		at = (double)p->seconds - 10;
	}
	return at;
}

/* Sixteen jobs on the first of eight such nodes; placed, and started at home so that they have to
 * move, although they are only seconds old. */
static void test_quarters_spread(void **state)
{
	(void)state;
	for (int at_home = 0; at_home < 2; at_home++) {
		struct sim_conf c = quarters();
		struct result r;

		set(&c, "noise", "0");
		set(&c, "arrivals", "once:16");
		set(&c, "homes", "1");
		set(&c, "length", "fixed:30");
		if (at_home)
			set(&c, "home-threshold", "100000");
		r = run(&c, &policy_ours);
		print_message("settled after %.0f s, makespan %.0f s\n", settled_after(&r),
			      r.makespan);
		assert_true(settled_after(&r) <= (at_home ? 15 : 2));
		assert_true(r.makespan <= 1.25 * 2 * 30 / 0.25);
		assert_true(r.moves <= (at_home ? 20 : 2));
		result_done(&r);
	}
}

/* Sixteen jobs on the first of eight nodes. */
static void test_spreads(void **state)
{
	struct sim_conf c = scenario("pingpong", NULL, 1);
	struct result r;

	(void)state;
	set(&c, "arrivals", "once:16");
	set(&c, "homes", "1");
	set(&c, "length", "fixed:30");
	r = run(&c, &policy_ours);
	assert_true(r.makespan <= 1.25 * 60);
	result_done(&r);
}

/* Bursts of 50 jobs from four nodes. */
static void test_herd(void **state)
{
	struct sim_conf c = scenario("herd", "0.1", 1);
	struct result r = run(&c, &policy_ours);

	(void)state;
	/* 50 jobs on 32 nodes: two on each at most. */
	assert_true(r.p99 <= 2.5);
	result_done(&r);
}

/* All jobs end in spite of crashes, loss and a cut network. */
static void test_faults(void **state)
{
	static const char *const names[] = {"churn", "partition"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim_conf c = scenario(names[i], "0.2", 1);
		struct result r;

		set(&c, "mtbf", "1200");
		r = run(&c, &policy_ours);
		assert_int_equal(r.unfinished, 0);
		assert_true(r.lost > 0);
		assert_true(r.mean < 2);
		result_done(&r);
	}
}

/* ------------------------------------------------------------------ gossip */

static struct know_stats gossip(uint32_t nodes, const char *kind, double *ret_formula)
{
	struct sim_conf c = scenario("partition", "0.04", 1);
	struct know_stats g;
	struct result r;

	set(&c, "partition", "0,0");
	set(&c, "arrivals", "rate:1");
	set(&c, "drain", "0");
	c.nodes = nodes;
	set(&c, "gossip", kind);
	r = run(&c, &policy_none);
	g = r.gossip;
	*ret_formula = r.age_average;
	print_message("%u nodes, %s: age %.2f, formula %.2f, %.0f bytes/s\n", nodes, kind,
		      g.age_sum / (double)g.age_count, r.age_average, r.bytes_per_node);
	result_done(&r);
	return g;
}

/* The average age by the formula, and as many bytes for any number of nodes. */
static void test_gossip(void **state)
{
	static const uint32_t sizes[] = {32, 64, 128, 200, 256};
	double least = HUGE_VAL, most = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double formula, bytes;
		struct know_stats g = gossip(sizes[i], "real", &formula);
		double age = g.age_sum / (double)g.age_count;

		assert_true(fabs(age - formula) <= 0.15 * formula);
		bytes = (double)g.bytes / g.node_seconds;
		least = fmin(least, bytes);
		most = fmax(most, bytes);
	}
	assert_true(most <= 3000);
	assert_true(most <= 1.1 * least);
}

/* The model of large clusters is as the real thing where both are possible. */
static void test_model(void **state)
{
	double formula;
	struct know_stats real = gossip(150, "real", &formula);
	struct know_stats model = gossip(150, "model", &formula);
	double a = real.age_sum / (double)real.age_count;
	double b = model.age_sum / (double)model.age_count;

	(void)state;
	assert_true(fabs(a - b) <= 0.15 * a);
	assert_true(fabs((double)real.bytes / real.node_seconds -
			 (double)model.bytes / model.node_seconds) <=
		    0.15 * (double)real.bytes / real.node_seconds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slowdown),
		cmocka_unit_test(test_slowdown_exact),
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_pingpong),
		cmocka_unit_test(test_spreads),
		cmocka_unit_test(test_herd),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_gossip),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_useless),
		cmocka_unit_test(test_quarters_stay),
		cmocka_unit_test(test_quarters_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
