/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures and keys of mosixctl mon, at 2, 8 and 200 nodes. */
#include "cli/mon.h"
#include "cli/screen.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "policy/facts.h"
#include "test/unit/harness.h"
#include <locale.h>

#define NODES_MAX 70000
#define JOBS 30

static Mosix__NodeRow node_rows[NODES_MAX], *node_list[NODES_MAX];
static Mosix__Load loads[NODES_MAX];
static Mosix__Reply nodes;
static Mosix__JobRow job_rows[JOBS], *job_list[JOBS];
static Mosix__Reply jobs;
static struct grid grid;

/* Node n has load n / 2, up to 10; every tenth is dead. */
static void make_nodes(size_t count)
{
	mosix__reply__init(&nodes);
	nodes.n_nodes = count;
	nodes.nodes = node_list;
	for (size_t i = 0; i < count; i++) {
		Mosix__NodeRow *row = node_list[i] = &node_rows[i];
		Mosix__Load *l = &loads[i];

		mosix__node_row__init(row);
		mosix__load__init(l);
		row->node = (uint32_t)i + 1;
		row->name = (char *)(i == 2 ? "bad\033[2Jname" : "node");
		row->up = i % 10 != 9;
		row->state = (char *)(row->up ? "alive" : "dead");
		row->load = row->up ? l : NULL;
		l->load = (uint32_t)(i % 20 + 1) * 50;
		l->cpus = 2000;
		l->speed = 10000;
		l->runnable = 1000;
		l->memory_total = UINT64_C(8) << 30;
		l->memory_free = UINT64_C(2) << 30;
		l->guests = (uint32_t)i % 7;
	}
}

static void make_jobs(void)
{
	mosix__reply__init(&jobs);
	jobs.n_jobs = JOBS;
	jobs.jobs = job_list;
	for (uint32_t i = 0; i < JOBS; i++) {
		Mosix__JobRow *row = job_list[i] = &job_rows[i];

		mosix__job_row__init(row);
		row->job = jobid_make(1, i + 1);
		row->node = i % 8 + 1;
		row->used = 1000 - i;
		row->state = (char *)"running";
		row->command = (char *)"work";
	}
}

static void set_up(struct mon *m, size_t count)
{
	make_nodes(count);
	make_jobs();
	mon_init(m);
	m->nodes = &nodes;
	m->jobs = &jobs;
	grid.utf8 = true;
}

static void draw(struct mon *m, unsigned int rows, unsigned int cols)
{
	assert_int_equal(grid_reset(&grid, rows, cols), 0);
	assert_int_equal(mon_draw(m, &grid), 0);
}

static const char *line(unsigned int row)
{
	static char text[GRID_COLS_MAX + 1];

	for (unsigned int col = 0; col < grid.cols; col++) {
		uint32_t ch = grid_at(&grid, row, col)->ch;

		text[col] = (char)(ch < 127 ? ch : '~');
	}
	text[grid.cols] = '\0';
	return text;
}

static bool shown(const char *text)
{
	for (unsigned int row = 0; row < grid.rows; row++)
		if (strstr(line(row), text))
			return true;
	return false;
}

/* How high the bar in a column is, in eighths. */
static unsigned int height(unsigned int col)
{
	unsigned int eighths = 0;

	for (unsigned int row = 1; row < grid.rows; row++) {
		uint32_t ch = grid_at(&grid, row, col)->ch;

		if (ch >= 0x2581 && ch <= 0x2588)
			eighths += ch - 0x2580;
	}
	return eighths;
}

static void type(struct mon *m, const char *keys)
{
	struct mon_action none;

	for (; *keys; keys++)
		assert_false(mon_key(m, *keys, &none));
}

static void press(struct mon *m, int key)
{
	struct mon_action none;

	assert_false(mon_key(m, key, &none));
}

static void test_two(void **state)
{
	struct mon m;

	(void)state;
	set_up(&m, 2);
	draw(&m, 24, 80);
	assert_non_null(strstr(line(0), "MOSIX load"));
	assert_non_null(strstr(line(0), "2 of 2 nodes"));
	/* 24 rows: title, axis, numbers, and two lines below; 1.00 is the scale. */
	assert_int_equal(height(8), 19 * 8 / 2);
	assert_int_equal(height(17), 19 * 8);
	assert_memory_equal(line(1), "      1~", 8);
	assert_non_null(strstr(line(21), " 1        2"));
	assert_non_null(strstr(line(22), "1 node: alive, load 0.50"));
	press(&m, SCREEN_RIGHT);
	draw(&m, 24, 80);
	assert_non_null(strstr(line(22), "2 node: alive, load 1.00"));
}

