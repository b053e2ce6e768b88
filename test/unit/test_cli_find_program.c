/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search for a program agrees with execvp(). */
#include "cli/find_program.h"
#include "test/unit/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[] = "/tmp/find-program.XXXXXX";

static void make(const char *name, mode_t mode)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(name, mode), 0);
}

static void find_in(const char *path, const char *name, const char *want)
{
	char got[PATH_MAX];

	assert_int_equal(path ? setenv("PATH", path, 1) : unsetenv("PATH"), 0);
	find_program(name, got);
	assert_string_equal(got, want);
}

static void test_order(void **state)
{
	(void)state;
	find_in("a:b", "prog", "a/prog");
	find_in("b:a", "prog", "b/prog");
	find_in("none:b:a", "prog", "b/prog");
}

static void test_unfit(void **state)
{
	(void)state;
	find_in("a:b", "plain", "b/plain"); /* a/plain is not executable */
	find_in("a:b", "dir", "");          /* a/dir is a directory */
	find_in("a:b", "nothing", "");
	find_in("a:b", "", "");
}

static void test_current_directory(void **state)
{
	(void)state;
	find_in("a:", "here", "./here");
	find_in(":a", "here", "./here");
	find_in("a::b", "here", "./here");
	find_in("a:b", "here", "");
}

static void test_no_search(void **state)
{
	(void)state;
	find_in("a", "a/prog", "");
	find_in(NULL, "prog", "");
}

static void test_long(void **state)
{
	char path[3 * PATH_MAX];

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path + sizeof(path) - 3, ":a", 3);
	find_in(path, "prog", "a/prog");
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(base) || chdir(base) < 0)
		return -1;
	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(mkdir("b", 0755), 0);
	assert_int_equal(mkdir("a/dir", 0755), 0);
	make("a/prog", 0755);
	make("b/prog", 0755);
	make("a/plain", 0644);
	make("b/plain", 0755);
	make("here", 0755);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"a/prog", "b/prog", "a/plain", "b/plain", "here"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(files[i]);
	rmdir("a/dir");
	rmdir("a");
	rmdir("b");
	return rmdir(base);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_current_directory),
		cmocka_unit_test(test_no_search),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
