/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of nodes: what they mean, and that errors name the element that is wrong. */
#include "cli/node_list.h"
#include "common/cleanup.h"
#include "test/unit/harness.h"

static Mosix__NodeRow rows[6];
static Mosix__NodeRow *list[6];
static Mosix__Reply nodes;

static int set_up(void **state)
{
	static const struct {
		uint32_t node;
		const char *name, *address;
	} all[] = {{1, "n1", "10.0.0.1"},  {2, "home-made", "10.0.0.2"}, {3, NULL, "10.0.0.3"},
		   {5, "a-7", "10.0.0.5"}, {7, "", "10.0.0.7"},          {65535, "last", NULL}};

	(void)state;
	mosix__reply__init(&nodes);
	for (size_t i = 0; i < 6; i++) {
		mosix__node_row__init(&rows[i]);
		rows[i].node = all[i].node;
		rows[i].name = (char *)all[i].name;
		rows[i].address = (char *)all[i].address;
		rows[i].self = all[i].node == 3;
		list[i] = &rows[i];
	}
	nodes.n_nodes = 6;
	nodes.nodes = list;
	return 0;
}

/* "1 3 5", or the sentence of the error. */
static const char *parse(const char *text)
{
	_cleanup_free_ uint32_t *numbers = NULL;
	static char out[8 * NODE_LIST_MAX];
	struct err e = {0};
	size_t count = 0, n = 0;

	if (node_list_parse(text, &nodes, &numbers, &count, &e) < 0) {
		assert_null(numbers);
		assert_true(e.text[0]);
		snprintf(out, sizeof(out), "%s", e.text);
		return out;
	}
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u", i ? " " : "", numbers[i]);
	return out;
}

static void test_lists(void **state)
{
	(void)state;
	assert_string_equal(parse("1"), "1");
	assert_string_equal(parse("n1"), "1");
	assert_string_equal(parse("10.0.0.5,n1"), "1 5");
	assert_string_equal(parse("7,3-5,1"), "1 3 4 5 7");
	assert_string_equal(parse("home"), "3");
	assert_string_equal(parse("5,5,a-7,4-6,home,3"), "3 4 5 6");
	assert_string_equal(parse("home-made"), "2");
	assert_string_equal(parse("last"), "65535");
	assert_string_equal(parse("7-7"), "7");
}

static void test_errors(void **state)
{
	(void)state;
	assert_non_null(strstr(parse("1,frob,2"), "no node 'frob'"));
	assert_non_null(strstr(parse("1,4"), "no node '4'"));
	assert_non_null(strstr(parse("0"), "'0'"));
	assert_non_null(strstr(parse("1,3-"), "'3-'"));
	assert_non_null(strstr(parse("-3"), "'-3'"));
	assert_non_null(strstr(parse("3-5x"), "'3-5x'"));
	assert_non_null(strstr(parse("1,5-3"), "'5-3'"));
	assert_non_null(strstr(parse("0-3"), "'0-3'"));
	assert_non_null(strstr(parse("100-200"), "no node within '100-200'"));
	assert_non_null(strstr(parse("1-99999999999999999999"), "'1-99999999999999999999'"));
	assert_non_null(strstr(parse("1-65535"), "too long at '1-65535'"));
	assert_non_null(strstr(parse(""), "empty"));
	assert_non_null(strstr(parse("1,,2"), "empty"));
	assert_non_null(strstr(parse("1,"), "empty"));
}

static void test_no_nodes(void **state)
{
	Mosix__Reply none = MOSIX__REPLY__INIT;
	uint32_t *numbers = NULL;
	struct err e = {0};
	size_t count;

	(void)state;
	assert_null(node_find(NULL, "1"));
	assert_null(node_find(&none, "home"));
	assert_int_equal(node_list_parse("1", &none, &numbers, &count, &e), -ENOENT);
	assert_null(numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_no_nodes),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
