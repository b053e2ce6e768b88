/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosixd.conf and mosix.map: values, and what is said of bad lines.
 */
#include "test/unit/harness.h"

#include <arpa/inet.h>

#include "common/conf.h"

static char *dir;

static int load_conf(const char *text, struct conf *c, struct err *e)
{
	test_write(test_path(dir, "c"), text);
	return conf_load(c, test_path(dir, "c"), e);
}

static int load_map(const char *text, struct map *m, struct err *e)
{
	test_write(test_path(dir, "m"), text);
	return map_load(m, test_path(dir, "m"), e);
}

/* The sentence names file and line and holds @what. */
static void check_sentence(const struct err *e, const char *file, int line, const char *what)
{
	char place[4200];

	snprintf(place, sizeof(place), "%s:%d: ", test_path(dir, file), line);
	if (strncmp(e->text, place, strlen(place)) != 0 || !strstr(e->text, what))
		fail_msg("'%s' is not '%s...%s'", e->text, place, what);
}

/* ------------------------------------------------------------------ conf */

static void test_conf_defaults(void **state)
{
	struct conf c, d;
	struct err e;

	(void)state;
	conf_init(&d);
	assert_int_equal(d.port, CONF_PORT);
	assert_string_equal(d.map_path, CONF_MAP);
	memset(&c, 0xff, sizeof(c));
	assert_int_equal(load_conf("", &c, &e), 0);
	assert_int_equal(c.port, d.port);
	assert_int_equal(c.node, 0);
	assert_int_equal(c.guests_max, d.guests_max);
	assert_int_equal(c.log_level, 6);
	assert_string_equal(c.key_path, d.key_path);
}

static void test_conf_values(void **state)
{
	struct conf c;
	struct err e;

	(void)state;
	assert_int_equal(
		load_conf("# comment\n; another\n[node]\nnumber = 7\nport=1\n"
			  "map = /a/b\n  \nkey:/c\n[guests]\nmax = 0\n[log]\nlevel = debug",
			  &c, &e),
		0);
	assert_int_equal(c.node, 7);
	assert_int_equal(c.port, 1);
	assert_string_equal(c.map_path, "/a/b");
	assert_string_equal(c.key_path, "/c");
	assert_int_equal(c.guests_max, 0);
	assert_int_equal(c.log_level, 7);
	assert_int_equal(load_conf("[log]\nlevel = 3\n", &c, &e), 0);
	assert_int_equal(c.log_level, 3);
	assert_int_equal(c.metrics_listen.sin_port, 0);
	assert_int_equal(load_conf("[metrics]\nlisten = 127.0.0.2:9251\n", &c, &e), 0);
	assert_int_equal(ntohs(c.metrics_listen.sin_port), 9251);
	assert_int_equal(ntohl(c.metrics_listen.sin_addr.s_addr), 0x7f000002);
	assert_int_equal(load_conf("[metrics]\nlisten = off\n", &c, &e), 0);
	assert_int_equal(c.metrics_listen.sin_port, 0);
}

