/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns about jobs. */
#include "cli/job_fields.h"
#include "cli/client.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job_field {
	const char *name;
	const char *header; /* '>' before it: to the right */
	void (*add)(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes);
	double (*number)(const Mosix__JobRow *row);    /* to sort by, or … */
	const char *(*text)(const Mosix__JobRow *row); /* … this */
};

static const char *text_of(const char *text)
{
	return text ? text : "";
}

const char *user_name(uint32_t uid, char *buf, size_t size)
{
	static uint32_t known_uid;
	static char known[64];
	const struct passwd *pw;

	if (!known[0] || known_uid != uid) {
		pw = getpwuid(uid);
		if (pw)
			snprintf(known, sizeof(known), "%s", pw->pw_name);
		else
			snprintf(known, sizeof(known), "%u", uid);
		known_uid = uid;
	}
	snprintf(buf, size, "%s", known);
	return buf;
}

const char *job_state_text(const Mosix__JobRow *row, char *buf, size_t size)
{
	const char *state = text_of(row->state);

	snprintf(buf, size, "%s%s%s", state,
		 row->frozen && strcmp(state, "frozen") != 0 ? ", frozen" : "",
		 row->lock ? ", locked" : "");
	return buf;
}

/* ------------------------------------------------------------------ what they show */

static double percent_memory(const Mosix__JobRow *row)
{
	return row->memory_total ? 100.0 * (double)row->rss / (double)row->memory_total : 0;
}

static double elapsed(const Mosix__JobRow *row)
{
	time_t now = time(NULL);

	return row->started && (uint64_t)now > row->started ? (double)((uint64_t)now - row->started)
							    : 0;
}

static void add_job(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", jobid_str(row->job).s);
}

static void add_pid(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	if (row->pid)
		table_add(t, "%d", row->pid);
	else
		table_add(t, "-");
}

static void add_user(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	char buf[64];

	(void)nodes;
	table_add(t, "%s", user_name(row->uid, buf, sizeof(buf)));
}

static void add_name(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", text_of(row->name));
}

static void add_command(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", text_of(row->command));
}

static void add_node_number(struct table *t, uint32_t node, const Mosix__Reply *nodes)
{
	char buf[16];

	table_add(t, "%s", node ? client_node_name(nodes, node, buf, sizeof(buf)) : "-");
}

static void add_home(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	add_node_number(t, row->home, nodes);
}

static void add_start(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	add_node_number(t, row->start_node, nodes);
}

static void add_node(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	add_node_number(t, row->node, nodes);
}

static void add_state(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	char buf[64];

	(void)nodes;
	table_add(t, "%s", job_state_text(row, buf, sizeof(buf)));
}

static void add_cpu(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", human_usec(row->cpu_usec).s);
}

static void add_elapsed(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", human_usec((uint64_t)(elapsed(row) * 1e6)).s);
}

static void add_pcpu(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%u.%u", row->used / 10, row->used % 10);
}

static void add_pmem(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%.1f", percent_memory(row));
}

static void add_rss(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", human_bytes(row->rss).s);
}

static void add_demand(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%u.%02u", row->demand / 1000, row->demand % 1000 / 10);
}

static void add_procs(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%u", row->processes);
}

static void add_net(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", human_bytes(row->net_bytes).s);
}

static void add_netrate(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%s", human_bytes(row->net_rate).s);
}

static void add_moves(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%u", row->moves);
}

static void add_cwd(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	(void)nodes;
	table_add(t, "%.*s", (int)(row->has_cwd && row->cwd.len < 4096 ? row->cwd.len : 0),
		  row->has_cwd ? (const char *)row->cwd.data : "");
}

/* ------------------------------------------------------------------ what they sort by */

/* clang-format off */
static double by_job(const Mosix__JobRow *row) { return (double)row->job; }
static double by_pid(const Mosix__JobRow *row) { return row->pid; }
static double by_user(const Mosix__JobRow *row) { return row->uid; }
static double by_home(const Mosix__JobRow *row) { return row->home; }
static double by_start(const Mosix__JobRow *row) { return row->start_node; }
static double by_node(const Mosix__JobRow *row) { return row->node; }
static double by_cpu(const Mosix__JobRow *row) { return (double)row->cpu_usec; }
static double by_pcpu(const Mosix__JobRow *row) { return row->used; }
static double by_rss(const Mosix__JobRow *row) { return (double)row->rss; }
static double by_demand(const Mosix__JobRow *row) { return row->demand; }
static double by_procs(const Mosix__JobRow *row) { return row->processes; }
static double by_net(const Mosix__JobRow *row) { return (double)row->net_bytes; }
static double by_netrate(const Mosix__JobRow *row) { return (double)row->net_rate; }
static double by_moves(const Mosix__JobRow *row) { return row->moves; }
static const char *by_name(const Mosix__JobRow *row) { return text_of(row->name); }
static const char *by_command(const Mosix__JobRow *row) { return text_of(row->command); }
static const char *by_state(const Mosix__JobRow *row) { return text_of(row->state); }
/* clang-format on */

