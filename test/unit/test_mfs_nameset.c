/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The set of names that were granted: what was put in is in, what was taken out is not, and a set
 * that has become too large has everything in it.
 */
#include "test/unit/harness.h"

#include "mfsfuse/srv_nameset.h"

static const char *name_of(unsigned int n)
{
	static char name[32];

	snprintf(name, sizeof(name), "name-%u.h", n);
	return name;
}

static void test_in_and_out(void **state)
{
	struct nameset s = {.slots = NULL};

	(void)state;
	assert_false(nameset_take(&s, "nothing"));
	nameset_add(&s, "a");
	nameset_add(&s, "a");
	assert_int_equal(s.used, 1);
	assert_true(nameset_take(&s, "a"));
	assert_false(nameset_take(&s, "a"));
	assert_int_equal(s.used, 0);
	nameset_clear(&s);
}

/* However they were pushed out of their places: taking one out loses no other. */
static void test_against_a_plain_set(void **state)
{
	enum { NAMES = 500, STEPS = 200000 };
	static bool in[NAMES];
	struct nameset s = {.slots = NULL};
	uint32_t random = 1;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		unsigned int n;

		random = random * 1664525 + 1013904223;
		n = (random >> 8) % NAMES;
		if (random >> 31) {
			nameset_add(&s, name_of(n));
			in[n] = true;
		} else {
			assert_int_equal(nameset_take(&s, name_of(n)), in[n]);
			in[n] = false;
		}
	}
	for (unsigned int n = 0; n < NAMES; n++)
		assert_int_equal(nameset_take(&s, name_of(n)), in[n]);
	assert_int_equal(s.used, 0);
	nameset_clear(&s);
}

static void test_too_many(void **state)
{
	struct nameset s = {.slots = NULL};

	(void)state;
	for (unsigned int n = 0; n < 20000; n++)
		nameset_add(&s, name_of(n));
	assert_true(s.all);
	assert_true(nameset_take(&s, "never put in"));
	assert_true(nameset_take(&s, "never put in"));
	nameset_clear(&s);
	assert_false(nameset_take(&s, name_of(1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_and_out),
		cmocka_unit_test(test_against_a_plain_set),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
