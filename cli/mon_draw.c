/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture as a whole: title, one of the views, a line about what is selected, a line for talk.
 */
#include "cli/client.h"
#include "cli/human.h"
#include "cli/job_fields.h"
#include "cli/mon.h"
#include "cli/node_text.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_LEAST 8u
#define COLS_LEAST 30u
#define MON_FIELDS "job,user,start,node,state,pcpu,pmem,demand,moves,command"

void mon_init(struct mon *m)
{
	*m = (struct mon){.table.selected = -1};
}

void mon_say(struct mon *m, bool bad, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->message, sizeof(m->message), fmt, ap);
	va_end(ap);
	m->message_bad = bad;
}

/* ------------------------------------------------------------------ what is selected */

const Mosix__NodeRow **mon_shown(const struct mon *m, size_t *ret_count)
{
	size_t all = m->nodes ? m->nodes->n_nodes : 0;
	const Mosix__NodeRow **rows = calloc(all + 1, sizeof(*rows));

	*ret_count = 0;
	for (size_t i = 0; rows && i < all; i++)
		if (!m->hide_dead || node_is_there(m->nodes->nodes[i]))
			rows[(*ret_count)++] = m->nodes->nodes[i];
	return rows;
}

size_t mon_selected(const struct mon *m, const Mosix__NodeRow *const *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i]->node == m->node)
			return i;
	return 0;
}

const Mosix__JobRow *mon_selected_job(const struct mon *m)
{
	for (size_t i = 0; m->jobs && i < m->jobs->n_jobs; i++)
		if (m->jobs->jobs[i]->job == m->job)
			return m->jobs->jobs[i];
	return NULL;
}

const char *mon_sort_field(const struct mon *m)
{
	static const char *const fields[] = {"job", "-pcpu", "-rss", "node"};

	return fields[m->sort % (sizeof(fields) / sizeof(*fields))];
}

/* ------------------------------------------------------------------ around the views */

static const char *view_name(enum mon_view view)
{
	static const char *const names[] = {
		"load",        "memory", "capacity", "guests and own jobs",
		"utilisation", "status", "jobs",     "help"};

	return names[view];
}

static void draw_title(const struct mon *m, struct grid *g, size_t count)
{
	size_t all = m->nodes ? m->nodes->n_nodes : 0, there = 0;
	unsigned int col;

	for (size_t i = 0; i < all; i++)
		there += node_is_there(m->nodes->nodes[i]);
	col = grid_print(g, 0, 0, GRID_TITLE, "MOSIX %s", view_name(m->view));
	col = grid_print(g, 0, col, GRID_PLAIN, "  %zu of %zu nodes", there, all);
	if (m->view == MON_JOBS)
		grid_print(g, 0, col, GRID_PLAIN, "  %zu jobs, sorted by %s",
			   m->jobs ? m->jobs->n_jobs : 0,
			   mon_sort_field(m) + (*mon_sort_field(m) == '-'));
	else if (m->view < MON_BARS && count > m->page)
		grid_print(g, 0, col, GRID_PLAIN, "  %s%zu-%zu of %zu%s", m->first ? "< " : "",
			   m->first + 1, m->first + m->page, count,
			   m->first + m->page < count ? " >" : "");
	if (g->cols >= 70)
		grid_text(g, 0, g->cols - 14, GRID_DIM, "h help  q quit");
}

static void draw_node_line(const Mosix__NodeRow *row, struct grid *g, unsigned int y)
{
	const Mosix__Load *l = node_load_of(row);
	char notes[256];
	unsigned int col;

	col = grid_print(g, y, 0, GRID_TITLE, "%u %s", row->node, row->name ? row->name : "");
	col = grid_print(g, y, col, GRID_PLAIN, ": %s", node_state_text(row));
	if (*node_notes(row, notes, sizeof(notes)))
		col = grid_print(g, y, col, GRID_WARN, ", %s", notes);
	if (node_is_there(row))
		grid_print(g, y, col, GRID_PLAIN,
			   ", load %.2f, %.4g CPUs of %.2f, %s of %s free, %u guests, %u own jobs",
			   l->load / 100.0, node_cpus(row) / 1000.0, l->speed / 10000.0,
			   human_bytes(l->memory_free).s, human_bytes(node_memory(row)).s,
			   l->guests, l->jobs);
}

static void draw_talk(const struct mon *m, struct grid *g)
{
	unsigned int y = g->rows - 1, col;
	char text[128];

	mon_action_text(&m->pending, text, sizeof(text));
	if (m->prompt == MON_ASK_NODE) {
		col = grid_print(g, y, 0, GRID_TITLE, "Move %s to which node (or home)? ",
				 jobid_str(m->pending.job).s);
		col = grid_text(g, y, col, GRID_PLAIN, m->input);
		grid_put(g, y, col, ' ', GRID_SELECTED);
	} else if (m->prompt == MON_CONFIRM) {
		grid_print(g, y, 0, GRID_TITLE, "%s: really (y/n)?", text);
	} else if (m->problem && *m->problem) {
		grid_text(g, y, 0, GRID_BAD, m->problem);
	} else if (m->message[0]) {
		grid_text(g, y, 0, m->message_bad ? GRID_BAD : GRID_GOOD, m->message);
	} else if (m->view == MON_JOBS) {
		grid_text(g, y, 0, GRID_DIM,
			  "Enter move  b bring home  L lock  f freeze  K kill  o order  Tab nodes");
	} else if (m->view != MON_HELP) {
		grid_text(g, y, 0, GRID_DIM,
			  "l load  m memory  s speed  g guests  u use  t table  d dead  D drain  "
			  "j jobs");
	}
}