static const struct job_field fields[] = {
	{"job", ">JOB", add_job, by_job, NULL},
	{"pid", ">PID", add_pid, by_pid, NULL},
	{"user", "USER", add_user, by_user, NULL},
	{"name", "NAME", add_name, NULL, by_name},
	{"home", "HOME", add_home, by_home, NULL},
	{"start", "START", add_start, by_start, NULL},
	{"node", "NODE", add_node, by_node, NULL},
	{"state", "STATE", add_state, NULL, by_state},
	{"pcpu", ">%CPU", add_pcpu, by_pcpu, NULL},
	{"pmem", ">%MEM", add_pmem, percent_memory, NULL},
	{"rss", ">MEMORY", add_rss, by_rss, NULL},
	{"demand", ">DEMAND", add_demand, by_demand, NULL},
	{"procs", ">PROCS", add_procs, by_procs, NULL},
	{"cpu", ">CPU", add_cpu, by_cpu, NULL},
	{"elapsed", ">ELAPSED", add_elapsed, elapsed, NULL},
	{"net", ">NET", add_net, by_net, NULL},
	{"netrate", ">NET/S", add_netrate, by_netrate, NULL},
	{"moves", ">MOVES", add_moves, by_moves, NULL},
	{"cwd", "DIRECTORY", add_cwd, NULL, NULL},
	{"command", "COMMAND", add_command, NULL, by_command},
};

#define FIELDS (sizeof(fields) / sizeof(*fields))

/* ------------------------------------------------------------------ choosing */

static const struct job_field *find(const char *name)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

static int no_field(const char *name, struct err *e)
{
	char all[256] = "";

	for (size_t i = 0; i < FIELDS; i++) {
		strcat(all, i ? ", " : "");
		strcat(all, fields[i].name);
	}
	return err_set(e, -EINVAL, "there is no field '%.64s'; there are %s", name, all);
}

int job_fields_parse(const char *text, struct job_fields *ret, struct err *e)
{
	_cleanup_free_ char *copy = strdup(text);
	struct job_fields f = {0};
	char *next = copy, *name;

	if (!copy)
		return err_sys(e, -ENOMEM, "cannot read the list of fields");
	while ((name = strsep(&next, ","))) {
		const struct job_field *field = find(name);

		if (!field)
			return no_field(name, e);
		if (f.count == JOB_FIELDS_MAX)
			return err_set(e, -EINVAL, "these are too many fields; %d can be shown",
				       JOB_FIELDS_MAX);
		f.columns[f.count] = field->header;
		f.list[f.count++] = field;
	}
	*ret = f;
	return 0;
}

struct order {
	const struct job_field *field;
	bool reverse;
};

static int compare(const void *a, const void *b, void *order)
{
	const Mosix__JobRow *x = *(Mosix__JobRow *const *)a, *y = *(Mosix__JobRow *const *)b;
	const struct order *o = order;
	int r = 0;

	if (o->field->number) {
		double v = o->field->number(x), w = o->field->number(y);

		r = (v > w) - (v < w);
	} else if (o->field->text) {
		r = strcmp(o->field->text(x), o->field->text(y));
	}
	/* So that equal ones do not change places from one picture to the next. */
	if (!r)
		return (x->job > y->job) - (x->job < y->job);
	return o->reverse ? -r : r;
}

int job_rows_sort(Mosix__JobRow **rows, size_t count, const char *by, struct err *e)
{
	struct order o = {.reverse = by[0] == '-'};

	o.field = find(by + o.reverse);
	if (!o.field)
		return no_field(by + o.reverse, e);
	if (count)
		qsort_r(rows, count, sizeof(*rows), compare, &o);
	return 0;
}

struct table *job_table(const struct job_fields *f, const Mosix__Reply *jobs,
			const Mosix__Reply *nodes)
{
	struct table *t = table_new(f->columns);

	for (size_t i = 0; t && i < jobs->n_jobs; i++)
		for (size_t k = 0; k < f->count; k++)
			f->list[k]->add(t, jobs->jobs[i], nodes);
	return t;
}
