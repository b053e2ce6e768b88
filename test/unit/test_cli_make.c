/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which lines of a makefile become jobs, and what is in the environment of which. */
#include "cli/make_env.h"
#include "cli/make_line.h"
#include "test/unit/harness.h"
#include <stdlib.h>
#include <string.h>

static enum make_line kind_of(const char *script, const char *patterns)
{
	char *const argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, NULL};

	return make_line_kind(argv, patterns);
}

static void test_light(void **state)
{
	static const char *const lines[] = {
		"echo hello; mkdir -p x && rm -f 'a b' \"gcc\"",
		"if [ -e x ]; then mv x y; else touch y; fi",
		"set -e; cp a b >log 2>&1; A=1 B=2 chmod +x b || true",
		"/bin/mkdir -p out/dir",
		"{ echo a; echo b; } >file",
		"cat a b \\\n\tc >d # gcc x.c",
		"rm -f lib.a && ar rcs lib.a a.o b.o",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(kind_of(lines[i], NULL), MAKE_LINE_LIGHT);
}

static void test_jobs(void **state)
{
	static const char *const lines[] = {
		"gcc -c x.c -o x.o",
		"cd sub && A=b gcc -c x.c",
		"echo `gcc -v`",
		"echo \"$(gcc -v)\"",
		"for f in a b; do gcc -c $f.c; done",
		"echo a | sed s/a/b/ >x",
		"set -e; echo CC; gcc -c x.c; rm -f x.d",
		"(gcc -c x.c)",
		"! gcc",
		"cat <<X\necho\nX\n",
		"'gcc' x",
		"$CC x",
		"echo \"unended `",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(kind_of(lines[i], NULL), MAKE_LINE_JOB);
}

static void test_makes(void **state)
{
	static const char *const lines[] = {
		"make -C sub",
		"cd sub && /usr/bin/make all",
		"for d in a b; do (cd $d; gmake); done",
		"env A=b nice make",
		"x=$(make -s print)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(kind_of(lines[i], NULL), MAKE_LINE_MAKE);
	assert_int_equal(kind_of("makeinfo x; ./make-all; cmake .", NULL), MAKE_LINE_JOB);
}

static void test_shells(void **state)
{
	char *const direct[] = {(char *)"gcc", (char *)"-c", (char *)"echo", NULL};
	char *const cheap[] = {(char *)"/bin/echo", (char *)"gcc", NULL};
	char *const strict[] = {(char *)"bash", (char *)"-eu",  (char *)"-o", (char *)"pipefail",
				(char *)"-c",   (char *)"rm x", NULL};
	char *const script[] = {(char *)"sh", (char *)"echo", NULL};
	char *const python[] = {(char *)"python3", (char *)"-c", (char *)"echo", NULL};

	(void)state;
	assert_int_equal(make_line_kind(direct, NULL), MAKE_LINE_JOB);
	assert_int_equal(make_line_kind(cheap, NULL), MAKE_LINE_LIGHT);
	assert_int_equal(make_line_kind(strict, NULL), MAKE_LINE_LIGHT);
	assert_int_equal(make_line_kind(script, NULL), MAKE_LINE_JOB);
	assert_int_equal(make_line_kind(python, NULL), MAKE_LINE_JOB);
}

static void test_patterns(void **state)
{
	char *const direct[] = {(char *)"ld", (char *)"-o", (char *)"vmlinux", NULL};

	(void)state;
	assert_int_equal(kind_of("gcc -o prog a.o", "-o prog\n"), MAKE_LINE_LOCAL);
	assert_int_equal(kind_of("gcc -o prog a.o", "ld\n-o p*g a\n"), MAKE_LINE_LOCAL);
	assert_int_equal(kind_of("gcc -c a.c", "ld\n-o p*g a\n"), MAKE_LINE_JOB);
	assert_int_equal(make_line_kind(direct, "vmlin?x"), MAKE_LINE_LOCAL);
}

static void test_names(void **state)
{
	char *sh[] = {(char *)"/bin/sh", (char *)"-c",
		      (char *)"set -e; echo CC; cd x && A=b /usr/bin/gcc -c y.c; rm z", NULL};
	char name[8];

	(void)state;
	make_line_name(sh, name, sizeof(name));
	assert_string_equal(name, "gcc");
	sh[2] = (char *)"/opt/averylongname x";
	make_line_name(sh, name, sizeof(name));
	assert_string_equal(name, "averylo");
	sh[2] = (char *)"";
	make_line_name(sh, name, sizeof(name));
	assert_string_equal(name, "sh");
}

static const char *value(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

/* @want NULL: not set. */
static void check(const char *const *env, unsigned int how, const char *name, const char *want)
{
	char **copy = make_env_copy((char *const *)env, how);
	const char *got;

	assert_non_null(copy);
	got = value(copy, name);
	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
	free(copy);
}

static void test_preload(void **state)
{
	static const char *const none[] = {"A=b", "MOSIX_MAKE_PRELOAD=/x.so", NULL};
	static const char *const others[] = {"LD_PRELOAD=/a.so:/x.so /b.so",
					     "MOSIX_MAKE_PRELOAD=/x.so", NULL};
	static const char *const only[] = {"MOSIX_MAKE_PRELOAD=/x.so", "LD_PRELOAD=/x.so", NULL};

	(void)state;
	check(none, MAKE_ENV_LOADED, "LD_PRELOAD", "/x.so");
	check(none, MAKE_ENV_UNLOADED, "LD_PRELOAD", NULL);
	check(others, MAKE_ENV_LOADED, "LD_PRELOAD", "/x.so:/a.so:/b.so");
	check(others, MAKE_ENV_UNLOADED, "LD_PRELOAD", "/a.so:/b.so");
	check(others, 0, "LD_PRELOAD", "/a.so:/x.so /b.so");
	check(only, MAKE_ENV_LOADED, "LD_PRELOAD", "/x.so");
	check(only, MAKE_ENV_UNLOADED | MAKE_ENV_CLEAN, "LD_PRELOAD", NULL);
	check(only, MAKE_ENV_CLEAN, "MOSIX_MAKE_PRELOAD", NULL);
	check(none, MAKE_ENV_CLEAN | MAKE_ENV_UNLOADED, "A", "b");
}

static void test_jobserver(void **state)
{
	static const struct {
		const char *flags, *want;
	} cases[] = {
		{"MAKEFLAGS=kw -j4 --jobserver-auth=3,4 --jobserver-style=pipe -- A=-j4 B=--\\ c",
		 "kw -- A=-j4 B=--\\ c"},
		{"MAKEFLAGS= -j --jobserver-fds=3,4", ""},
		{"MAKEFLAGS=s", "s"},
		{"MAKEFLAGS= --no-print-directory -j8", " --no-print-directory"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *const env[] = {cases[i].flags, NULL};

		check(env, MAKE_ENV_NO_JOBSERVER, "MAKEFLAGS", cases[i].want);
		check(env, 0, "MAKEFLAGS", strchr(cases[i].flags, '=') + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_light),    cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_makes),    cmocka_unit_test(test_shells),
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_names),
		cmocka_unit_test(test_preload),  cmocka_unit_test(test_jobserver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