static void test_eight(void **state)
{
	struct mon m;

	(void)state;
	set_up(&m, 8);
	draw(&m, 24, 80);
	/* The spread: each is higher than the one before. */
	for (unsigned int i = 1; i < 8; i++)
		assert_true(height(8 + 9 * i) > height(8 + 9 * (i - 1)));
	type(&m, "m");
	draw(&m, 24, 80);
	assert_true(shown("MOSIX memory") && shown("8 GiB~") && shown("4 GiB~"));
	assert_int_equal(height(8), (19 * 8 * 3) / 4);
	type(&m, "u");
	draw(&m, 24, 80);
	assert_true(shown("100%~"));
	assert_int_equal(height(8), 19 * 8 / 2);
	type(&m, "s");
	draw(&m, 24, 80);
	assert_int_equal(height(8), 19 * 8);
	type(&m, "g");
	draw(&m, 24, 80);
	assert_int_equal(height(8), 0);
	assert_true(height(8 + 9 * 6) > height(8 + 9));
	/* What a node calls itself cannot drive the terminal. */
	type(&m, "t");
	draw(&m, 24, 80);
	assert_true(shown("bad?[2Jname"));
}

static void test_two_hundred(void **state)
{
	bool seen[201] = {0};
	struct mon m;

	(void)state;
	set_up(&m, 200);
	draw(&m, 24, 80);
	assert_non_null(strstr(line(0), "1-72 of 200 >"));
	for (int page = 0; page < 4; page++) {
		draw(&m, 24, 80);
		assert_int_equal(m.page, 72);
		for (size_t i = m.first; i < m.first + m.page; i++)
			seen[i + 1] = true;
		assert_true(m.node > m.first && m.node <= m.first + m.page);
		press(&m, SCREEN_PAGE_DOWN);
	}
	for (size_t i = 1; i <= 200; i++)
		assert_true(seen[i]);
	press(&m, SCREEN_END);
	draw(&m, 24, 80);
	assert_int_equal(m.node, 200);
	assert_non_null(strstr(line(0), "< 129-200 of 200"));
	assert_true(shown("200 node: dead"));
	/* The last number is read downwards, below its column. */
	assert_int_equal(grid_at(&grid, 19, 79)->ch, '2');
	assert_int_equal(grid_at(&grid, 20, 79)->ch, '0');
	assert_int_equal(grid_at(&grid, 21, 79)->ch, '0');
	/* A wide terminal shows all of them. */
	draw(&m, 50, 640);
	assert_null(strstr(line(0), ">"));
	type(&m, "ww");
	draw(&m, 24, 80);
	assert_int_equal(m.page, 36);
}

static void test_dead(void **state)
{
	struct mon m;

	(void)state;
	set_up(&m, 10);
	press(&m, SCREEN_END);
	draw(&m, 24, 80);
	assert_true(shown("9 of 10 nodes") && shown("10 node: dead"));
	type(&m, "d");
	draw(&m, 24, 80);
	assert_null(strstr(line(21), "10"));
	assert_true(shown("1 node: alive"));
	type(&m, "d");
	press(&m, SCREEN_END);
	draw(&m, 24, 80);
	assert_true(shown("10 node: dead"));
}

/* All views at all sizes: nothing outside the grid, and ASCII if it must be. */
static void test_sizes(void **state)
{
	static const size_t counts[] = {0, 1, 2, 8, 200};
	struct mon m;

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		set_up(&m, counts[c]);
		for (unsigned int size = 0; size < 60; size++) {
			for (enum mon_view v = MON_LOAD; v <= MON_HELP; v++) {
				grid.utf8 = false;
				m.view = v;
				draw(&m, size, 3 * size);
				for (size_t i = 0; i < (size_t)grid.rows * grid.cols; i++)
					assert_in_range(grid.cells[i].ch, ' ', '~');
			}
		}
	}
	set_up(&m, NODES_MAX);
	draw(&m, 24, 80);
	press(&m, SCREEN_END);
	draw(&m, 24, 80);
	assert_true(shown("70000 node"));
	m.nodes = m.jobs = NULL;
	for (enum mon_view v = MON_LOAD; v <= MON_HELP; v++) {
		m.view = v;
		draw(&m, 24, 80);
		press(&m, SCREEN_PAGE_DOWN);
		press(&m, SCREEN_ENTER);
	}
}

