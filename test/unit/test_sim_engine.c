/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulated machines against what queueing theory says, and the same bytes for the same seed.
 */
#include "sim/report.h"
#include "sim/run.h"
#include "test/unit/sim_setting.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct result run(const struct sim_conf *c, const struct sim_policy *p)
{
	struct result r;
	struct trace t;
	struct err e;

	assert_int_equal(sim_conf_check(c, &e), 0);
	assert_int_equal(trace_make(&t, c, &e), 0);
	assert_int_equal(sim_run(c, &t, p, &r), 0);
	trace_done(&t);
	return r;
}

static void assert_near(double value, double wanted, double share)
{
	if (fabs(value - wanted) > share * wanted)
		fail_msg("%g is not within %g %% of %g", value, 100 * share, wanted);
}

static struct sim_conf one_node(const char *cpus, const char *length, const char *arrivals)
{
	struct sim_conf c;

	sim_conf_init(&c);
	set(&c, "nodes", "1");
	set(&c, "cpus", cpus);
	set(&c, "length", length);
	set(&c, "arrivals", arrivals);
	set(&c, "job-memory", "fixed:1");
	set(&c, "memory", "1T");
	return c;
}

/* ------------------------------------------------------------------ processor sharing */

/* M/G/1-PS: the mean response of a job of size x is x/(1-rho), whatever the distribution. */
static void test_one_cpu(void **state)
{
	static const char *const lengths[] = {"exp:0.1", "hyper:0.1,8", "bpareto:1.1,0.02,2"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct sim_conf c = one_node("1", lengths[i], "load:0.6");
		struct result r;

		set(&c, "hours", "12");
		r = run(&c, &policy_none);
		assert_true(r.slowdown_count > 200000);
		assert_near(r.mean, 1 / (1 - 0.6), 0.04);
		result_done(&r);
	}
}

/* M/M/c: the number of jobs behaves as with a common queue (Erlang's C formula). */
static double erlang_response(unsigned int c, double rho)
{
	double a = c * rho, term = 1, sum = 0, waits;

	for (unsigned int k = 0; k < c; k++) {
		sum += term;
		term *= a / (k + 1);
	}
	waits = term / (1 - rho) / (sum + term / (1 - rho));
	return 1 + waits / (c * (1 - rho));
}

static void test_many_cpus(void **state)
{
	struct sim_conf c = one_node("4", "exp:0.4", "load:0.8");
	struct result r;

	(void)state;
	set(&c, "hours", "12");
	r = run(&c, &policy_none);
	assert_near(r.mean_response, 0.4 * erlang_response(4, 0.8), 0.05);
	result_done(&r);
}

/* Two jobs on one CPU, then on two; a slow CPU; memory that does not suffice. */
static void test_by_hand(void **state)
{
	static const struct {
		const char *cpus, *speed, *memory;
		double response;
	} cases[] = {
		{"1", "1", "1T", 20},
		{"2", "1", "1T", 10},
		{"1", "0.5", "1T", 40},
		{"2", "1", "1500M", 100},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_conf c = one_node(cases[i].cpus, "fixed:10", "once:2");
		struct result r;

		set(&c, "memory", cases[i].memory);
		set(&c, "speed", cases[i].speed);
		set(&c, "job-memory", "fixed:1G");
		r = run(&c, &policy_none);
		assert_near(r.makespan, cases[i].response, 1e-4);
		assert_near(r.mean_response, cases[i].response, 1e-4);
		result_done(&r);
	}
}

/* ------------------------------------------------------------------ distributions */

static void test_means(void **state)
{
	static const char *const dists[] = {"fixed:3",       "uniform:1,4",    "exp:2",
					    "pareto:3,1",    "hyper:2,5",      "bpareto:1,1,50",
					    "bpareto:2,1,9", "lognormal:2,0.5"};
	struct random r;

	(void)state;
	random_seed(&r, 7);
	for (size_t i = 0; i < sizeof(dists) / sizeof(dists[0]); i++) {
		double sum = 0;
		struct dist d;

		assert_true(dist_parse(&d, dists[i], false));
		for (int k = 0; k < 400000; k++)
			sum += dist_draw(&d, &r);
		assert_near(sum / 400000, dist_mean(&d), 0.02);
	}
}

static void test_bad_dists(void **state)
{
	static const char *const bad[] = {"",          "exp",     "exp:",        "exp:0",
					  "exp:1,2",   "exp:1x",  "bpareto:1,2", "hyper:1,0.5",
					  "unknown:1", "exp:nan", "exp:inf",     "bpareto:1,5,2"};
	struct dist d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (dist_parse(&d, bad[i], false))
			fail_msg("\"%s\" was taken", bad[i]);
	assert_true(dist_parse(&d, "bpareto:1.5,512K,2G", true));
	assert_near(d.p[1], 0.5, 1e-9);
	assert_near(d.p[2], 2048, 1e-9);
}

/* ------------------------------------------------------------------ determinism */

