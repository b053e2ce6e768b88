/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl top and nodes --watch: tables that are shown again and again. */
#include "cli/ctl.h"
#include "cli/grid.h"
#include "cli/job_fields.h"
#include "cli/live.h"
#include "cli/node_text.h"
#include "cli/screen.h"
#include "common/cleanup.h"
#include "common/msg.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct top {
	struct live live;
	struct grid grid;
	bool nodes;               /* the table is one of nodes */
	struct job_fields fields; /* or of jobs, with these columns */
	const char *sort;
	struct grid_scroll scroll;
	bool quit;
};

/* ------------------------------------------------------------------ drawing */

struct sums {
	unsigned int nodes, there, guests;
	uint64_t load, cpus, runnable;
};

static struct sums sum_up(const Mosix__Reply *nodes)
{
	struct sums s = {0};

	for (size_t i = 0; nodes && i < nodes->n_nodes; i++) {
		const Mosix__NodeRow *row = nodes->nodes[i];

		s.nodes++;
		if (!node_is_there(row))
			continue;
		s.there++;
		s.load += node_load_of(row)->load;
		s.guests += node_load_of(row)->guests;
		s.cpus += node_cpus(row);
		s.runnable += node_load_of(row)->runnable;
	}
	return s;
}

static void heading(const struct top *t, char *buf, size_t size)
{
	struct sums s = sum_up(t->live.nodes);
	time_t now = time(NULL);
	char when[16] = "";
	struct tm tm;
	int n;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%T", &tm);
	n = snprintf(buf, size, "MOSIX %s  %u of %u nodes, %.4g CPUs, mean load %.2f, %u guests",
		     when, s.there, s.nodes, (double)s.cpus / 1000,
		     s.there ? (double)s.load / s.there / 100 : 0.0, s.guests);
	if (!t->nodes && t->live.jobs && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, ", %zu jobs", t->live.jobs->n_jobs);
}

static struct table *make_table(const struct top *t)
{
	const Mosix__Reply *jobs = t->live.jobs;
	struct err e;

	if (t->nodes)
		return t->live.nodes ? node_table(t->live.nodes, false) : NULL;
	if (!jobs)
		return NULL;
	(void)job_rows_sort(jobs->jobs, jobs->n_jobs, t->sort, &e);
	return job_table(&t->fields, jobs, t->live.nodes);
}

static int draw(struct top *t)
{
	_cleanup_(table_freep) struct table *table = make_table(t);
	struct grid *g = &t->grid;
	char text[256];
	int r;

	r = screen_reset(g);
	if (r < 0)
		return r;
	heading(t, text, sizeof(text));
	grid_text(g, 0, 0, GRID_TITLE, text);
	grid_text(g, 1, 0, t->live.problem.text[0] ? GRID_BAD : GRID_DIM,
		  t->live.problem.text[0] ? t->live.problem.text
		  : t->nodes              ? "q quit  arrows scroll"
					  : "q quit  arrows scroll  sort: P cpu  M memory  T time  "
					    "D demand  N node  J job");
	if (table && grid_table(g, 2, g->rows, table, &t->scroll) < 0)
		return -ENOMEM;
	screen_show(g);
	return 0;
}

/* ------------------------------------------------------------------ keys */

static void move_by(size_t *at, int by)
{
	if (by < 0 && *at < (size_t)-by)
		*at = 0;
	else
		*at += (size_t)by;
}

static void on_key(struct top *t, int key)
{
	static const struct {
		int key;
		const char *sort;
	} sorts[] = {{'P', "-pcpu"},   {'M', "-rss"}, {'T', "-cpu"},
		     {'D', "-demand"}, {'N', "node"}, {'J', "job"}};
	int page = t->grid.rows > 4 ? (int)t->grid.rows - 4 : 1;

	for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++)
		if (key == sorts[i].key)
			t->sort = sorts[i].sort;
	switch (key) {
	case 'q':
	case SCREEN_GONE:
		t->quit = true;
		break;
	case SCREEN_UP:
		move_by(&t->scroll.first, -1);
		break;
	case SCREEN_DOWN:
		move_by(&t->scroll.first, 1);
		break;
	case SCREEN_PAGE_UP:
		move_by(&t->scroll.first, -page);
		break;
	case SCREEN_PAGE_DOWN:
	case ' ':
		move_by(&t->scroll.first, page);
		break;
	case SCREEN_LEFT:
		move_by(&t->scroll.left, -8);
		break;
	case SCREEN_RIGHT:
		move_by(&t->scroll.left, 8);
		break;
	case SCREEN_HOME:
		t->scroll.first = 0;
		break;
	case SCREEN_END:
		t->scroll.first = INT32_MAX;
		break;
	default:
		break;
	}
}