static void test_conf_bad(void **state)
{
	char long_line[400];
	struct {
		const char *text;
		int line;
		const char *what;
	} bad[] = {
		{"[node]\nport = 0\n", 2, "port must be a number from 1 to 65535: 0"},
		{"[node]\nport = 65536\n", 2, "65536"},
		{"[node]\nport = 80x\n", 2, "80x"},
		{"[node]\nport = -1\n", 2, "-1"},
		{"[node]\nport =\n", 2, "port"},
		{"[node]\n\n\nnumber = 65536\n", 4, "number must be"},
		{"[node]\nnumber = 99999999999999999999\n", 2, "number must be"},
		{"[node]\nmap = relative\n", 2, "absolute path"},
		{"[node]\nprot = 1\n", 2, "unknown key: prot"},
		{"[nodes]\nport = 1\n", 2, "unknown section: nodes"},
		{"port = 1\n", 1, "section"},
		{"[node]\nport = 1\nport = 2\n", 3, "second time"},
		{"[node]\nport = 1\n  2\n", 3, "second time"},
		{"[node]\nport\n", 2, "key = value"},
		{"[node\n", 1, "key = value"},
		{"[log]\nlevel = loud\n", 2, "loud"},
		{"[log]\nlevel = 5\n", 2, "5"},
		{"[metrics]\nlisten = 9251\n", 2, "ADDRESS:PORT"},
		{"[metrics]\nlisten = localhost:9251\n", 2, "ADDRESS:PORT"},
		{"[metrics]\nlisten = 127.0.0.1:0\n", 2, "ADDRESS:PORT"},
		{"[metrics]\nlisten = 1.1.1.1.1.1.1.1.1.1.1.1:1\n", 2, "ADDRESS:PORT"},
		{long_line, 2, "too long"},
		{"[node]\nbad\nport = 0\n", 2, "key = value"},
		{"[node]\nport = 0\nbad\n", 2, "port must be"},
	};

	(void)state;
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "[node]\nmap = /", 14);
	long_line[sizeof(long_line) - 1] = '\0';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf c, before;
		struct err e = {""};

		memset(&c, 0x55, sizeof(c));
		before = c;
		assert_int_equal(load_conf(bad[i].text, &c, &e), -EINVAL);
		check_sentence(&e, "c", bad[i].line, bad[i].what);
		assert_memory_equal(&c, &before, sizeof(c));
		assert_int_equal(load_conf(bad[i].text, &c, NULL), -EINVAL);
	}
}

static void test_conf_no_text(void **state)
{
	static const char bytes[] = "[node]\n\0port = 1\n";
	struct conf c;
	struct err e;
	FILE *f;

	(void)state;
	assert_int_equal(conf_load(&c, test_path(dir, "none"), &e), -ENOENT);
	assert_non_null(strstr(e.text, "none: No such file"));
	f = fopen(test_path(dir, "c"), "we");
	fwrite(bytes, 1, sizeof(bytes) - 1, f);
	fclose(f);
	assert_int_equal(conf_load(&c, test_path(dir, "c"), &e), -EINVAL);
	assert_int_equal(conf_load(&c, "/dev/zero", &e), -EFBIG);
}

/* ------------------------------------------------------------------ map */

static void check_node(const struct map_node *n, uint32_t number, const char *addr,
		       const char *name)
{
	char text[INET_ADDRSTRLEN];

	assert_non_null(n);
	assert_int_equal(n->number, number);
	assert_string_equal(inet_ntop(AF_INET, &n->addr, text, sizeof(text)), addr);
	assert_string_equal(n->name, name);
}

static void test_map(void **state)
{
	struct map m;
	struct err e;

	(void)state;
	assert_int_equal(load_map("# the cluster\n"
				  "  10 10.9.0.10 3 node # three\n"
				  "\t\n"
				  "1\t10.9.0.1\t1\thome\r\n"
				  "20 10.9.1.255 2",
				  &m, &e),
			 0);
	assert_int_equal(m.count, 6);
	check_node(&m.nodes[0], 1, "10.9.0.1", "home");
	check_node(&m.nodes[1], 10, "10.9.0.10", "node10");
	check_node(&m.nodes[3], 12, "10.9.0.12", "node12");
	check_node(&m.nodes[5], 21, "10.9.2.0", "");
	check_node(map_by_number(&m, 11), 11, "10.9.0.11", "node11");
	assert_null(map_by_number(&m, 2));
	check_node(map_by_text(&m, "11"), 11, "10.9.0.11", "node11");
	check_node(map_by_text(&m, "home"), 1, "10.9.0.1", "home");
	check_node(map_by_text(&m, "10.9.2.0"), 21, "10.9.2.0", "");
	assert_null(map_by_text(&m, ""));
	assert_null(map_by_text(&m, "Home"));
	assert_null(map_by_text(&m, "10.9.9.9"));
	assert_null(map_by_text(&m, "0"));
	map_done(&m);
	assert_null(map_by_number(&m, 1));
	map_done(&m);
}