static char *report_of(const struct sim_conf *c)
{
	struct result results[SIM_POLICIES];
	struct report r = {.conf = c, .results = results};
	struct trace t;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct err e;

	assert_non_null(f);
	assert_int_equal(trace_make(&t, c, &e), 0);
	r.trace = &t;
	for (; r.count < SIM_POLICIES; r.count++)
		assert_int_equal(sim_run(c, &t, sim_policies[r.count], &results[r.count]), 0);
	assert_int_equal(report_json(&r, f), 0);
	report_text(&r, f);
	fclose(f);
	for (uint32_t i = 0; i < r.count; i++)
		result_done(&results[i]);
	trace_done(&t);
	return text;
}

static void test_determinism(void **state)
{
	struct sim_conf c;
	char *first, *again, *other;
	struct err e;

	(void)state;
	sim_conf_init(&c);
	assert_int_equal(sim_conf_scenario(&c, "churn", &e), 0);
	set(&c, "hours", "0.05");
	set(&c, "mtbf", "300");
	first = report_of(&c);
	again = report_of(&c);
	set(&c, "seed", "2");
	other = report_of(&c);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	free(first);
	free(again);
	free(other);
}

/* What is written and read again is the same, links of jobs included. */
static void test_trace_files(void **state)
{
	char path[] = "/tmp/mosix-sim-trace.XXXXXX";
	int fd = mkstemp(path);
	struct sim_conf c;
	struct trace a, b;
	struct err e = {""};

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	sim_conf_init(&c);
	assert_int_equal(sim_conf_scenario(&c, "compile", &e), 0);
	assert_int_equal(trace_make(&a, &c, &e), 0);
	assert_int_equal(trace_write(&a, path, &e), 0);
	snprintf(c.trace, sizeof(c.trace), "%s", path);
	if (trace_make(&b, &c, &e) < 0)
		fail_msg("%s", e.text);
	unlink(path);
	assert_int_equal(a.job_count, b.job_count);
	assert_int_equal(a.next_count, b.next_count);
	assert_int_equal(a.parallel, b.parallel);
	assert_memory_equal(a.next, b.next, a.next_count * sizeof(*a.next));
	assert_memory_equal(a.jobs, b.jobs, a.job_count * sizeof(*a.jobs));
	trace_done(&a);
	trace_done(&b);
}

static void test_bad_traces(void **state)
{
	static const char *const bad[] = {
		"2 0 1 1 1 0 0\n",                /* numbers begin with 1 */
		"1 0 9 1 1 0 0\n",                /* there is no such home */
		"1 0 1 0 1 0 0\n",                /* nothing to do */
		"1 5 1 1 1 0 0\n2 4 1 1 1 0 0\n", /* times go backwards */
		"1 0 1 1 1 0 0 before 1\n",       /* waits for itself */
		"1 0 1 1 1 0 0 before 7\n",       /* that one does not exist */
		"1 0 1 1 1 0 0 after 2\n2 0 1 1 1 0 0\n",
		"1 nan 1 1 1 0 0\n",
		"hello\n",
	};
	struct sim_conf c;

	(void)state;
	sim_conf_init(&c);
	set(&c, "nodes", "8");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[] = "/tmp/mosix-sim-trace.XXXXXX";
		int fd = mkstemp(path);
		struct trace t;
		struct err e = {""};

		assert_true(fd >= 0);
		assert_int_equal(write(fd, bad[i], strlen(bad[i])), (ssize_t)strlen(bad[i]));
		close(fd);
		snprintf(c.trace, sizeof(c.trace), "%s", path);
		if (trace_make(&t, &c, &e) != -EINVAL || !strstr(e.text, path))
			fail_msg("taken: %s(%s)", bad[i], e.text);
		unlink(path);
	}
}

static void test_bad_scenarios(void **state)
{
	static const char *const bad[] = {
		"[cluster]\nnodes = 0\n",
		"[cluster]\nnods = 3\n",
		"[jobs]\nnodes = 3\n",
		"[run]\npolicy = best\n",
		"nodes\n",
		"[jobs]\narrivals = load:x\n",
		"[cluster]\nspeed = 2-1\n",
	};
	struct sim_conf c, before;
	struct err e;

	(void)state;
	sim_conf_init(&c);
	before = c;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sim_conf_text(&c, "file", bad[i], &e) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		assert_memory_equal(&c, &before, sizeof(c));
	}
	for (unsigned int i = 0; i < preset_count; i++) {
		sim_conf_init(&c);
		if (sim_conf_scenario(&c, presets[i].name, &e) || sim_conf_check(&c, &e))
			fail_msg("%s", e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_cpu),       cmocka_unit_test(test_many_cpus),
		cmocka_unit_test(test_by_hand),       cmocka_unit_test(test_means),
		cmocka_unit_test(test_bad_dists),     cmocka_unit_test(test_determinism),
		cmocka_unit_test(test_trace_files),   cmocka_unit_test(test_bad_traces),
		cmocka_unit_test(test_bad_scenarios),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
