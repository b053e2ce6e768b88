/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What jobs cost on nodes.
 */
#include "policy/cost.h"
#include "test/unit/policy_world.h"
#include <math.h>

static struct node_facts node(double cpus, double speed, uint32_t tasks)
{
	struct node_facts n = world_node(1);

	n.cpus = (uint32_t)(cpus * 1000);
	n.speed = (uint32_t)(speed * SPEED_STANDARD);
	n.runnable = tasks * 1000;
	return n;
}

static double marginal(const struct cost_scale *s, const struct node_facts *n,
		       const struct job_facts *j)
{
	struct cost_node c;
	struct cost_job cj;

	cost_node_init(&c, n, n->runnable);
	cost_node_price(s, &c);
	cost_job_init(&cj, j);
	return cost_marginal(s, &c, &cj, cost_files(&cj, j, n->node));
}

static struct cost_scale scale(double longest)
{
	struct cost_scale s;

	cost_scale_init(&s, 8, 1);
	cost_scale_know(&s, longest);
	return s;
}

static void test_price(void **state)
{
	struct cost_scale s = scale(1);
	double last = -1;

	(void)state;
	assert_true(cost_price(&s, 0) == 0);
	assert_true(fabs(cost_price(&s, 1) - 1) < 1e-12);
	/* B = 32, not 8: (32^0.5 - 1)/31 */
	assert_true(fabs(cost_price(&s, 0.5) - 0.15022) < 1e-4);
	for (double u = 0; u < 1e7; u = u * 1.3 + 0.01) {
		double p = cost_price(&s, u);

		assert_true(isfinite(p) && p > last);
		assert_true(fabs(cost_unprice(&s, p) - u) < 1e-6 * (1 + u));
		last = p;
	}
	cost_scale_init(&s, 1000, 1);
	assert_true(fabs(cost_price(&s, 0.5) - (sqrt(1000) - 1) / 999) < 1e-9);
	assert_true(isinf(cost_unprice(&s, (double)INFINITY)));
}

static void test_time(void **state)
{
	static const struct {
		double cpus, speed, more, time;
		uint32_t tasks;
	} cases[] = {
		{1, 1, 1, 1, 0},    {1, 1, 1, 2, 1},    {1, 2, 1, 1, 1},    {4, 1, 1, 1, 3},
		{4, 1, 1, 1.25, 4}, {0.25, 1, 1, 4, 0}, {0.25, 1, 1, 8, 1}, {64, 0.5, 1, 2, 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct node_facts n = node(cases[i].cpus, cases[i].speed, cases[i].tasks);
		struct cost_node c;

		cost_node_init(&c, &n, n.runnable);
		assert_true(fabs(cost_time(&c, cases[i].more) - cases[i].time) < 1e-9);
	}
}

/* A single task runs faster on one fast CPU than on any of 64 slow ones. */
static void test_speed_counts(void **state)
{
	struct node_facts slow = node(64, 0.5, 0), fast = node(1, 2, 0);
	struct cost_scale s = scale(2);
	struct job_facts j = world_job(1);

	(void)state;
	assert_true(marginal(&s, &fast, &j) < marginal(&s, &slow, &j));
	fast.runnable = 6000; /* seven share it */
	assert_true(marginal(&s, &fast, &j) > marginal(&s, &slow, &j));
}

/* Standard CPUs can be any. */
static void test_scale_free(void **state)
{
	struct node_facts a = node(2, 0.5, 3), b = node(1, 1.5, 2);
	struct cost_scale s = scale(4), t = scale(0.4);
	struct job_facts j = world_job(1);
	double x = marginal(&s, &a, &j) / marginal(&s, &b, &j);

	(void)state;
	a.speed *= 10;
	b.speed *= 10;
	assert_true(fabs(marginal(&t, &a, &j) / marginal(&t, &b, &j) - x) < 1e-6);
}

static void test_others_are_harmed(void **state)
{
	struct node_facts n = node(1, 1, 3);
	struct cost_scale s = scale(4), heavy = s;
	struct job_facts j = world_job(1);

	(void)state;
	heavy.harm = 3;
	assert_true(marginal(&heavy, &n, &j) > marginal(&s, &n, &j));
	n = node(8, 1, 3); /* there is a CPU for it: nobody is */
	assert_true(fabs(marginal(&heavy, &n, &j) / marginal(&s, &n, &j) - 1) < 0.1);
}

static void test_memory(void **state)
{
	struct node_facts roomy = node(1, 1, 1), tight = roomy, unknown = roomy;
	struct cost_scale s = scale(2);
	struct job_facts j = world_job(1);

	(void)state;
	tight.mem_free = 400;
	unknown.mem_total = unknown.mem_free = 0;
	assert_true(marginal(&s, &tight, &j) > 1.2 * marginal(&s, &roomy, &j));
	assert_true(marginal(&s, &unknown, &j) < marginal(&s, &roomy, &j));
	j.mem_hint = 380;
	assert_true(marginal(&s, &tight, &j) > 1.4 * marginal(&s, &roomy, &j));
}

static void test_files(void **state)
{
	struct node_facts owner = node(1, 1, 0), other = node(1, 1, 0);
	struct cost_scale s = scale(2);
	struct job_facts j = world_job(1);
	double far, near;

	(void)state;
	owner.node = 5;
	other.node = 6;
	assert_true(marginal(&s, &owner, &j) == marginal(&s, &other, &j));
	j.files[0] = (struct job_files){5, 10 * 1024};
	j.files[1] = (struct job_files){7, 1024};
	near = marginal(&s, &owner, &j);
	far = marginal(&s, &other, &j);
	assert_true(near < far);
	j.flags = JOB_IO_BOUND;
	assert_true(marginal(&s, &other, &j) / marginal(&s, &owner, &j) > far / near);
	j.flags = JOB_CPU_BOUND;
	assert_true(marginal(&s, &owner, &j) == marginal(&s, &other, &j));
}

static void test_finite(void **state)
{
	static const uint32_t values[] = {0, 1, 1000, 1u << 20, UINT32_MAX};
	struct cost_scale s = scale(1);

	(void)state;
	for (unsigned int i = 0; i < 5 * 5 * 5 * 5; i++) {
		struct node_facts n = world_node(1);
		struct job_facts j = world_job(1);
		struct cost_node cn;
		struct cost_job cj;
		double c;

		n.cpus = values[i % 5];
		n.speed = values[i / 5 % 5];
		n.runnable = values[i / 25 % 5];
		j.demand = values[i / 125];
		j.memory = n.mem_free = values[i % 5];
		j.files[0] = (struct job_files){9, values[i / 25 % 5]};
		c = marginal(&s, &n, &j);
		assert_true(isfinite(c) && c >= 0);
		cost_node_init(&cn, &n, n.runnable);
		cost_node_price(&s, &cn);
		cost_job_init(&cj, &j);
		assert_true(cost_at_least(&s, &cn, &cj, cost_time(&cn, cj.tasks)) <=
			    c * (1 + 1e-9) + 1e-9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_price),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_speed_counts),
		cmocka_unit_test(test_scale_free),
		cmocka_unit_test(test_others_are_harmed),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_finite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