static void test_map_hosts(void **state)
{
	struct map m;
	struct err e;

	(void)state;
	/* The one name that every /etc/hosts has. */
	assert_int_equal(load_map("1 localhost 1 here\n", &m, &e), 0);
	check_node(&m.nodes[0], 1, "127.0.0.1", "here");
	map_done(&m);
	assert_int_equal(load_map("1 127.0.0.1 1\n", &m, &e), 0);
	check_node(&m.nodes[0], 1, "127.0.0.1", "localhost");
	map_done(&m);
}

static void test_map_full(void **state)
{
	struct map m;
	struct err e;

	(void)state;
	assert_int_equal(load_map("1 10.0.0.0 65535 n\n", &m, &e), 0);
	assert_int_equal(m.count, 65535);
	check_node(map_by_number(&m, 65535), 65535, "10.0.255.254", "n65535");
	map_done(&m);
}

static void test_map_bad(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *what;
	} bad[] = {
		{"1 10.0.0.1\n", 1, "STARTING-NUMBER"},
		{"\n\n1\n", 3, "STARTING-NUMBER"},
		{"0 10.0.0.1 1\n", 1, "node number"},
		{"65536 10.0.0.1 1\n", 1, "node number"},
		{"-1 10.0.0.1 1\n", 1, "node number"},
		{"4294967297 10.0.0.1 1\n", 1, "node number"},
		{"18446744073709551617 10.0.0.1 1\n", 1, "node number"},
		{"1 10.0.0.1 0\n", 1, "count"},
		{"1 10.0.0.1 x\n", 1, "count"},
		{"2 10.0.0.1 65535\n", 1, "end at 65535"},
		{"1 255.255.255.255 2\n", 1, "run over"},
		{"1 10.0.0.256 1\n", 1, "10.0.0.256"},
		{"1 no-such-host.invalid 1\n", 1, "no-such-host.invalid"},
		{"1 10.0.0.1 1 a b\n", 1, "four columns"},
		{"1 10.0.0.1 1 a/b\n", 1, "a/b"},
		{"1 10.0.0.1 1 77\n", 1, "77"},
		{"1 10.0.0.1 1 "
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		 1, "too long"},
		{"1 10.0.0.1 11 "
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		 1, "not a name"},
	};
	static const char *const twice[][2] = {
		{"1 10.0.0.1 3\n3 10.0.1.1 1\n", "m:2: node 3"},
		{"3 10.0.1.1 1\n\n1 10.0.0.1 3\n", "m:3: node 3"},
		{"1 10.0.0.1 3\n9 10.0.0.3 1\n", "m:2: two nodes have the address 10.0.0.3"},
		{"1 10.0.0.1 1 a\n2 10.0.0.2 1 a\n", "m:2: two nodes have the name a"},
		{"# nothing\n", "no node"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct map m = {.count = 77};
		struct err e = {""};

		assert_int_equal(load_map(bad[i].text, &m, &e), -EINVAL);
		check_sentence(&e, "m", bad[i].line, bad[i].what);
		assert_int_equal(m.count, 77);
	}
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		struct map m = {.count = 77};
		struct err e = {""};

		assert_int_equal(load_map(twice[i][0], &m, &e), -EINVAL);
		assert_non_null(strstr(e.text, twice[i][1]));
		assert_int_equal(m.count, 77);
	}
}

static int setup(void **state)
{
	(void)state;
	dir = test_mkdir();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_rmdir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf_defaults), cmocka_unit_test(test_conf_values),
		cmocka_unit_test(test_conf_bad),      cmocka_unit_test(test_conf_no_text),
		cmocka_unit_test(test_map),           cmocka_unit_test(test_map_hosts),
		cmocka_unit_test(test_map_full),      cmocka_unit_test(test_map_bad),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
