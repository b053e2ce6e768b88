/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Persistent sequences: no number twice, whatever happens to the process.
 */
#include "test/unit/harness.h"

#include "daemon/seq.h"

static char *dir;
static const char *path;

static int setup(void **state)
{
	(void)state;
	dir = test_mkdir();
	path = test_path(dir, "seq");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_rmdir(dir);
	return 0;
}

static void test_counts(void **state)
{
	struct seq s;
	uint64_t n, before = 0;

	(void)state;
	assert_int_equal(seq_open(&s, path, NULL), 0);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(seq_next(&s, &n), 0);
		assert_int_equal(n, before + 1);
		before = n;
	}
}

static void test_crashes(void **state)
{
	struct seq s;
	uint64_t n, before = 0;

	(void)state;
	/* Each "process" forgets where it was. */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(seq_open(&s, path, NULL), 0);
		for (int k = 0; k <= i * 7; k++) {
			assert_int_equal(seq_next(&s, &n), 0);
			assert_true(n > before);
			before = n;
		}
	}
}

static void test_close(void **state)
{
	struct seq s;
	uint64_t n;

	(void)state;
	for (uint64_t i = 1; i < 200; i++) {
		assert_int_equal(seq_open(&s, path, NULL), 0);
		assert_int_equal(seq_next(&s, &n), 0);
		assert_int_equal(n, i);
		seq_close(&s);
	}
}

static void test_cannot_write(void **state)
{
	struct seq s;
	uint64_t n = 77;

	(void)state;
	assert_int_equal(seq_open(&s, "/nonexistent/seq", NULL), 0);
	assert_int_equal(seq_next(&s, &n), -ENOENT);
	assert_int_equal(n, 77);
}

static void test_damaged(void **state)
{
	struct err e;
	struct seq s;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		static const char *const texts[] = {"", "many\n", "0\n"};

		test_write(path, texts[i]);
		assert_int_equal(seq_open(&s, path, &e), -EINVAL);
		assert_non_null(strstr(e.text, path));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crashes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
		cmocka_unit_test(test_cannot_write),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
