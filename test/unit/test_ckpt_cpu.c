/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU features: reading /proc/cpuinfo, and which node is good enough for which.
 */
#include "test/unit/harness.h"

#include "ckpt/cpu.h"

static struct cpu parse(const char *text)
{
	struct cpu c = {0};

	assert_int_equal(cpu_parse(&c, text), 0);
	return c;
}

static bool subset(const char *from, const char *to, struct err *e)
{
	char text[2][512];
	struct cpu a, b;
	bool yes;

	snprintf(text[0], sizeof(text[0]), "flags\t\t: %s\n", from);
	snprintf(text[1], sizeof(text[1]), "flags\t\t: %s\n", to);
	a = parse(text[0]);
	b = parse(text[1]);
	yes = cpu_subset(&a, &b, "n2", e);
	cpu_done(&a);
	cpu_done(&b);
	return yes;
}

static void test_parse(void **state)
{
	struct cpu c = parse("processor\t: 0\nflags\t\t: sse2 fpu avx fpu\nbugs\t\t: x\n\n"
			     "processor\t: 1\nflags\t\t: sse2 fpu avx fpu\n");

	(void)state;
	assert_int_equal(c.flag_count, 3);
	assert_string_equal(c.flags[0], "avx");
	assert_string_equal(c.flags[1], "fpu");
	assert_string_equal(c.flags[2], "sse2");
	cpu_done(&c);
}

static void test_parse_unequal_processors(void **state)
{
	struct cpu c = parse("flags\t\t: fpu avx amx sse\n\nflags\t\t: sse fpu avx vnni\n");

	(void)state;
	assert_int_equal(c.flag_count, 3);
	assert_string_equal(c.flags[0], "avx");
	assert_string_equal(c.flags[1], "fpu");
	assert_string_equal(c.flags[2], "sse");
	cpu_done(&c);
}

static void test_parse_nothing(void **state)
{
	static const char *const bad[] = {"", "processor: 0\n", "vmx flags\t: a b\n", "flags"};
	struct cpu c = {.flag_count = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(cpu_parse(&c, bad[i]), -EBADMSG);
	assert_int_equal(c.flag_count, 77);
}

static void test_parse_too_many(void **state)
{
	char *text = malloc(64 << 10);
	struct cpu c = {0};
	size_t n;

	(void)state;
	n = (size_t)sprintf(text, "flags\t\t:");
	for (int i = 0; i <= CPU_FLAGS_MAX; i++)
		n += (size_t)sprintf(text + n, " f%d", i);
	assert_int_equal(cpu_parse(&c, text), -EBADMSG);
	assert_int_equal(c.flag_count, 0);
	free(text);
}

static void test_subset(void **state)
{
	struct err e = {""};

	(void)state;
	assert_true(subset("fpu sse", "sse fpu avx", &e));
	assert_true(subset("", "fpu", &e));
	assert_string_equal(e.text, "");
	assert_false(subset("fpu avx2 sse", "fpu sse", &e));
	assert_non_null(strstr(e.text, "n2"));
	assert_non_null(strstr(e.text, "(avx2)"));
}

static void test_invisible(void **state)
{
	(void)state;
	assert_true(subset("fpu smep vmx hypervisor cqm_llc hwp_epp acpi xtpr smap aperfmperf",
			   "fpu", NULL));
	assert_false(subset("fpu xsavec", "fpu", NULL));
	assert_false(subset("fpu rtm", "fpu", NULL));
}

static void test_many_missing(void **state)
{
	struct err e;

	(void)state;
	assert_false(subset("a1 a2 a3 a4 a5 a6 a7 a8 a9 a91", "fpu", &e));
	assert_non_null(strstr(e.text, "lacks 10 features"));
	assert_non_null(strstr(e.text, "a1, a2"));
	assert_null(strstr(e.text, "a91"));
}

static void test_registers(void **state)
{
	struct cpu a = {.xfeatures = 0xe7}, b = {.xfeatures = 0x7};
	struct err e;

	(void)state;
	assert_true(cpu_subset(&b, &a, "n2", &e));
	assert_false(cpu_subset(&a, &b, "n2", &e));
	assert_non_null(strstr(e.text, "0xe0"));
}

static void test_here(void **state)
{
	struct cpu c = {0};

	(void)state;
	assert_int_equal(cpu_read(&c), 0);
	assert_true(c.flag_count > 0);
	for (size_t i = 1; i < c.flag_count; i++)
		assert_true(strcmp(c.flags[i - 1], c.flags[i]) < 0);
	assert_true(cpu_subset(&c, &c, "here", NULL));
	cpu_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_unequal_processors),
		cmocka_unit_test(test_parse_nothing),
		cmocka_unit_test(test_parse_too_many),
		cmocka_unit_test(test_subset),
		cmocka_unit_test(test_invisible),
		cmocka_unit_test(test_many_missing),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
