/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random numbers and the load index: exact sequences and limits.
 */
#include "policy/load.h"
#include "policy/random.h"
#include "test/unit/harness.h"

static void test_random_sequence(void **state)
{
	/* The generator's first results for the state {1, 2, 3, 4}, as published with it. */
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	struct random r = {{1, 2, 3, 4}};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(random_next(&r) == expected[i]);
}

static void test_random_seed(void **state)
{
	/* splitmix64 from 0 */
	static const uint64_t expected[] = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4,
					    0x06c45d188009454f, 0xf88bb8a8724c81ec};
	struct random r, other;

	(void)state;
	random_seed(&r, 0);
	assert_memory_equal(r.s, expected, sizeof(expected));
	random_seed(&other, 1);
	assert_true(random_next(&r) != random_next(&other));
}

static void test_random_below(void **state)
{
	uint32_t seen[6] = {0};
	struct random r;

	(void)state;
	random_seed(&r, 7);
	assert_int_equal(random_below(&r, 0), 0);
	assert_int_equal(random_below(&r, 1), 0);
	for (unsigned int i = 0; i < 60000; i++) {
		uint32_t x = random_below(&r, 6);

		assert_true(x < 6);
		seen[x]++;
	}
	for (unsigned int i = 0; i < 6; i++)
		assert_in_range(seen[i], 9600, 10400);
	for (unsigned int i = 0; i < 1000; i++)
		assert_true(random_below(&r, UINT32_MAX) < UINT32_MAX);
}

static void test_random_unit(void **state)
{
	struct random r;
	double sum = 0;

	(void)state;
	random_seed(&r, 9);
	for (unsigned int i = 0; i < 10000; i++) {
		double x = random_unit(&r);

		assert_true(x >= 0 && x < 1);
		sum += x;
	}
	assert_true(sum > 4900 && sum < 5100);
}

static void test_views(void **state)
{
	static const struct {
		uint32_t sample, leaving, exporting;
	} steps[] = {
		{1000, 1000, 1000},               /* the first counts fully */
		{9000, 4000, 9000},               /* (5·1000 + 3·9000)/8; at once */
		{9000, 5875, 9000}, {0, 0, 7875}, /* at once; (7·9000 + 0)/8 */
		{8000, 3000, 8000}, {8000, 4875, 8000},
		{4000, 4000, 7500}, {4000, 4000, 7062}, /* rounded towards the sample */
		{4001, 4001, 6679},
	};
	struct load_views v = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		load_sample(&v, steps[i].sample);
		assert_int_equal(v.leaving, steps[i].leaving);
		assert_int_equal(v.exporting, steps[i].exporting);
	}
}

static void test_views_arrive(void **state)
{
	struct load_views v = {0};

	(void)state;
	load_sample(&v, 0);
	for (unsigned int i = 0; i < 100; i++)
		load_sample(&v, 16000);
	assert_int_equal(v.leaving, 16000);
	for (unsigned int i = 0; i < 200; i++)
		load_sample(&v, 0);
	assert_int_equal(v.exporting, 0);
	load_sample(&v, UINT32_MAX);
	load_sample(&v, UINT32_MAX);
	assert_int_equal(v.exporting, UINT32_MAX);
	assert_true(v.leaving > UINT32_MAX / 2);
}

static void test_smooth(void **state)
{
	(void)state;
	assert_int_equal(load_smooth_demand(0, 800), 300);
	assert_int_equal(load_smooth_demand(800, 0), 500);
	assert_int_equal(load_smooth_used(0, 800), 200);
	assert_int_equal(load_smooth_used(800, 0), 600);
	assert_int_equal(load_smooth_used(999, 1000), 1000);
	assert_int_equal(load_smooth_demand(UINT32_MAX, UINT32_MAX), UINT32_MAX);
}