static void test_jobs(void **state)
{
	struct mon_action a;
	struct mon m;

	(void)state;
	set_up(&m, 8);
	press(&m, SCREEN_TAB);
	draw(&m, 24, 80);
	assert_true(shown("30 jobs, sorted by job"));
	assert_int_equal(m.job, jobid_make(1, 1));
	press(&m, SCREEN_DOWN);
	draw(&m, 24, 80);
	assert_int_equal(grid_at(&grid, 3, 0)->style, GRID_SELECTED);
	press(&m, SCREEN_END);
	draw(&m, 24, 80);
	assert_true(shown("1.30") && !shown(" 1.1 "));
	/* In another order the selected job stays the same. */
	type(&m, "o");
	draw(&m, 24, 80);
	assert_true(shown("sorted by pcpu") && shown("1.30: running"));
	type(&m, "ooo");
	draw(&m, 24, 80);

	press(&m, SCREEN_ENTER);
	type(&m, "nx");
	press(&m, SCREEN_RUBOUT);
	type(&m, "3");
	draw(&m, 24, 80);
	assert_true(shown("Move 1.30 to which node (or home)? n3"));
	assert_true(mon_key(&m, SCREEN_ENTER, &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_MIGRATE);
	assert_int_equal(a.job, jobid_make(1, 30));
	assert_string_equal(a.node, "n3");
	press(&m, SCREEN_ENTER);
	type(&m, "n3");
	press(&m, SCREEN_ESCAPE);
	press(&m, SCREEN_ENTER);
	press(&m, SCREEN_ENTER);
	assert_int_equal(m.prompt, MON_NO_PROMPT);

	assert_true(mon_key(&m, 'b', &a));
	assert_string_equal(a.node, "home");
	assert_true(mon_key(&m, 'L', &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_LOCK);
	job_rows[29].lock = job_rows[29].frozen = true;
	assert_true(mon_key(&m, 'L', &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_UNLOCK);
	assert_true(mon_key(&m, 'f', &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_CONTINUE);
	type(&m, "Kn");
	type(&m, "K");
	draw(&m, 24, 80);
	assert_true(shown("Killing 1.30: really (y/n)?"));
	assert_true(mon_key(&m, 'y', &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_KILL);
	/* The job has ended: another one is selected, nothing is done to it by chance. */
	jobs.n_jobs = 29;
	assert_false(mon_key(&m, 'L', &a));
	draw(&m, 24, 80);
	assert_int_equal(m.job, jobid_make(1, 1));
	press(&m, SCREEN_TAB);
	assert_int_equal(m.view, MON_LOAD);
}

static void test_drain(void **state)
{
	struct mon_action a;
	struct mon m;

	(void)state;
	set_up(&m, 8);
	draw(&m, 24, 80);
	press(&m, SCREEN_RIGHT);
	type(&m, "D");
	draw(&m, 24, 80);
	assert_true(shown("Draining node 2: really (y/n)?"));
	assert_true(mon_key(&m, 'y', &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_DRAIN);
	assert_string_equal(a.node, "2");
	loads[1].flags = NODE_DRAINING;
	type(&m, "D");
	assert_true(mon_key(&m, 'y', &a));
	assert_int_equal(a.op, MOSIX__REQUEST_OP__OP_UNDRAIN);
	loads[1].flags = 0;
	m.problem = "mosixd does not answer";
	draw(&m, 24, 80);
	assert_true(shown("mosixd does not answer"));
}

static void test_help(void **state)
{
	struct mon m;

	(void)state;
	set_up(&m, 8);
	type(&m, "tjh");
	draw(&m, 24, 80);
	assert_true(shown("MOSIX help"));
	type(&m, "x");
	assert_int_equal(m.view, MON_JOBS);
	type(&m, "j");
	assert_int_equal(m.view, MON_STATUS);
	type(&m, "?q");
	assert_true(m.quit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two),         cmocka_unit_test(test_eight),
		cmocka_unit_test(test_two_hundred), cmocka_unit_test(test_dead),
		cmocka_unit_test(test_sizes),       cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_drain),       cmocka_unit_test(test_help),
	};
	int r;

	setlocale(LC_CTYPE, "C.UTF-8");
	r = cmocka_run_group_tests(tests, NULL, NULL);
	grid_done(&grid);
	return r;
}