static int loop(struct top *t)
{
	Mosix__Reply *none;
	int key, r = 0;

	while (!t->quit && !screen_stopped() && r == 0) {
		live_wait(&t->live, STDIN_FILENO, &none);
		msg_free(none);
		while (!t->quit && (key = screen_key()) != SCREEN_NONE)
			on_key(t, key);
		r = draw(t);
	}
	return r;
}

/* On a terminal, until somebody has seen enough. */
static int show(struct top *t, bool ascii)
{
	struct err e = {0};
	int r;

	r = screen_start(ascii, &e);
	if (r < 0)
		return ctl_fail(CTL_FAILED, &e);
	r = loop(t);
	screen_stop();
	live_done(&t->live);
	grid_done(&t->grid);
	if (r < 0)
		return ctl_fail(CTL_FAILED, (err_sys(&e, r, "cannot draw"), &e));
	return CTL_OK;
}

/* ------------------------------------------------------------------ for scripts */

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static int read_count(const char *text, unsigned long *ret)
{
	char *end;

	*ret = 0;
	if (!text)
		return 0;
	*ret = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || !*ret)
		return ctl_usage("'%s' is no number of times", text);
	return 0;
}

static int print_once(struct ctl *ctl, struct top *t)
{
	_cleanup_(table_freep) struct table *table = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	char text[256];
	int r;

	msg_free(steal_ptr(t->live.jobs));
	msg_free(steal_ptr(t->live.nodes));
	q.has_op = q.has_all = true;
	q.op = MOSIX__REQUEST_OP__OP_PS;
	q.all = t->live.all;
	r = ctl_ask(ctl, &q, NULL, NULL, &t->live.jobs);
	if (!r)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &t->live.nodes);
	if (r)
		return r;
	heading(t, text, sizeof(text));
	printf("%s\n\n", text);
	table = make_table(t);
	if (!table || table_print(table, stdout, ctl_width()) < 0)
		return CTL_FAILED;
	return CTL_OK;
}

static int batch(struct ctl *ctl, struct top *t, unsigned long count)
{
	int r = CTL_OK;

	for (unsigned long i = 0; r == CTL_OK && (!count || i < count); i++) {
		if (i) {
			pause_ms(t->live.interval_ms);
			putchar('\n');
		}
		r = print_once(ctl, t);
		/* Whoever reads it has seen enough. */
		if (fflush(stdout))
			break;
	}
	live_done(&t->live);
	return r;
}

int ctl_top(struct ctl *ctl)
{
	struct top t = {.sort = ctl->sort ? ctl->sort : "-pcpu", .scroll.selected = -1};
	struct err e = {0};
	unsigned long count;
	int ms = 2000, r;

	if (ctl->argc)
		return ctl_usage("top takes no argument");
	r = ctl_seconds(ctl->delay, &ms);
	if (!r)
		r = read_count(ctl->count, &count);
	if (r)
		return r;
	if (job_fields_parse(ctl->fields ? ctl->fields : JOB_FIELDS_TOP, &t.fields, &e) < 0 ||
	    job_rows_sort(NULL, 0, t.sort, &e) < 0)
		return ctl_usage("%s", e.text);
	/* Says why there is no daemon before there is a screen. */
	r = ctl_connect(ctl);
	if (r)
		return r;
	live_init(&t.live, ms);
	t.live.wants_jobs = true;
	t.live.all = ctl->all || geteuid() == 0;
	if (ctl->batch || count)
		return batch(ctl, &t, count);
	return show(&t, ctl->ascii);
}

int ctl_watch_nodes(struct ctl *ctl, int (*once)(struct ctl *ctl))
{
	struct top t = {.nodes = true, .scroll.selected = -1};
	int ms = 1000, r;

	if (ctl->argc > 1)
		return ctl_usage("nodes --watch takes one argument at most, the seconds");
	r = ctl_seconds(ctl->argc ? ctl->argv[0] : NULL, &ms);
	if (!r)
		r = ctl_connect(ctl);
	if (r)
		return r;
	if (!ctl->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		live_init(&t.live, ms);
		return show(&t, ctl->ascii);
	}
	ctl->argc = 0;
	while (!(r = once(ctl)) && !fflush(stdout)) {
		pause_ms(ms);
		if (!ctl->json)
			putchar('\n');
	}
	return r;
}