static void test_growth(void **state)
{
	uint64_t growth = 0;

	(void)state;
	assert_int_equal(load_smooth_growth(0, 400, 1000), 100);
	assert_int_equal(load_smooth_growth(400, 0, 1000), 300);
	assert_int_equal(load_smooth_growth(1600, 0, 2000), 900);
	assert_int_equal(load_smooth_growth(400, 1u << 30, 0), 400);
	assert_int_equal(load_smooth_growth(400, 1u << 30, -1), 400);
	assert_int_equal(load_smooth_growth(0, UINT64_MAX, 100000), 1ull << 63);
	/* It takes 1 GiB in 4 s and sleeps: it is told of after 1, 2, 4 … s. */
	for (int i = 0; i < 4; i++)
		growth = load_smooth_growth(growth, 256u << 20, 1000);
	assert_in_range(growth, 170u << 20, 180u << 20);
	for (int64_t ms = 1000; ms <= 16000; ms *= 2)
		growth = load_smooth_growth(growth, 0, ms);
	assert_in_range(growth, 0, 1u << 20);
}

static void test_index(void **state)
{
	struct node_facts n = {.cpus = 1000, .speed = SPEED_STANDARD, .runnable = 1000};

	(void)state;
	assert_int_equal(node_capacity(&n), 1000);
	assert_int_equal(load_index(&n), LOAD_STANDARD);
	assert_int_equal(load_index_with(&n, 500), 150);
	assert_int_equal(load_index_with(&n, -1000), 0);
	assert_int_equal(load_index_with(&n, -5000), 0);
	n.cpus = 250;
	assert_int_equal(load_index(&n), 400);
	n.cpus = 4000;
	n.speed = 20000;
	assert_int_equal(node_capacity(&n), 8000);
	assert_int_equal(load_index(&n), 12);
}

static void test_index_limits(void **state)
{
	struct node_facts n = {.runnable = UINT32_MAX};

	(void)state;
	assert_int_equal(node_capacity(&n), 1);
	assert_int_equal(load_index(&n), UINT32_MAX);
	assert_int_equal(load_index_with(&n, INT64_MAX), UINT32_MAX);
	assert_int_equal(load_index_with(&n, INT64_MIN), 0);
	n.cpus = n.speed = UINT32_MAX;
	assert_int_equal(node_capacity(&n), UINT32_MAX);
	assert_int_equal(load_index(&n), 100);
}

static void test_owner(void **state)
{
	struct node_facts n = {.cpus = 1000, .runnable = 3000};

	(void)state;
	assert_false(load_owner_busy(false, &n, 3000));
	assert_false(load_owner_busy(false, &n, 2501));
	assert_true(load_owner_busy(false, &n, 2500));
	assert_true(load_owner_busy(true, &n, 2750));
	assert_false(load_owner_busy(true, &n, 2751));
	/* Guests want more than was seen to run. */
	assert_false(load_owner_busy(true, &n, 9000));
}

static void test_memory_low(void **state)
{
	struct node_facts n = {.mem_total = 4000, .mem_free = 999};

	(void)state;
	assert_false(load_memory_low(false, &n, 99));
	assert_true(load_memory_low(false, &n, 100));
	assert_true(load_memory_low(true, &n, 25));
	assert_false(load_memory_low(true, &n, 24));
	n.mem_free = 1000;
	assert_false(load_memory_low(true, &n, 1000));
	n = (struct node_facts){0}; /* nothing is known of it */
	assert_false(load_memory_low(false, &n, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sequence), cmocka_unit_test(test_random_seed),
		cmocka_unit_test(test_random_below),    cmocka_unit_test(test_random_unit),
		cmocka_unit_test(test_views),           cmocka_unit_test(test_views_arrive),
		cmocka_unit_test(test_smooth),          cmocka_unit_test(test_growth),
		cmocka_unit_test(test_index),           cmocka_unit_test(test_index_limits),
		cmocka_unit_test(test_owner),           cmocka_unit_test(test_memory_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
