/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units, safe text and tables. */
#include "cli/human.h"
#include "common/cleanup.h"
#include "test/unit/harness.h"

static void test_bytes(void **state)
{
	(void)state;
	assert_string_equal(human_bytes(0).s, "0 B");
	assert_string_equal(human_bytes(1023).s, "1023 B");
	assert_string_equal(human_bytes(1024).s, "1.0 KiB");
	assert_string_equal(human_bytes(1258291).s, "1.2 MiB");
	assert_string_equal(human_bytes(120u << 20).s, "120 MiB");
	/* Never "1024.0 KiB". */
	assert_string_equal(human_bytes((1u << 20) - 1).s, "1.0 MiB");
	assert_string_equal(human_bytes(UINT64_MAX).s, "16.0 EiB");
}

static void test_times(void **state)
{
	(void)state;
	assert_string_equal(human_usec(0).s, "0 us");
	assert_string_equal(human_usec(999).s, "999 us");
	assert_string_equal(human_usec(23456).s, "23 ms");
	assert_string_equal(human_usec(1250000).s, "1.25 s");
	assert_string_equal(human_usec(59999999).s, "59.99 s");
	assert_string_equal(human_usec(60000000).s, "1 min");
	assert_string_equal(human_usec(125000000).s, "2 min 5 s");
	assert_string_equal(human_usec(11520000000).s, "3 h 12 min");
	assert_string_equal(human_usec(352800000000).s, "4 d 2 h");
}

static void check_safe(const char *text, const char *want)
{
	_cleanup_free_ char *got = human_safe(text);

	assert_string_equal(got, want);
}

static void test_safe(void **state)
{
	(void)state;
	check_safe(NULL, "");
	check_safe("plain text", "plain text");
	check_safe("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	check_safe("\xe2\x86\x92 \xf0\x9f\x98\x80", "\xe2\x86\x92 \xf0\x9f\x98\x80");
	/* Escape sequences, in both encodings of their introducer. */
	check_safe("\x1b]0;title\x07", "?]0;title?");
	check_safe("a\xc2\x9b"
		   "2J",
		   "a??2J");
	check_safe("a\nb\tc\x7f", "a?b?c?");
	/* Cut short, overlong, alone, beyond Unicode. */
	check_safe("\xc3", "?");
	check_safe("\xe2\x86", "??");
	check_safe("\xc0\x9b", "??");
	check_safe("\xe0\x80\x9b", "???");
	check_safe("\xf0\x80\x80\x9b", "????");
	check_safe("\xf5\x80\x80\x80", "????");
	check_safe("\x80x", "?x");
}

static char *print(const struct table *t, size_t width, int *ret)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	*ret = table_print(t, f, width);
	fclose(f);
	return text;
}

static const char *const columns[] = {">N", "NAME", "TEXT", NULL};

static void test_table(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new(columns);
	_cleanup_free_ char *text = NULL;
	int r;

	(void)state;
	table_add(t, "%d", 7);
	table_add(t, "%s", "\xc3\xbc");
	table_add(t, "%s", "a\x1b[31m");
	table_add(t, "%d", 12345);
	table_add(t, "%s", "longer name");
	table_add(t, "%s", "");
	text = print(t, 0, &r);
	assert_int_equal(r, 0);
	assert_string_equal(text, "    N  NAME         TEXT\n"
				  "    7  \xc3\xbc            a?[31m\n"
				  "12345  longer name  \n");
}

static void test_cut(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new(columns);
	_cleanup_free_ char *text = NULL;
	int r;

	(void)state;
	table_add(t, "1");
	table_add(t, "name");
	table_add(t, "%s",
		  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
	text = print(t, 17, &r);
	assert_int_equal(r, 0);
	assert_string_equal(text,
			    "N  NAME  TEXT\n1  name  "
			    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n");
}

static void test_many_rows(void **state)
{
	_cleanup_(table_freep) struct table *t = table_new(columns);
	_cleanup_free_ char *text = NULL;
	size_t lines = 0;
	int r;

	(void)state;
	for (int i = 0; i < 3 * 1000; i++)
		table_add(t, "%d", i);
	text = print(t, 0, &r);
	assert_int_equal(r, 0);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes), cmocka_unit_test(test_times),
		cmocka_unit_test(test_safe),  cmocka_unit_test(test_table),
		cmocka_unit_test(test_cut),   cmocka_unit_test(test_many_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