/* ------------------------------------------------------------------ views */

static void draw_help(struct grid *g)
{
	static const char *const lines[] = {
		"l load            m memory (used, free)    s capacity (CPUs times speed)",
		"g guests, own     u utilisation            t table of the nodes",
		"j, Tab  jobs, and back to the nodes",
		"",
		"arrows, page keys, Home, End   select a node or a job",
		"d  dead nodes on or off        w  width of the bars",
		"D  drain the selected node, or use it again",
		"",
		"In the list of jobs:",
		"Enter  move to another node    b  bring home",
		"L  lock, unlock                f  freeze, continue",
		"K  kill                        o  order",
		"",
		"q  quit                        any other key: back",
	};

	for (unsigned int i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		grid_text(g, i + 2, 2, GRID_PLAIN, lines[i]);
}

static int draw_status(struct mon *m, struct grid *g, const Mosix__NodeRow *const *rows,
		       size_t count)
{
	_cleanup_(table_freep) struct table *t = NULL;
	Mosix__Reply shown = MOSIX__REPLY__INIT;
	int r;

	shown.n_nodes = count;
	shown.nodes = (Mosix__NodeRow **)rows;
	t = node_table(&shown, false);
	m->table.selected = count ? (int)mon_selected(m, rows, count) : -1;
	r = grid_table(g, 1, g->rows - 2, t, &m->table);
	m->page = g->rows > 4 ? g->rows - 4 : 1;
	return r < 0 ? r : 0;
}

static int draw_jobs(struct mon *m, struct grid *g)
{
	static const Mosix__Reply none = MOSIX__REPLY__INIT;
	const Mosix__Reply *jobs = m->jobs ? m->jobs : &none;
	_cleanup_(table_freep) struct table *t = NULL;
	struct job_fields f;
	int r;

	r = job_fields_parse(MON_FIELDS, &f, NULL);
	if (r < 0)
		return r;
	(void)job_rows_sort(jobs->jobs, jobs->n_jobs, mon_sort_field(m), NULL);
	t = job_table(&f, jobs, m->nodes);
	if (!mon_selected_job(m))
		m->job = jobs->n_jobs ? jobs->jobs[0]->job : 0;
	m->table.selected = -1;
	for (size_t i = 0; i < jobs->n_jobs; i++)
		if (jobs->jobs[i]->job == m->job)
			m->table.selected = (int)i;
	r = grid_table(g, 1, g->rows - 2, t, &m->table);
	m->page = g->rows > 4 ? g->rows - 4 : 1;
	return r < 0 ? r : 0;
}

static void draw_job_line(const struct mon *m, struct grid *g, unsigned int y)
{
	const Mosix__JobRow *row = mon_selected_job(m);
	unsigned int col;
	char state[64];

	if (!row)
		return;
	col = grid_print(g, y, 0, GRID_TITLE, "%s", jobid_str(row->job).s);
	col = grid_print(g, y, col, GRID_PLAIN, ": %s, %s, %u processes, ",
			 job_state_text(row, state, sizeof(state)), human_bytes(row->rss).s,
			 row->processes);
	grid_print(g, y, col, GRID_PLAIN, "%s of CPU time, in %.*s", human_usec(row->cpu_usec).s,
		   row->has_cwd && row->cwd.len < 256 ? (int)row->cwd.len : 0,
		   row->has_cwd ? (const char *)row->cwd.data : "");
}

static int draw_view(struct mon *m, struct grid *g, const Mosix__NodeRow *const *rows, size_t count)
{
	int r = 0;

	if (m->view == MON_HELP) {
		draw_help(g);
		return 0;
	}
	if (m->view == MON_JOBS) {
		r = draw_jobs(m, g);
		draw_job_line(m, g, g->rows - 2);
		return r;
	}
	if (count)
		m->node = rows[mon_selected(m, rows, count)]->node;
	if (m->view == MON_STATUS)
		r = draw_status(m, g, rows, count);
	else
		mon_draw_bars(m, g, 1, g->rows - 2, rows, count);
	if (count)
		draw_node_line(rows[mon_selected(m, rows, count)], g, g->rows - 2);
	return r;
}

int mon_draw(struct mon *m, struct grid *g)
{
	_cleanup_free_ const Mosix__NodeRow **rows = NULL;
	size_t count;
	int r;

	if (g->rows < ROWS_LEAST || g->cols < COLS_LEAST) {
		grid_print(g, 0, 0, GRID_PLAIN, "too small (%ux%u at least)", COLS_LEAST,
			   ROWS_LEAST);
		return 0;
	}
	rows = mon_shown(m, &count);
	if (!rows)
		return -ENOMEM;
	r = draw_view(m, g, rows, count);
	draw_title(m, g, count);
	draw_talk(m, g);
	return r;
}
