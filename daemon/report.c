/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers about the daemon, the nodes and the jobs. */
#include "daemon/report.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/requests.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* More would not fit into one answer. */
#define ROWS_MAX 6000

void report_status(struct mosixd *d, const struct requester *who)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;
	unsigned int up = 0, all = 0;
	char text[ERR_MAX];
	struct node *n;

	for (n = nodes_first(d); n; n = n->hh.next) {
		all += n->in_map;
		up += node_up(n);
	}
	snprintf(text, sizeof(text), "%s is node %u; %u of %u nodes are up; %u jobs, %u guests%s%s",
		 node_title(d, d->config.self), d->config.self, up, all, jobs_count(d),
		 guests_count_foreign(d),
		 d->info->criu_problem && d->info->criu_problem[0] ? "; no moves: " : "",
		 d->info->criu_problem ? d->info->criu_problem : "");
	m.has_uptime = true;
	m.uptime = (uint64_t)(clock_usec() - d->started_usec) / 1000000;
	m.version = d->info->version;
	m.text = text;
	request_answer(d, who, &m);
}

/* ------------------------------------------------------------------ nodes */

struct node_row {
	Mosix__NodeRow row;
	Mosix__NodeInfo info;
	Mosix__Load load;
	char address[INET_ADDRSTRLEN];
};

static void fill_node(struct node_row *w, struct node *n)
{
	const Mosix__NodeInfo *info = node_info(n);

	mosix__node_row__init(&w->row);
	w->row.has_node = w->row.has_up = w->row.has_self = true;
	w->row.node = n->number;
	w->row.name = n->name;
	w->row.address = w->address;
	inet_ntop(AF_INET, &n->addr, w->address, sizeof(w->address));
	w->row.up = node_up(n);
	w->row.self = n->self;
	if (info) {
		/* Nobody reads a hundred processor flags in a table. */
		w->info = *info;
		w->info.n_cpu_flags = 0;
		w->row.info = &w->info;
	}
	mosix__load__init(&w->load);
	if (n->self)
		load_fill(n->d, &w->load);
	else
		load_copy(&w->load, &n->load);
	if (w->row.up)
		w->row.load = &w->load;
	if (n->problem[0])
		w->row.problem = n->problem;
	else if (info && info->criu_problem && info->criu_problem[0])
		w->row.problem = info->criu_problem;
}

static int by_number(struct node *a, struct node *b)
{
	return a->number < b->number ? -1 : a->number > b->number;
}

void report_nodes(struct mosixd *d, const struct requester *who)
{
	unsigned int count = nodes_count(d), used = 0;
	_cleanup_free_ struct node_row *rows = calloc(count, sizeof(*rows));
	_cleanup_free_ Mosix__NodeRow **list = calloc(count, sizeof(*list));
	Mosix__Reply m = MOSIX__REPLY__INIT;
	struct node *n;

	if (!rows || !list) {
		request_fail(d, who, ENOMEM, "Out of memory");
		return;
	}
	nodes_sort(d, by_number);
	for (n = nodes_first(d); n && used < ROWS_MAX; n = n->hh.next) {
		if (!n->in_map)
			continue;
		fill_node(&rows[used], n);
		list[used] = &rows[used].row;
		used++;
	}
	m.n_nodes = used;
	m.nodes = list;
	request_answer(d, who, &m);
}

/* ------------------------------------------------------------------ jobs */

struct job_rows {
	Mosix__JobRow *rows;
	Mosix__JobRow **list;
	unsigned int count, max;
};

static Mosix__JobRow *next_row(struct job_rows *rs, uint64_t id)
{
	Mosix__JobRow *row;

	if (rs->count == rs->max)
		return NULL;
	row = &rs->rows[rs->count];
	rs->list[rs->count++] = row;
	mosix__job_row__init(row);
	row->has_job = row->has_pid = row->has_uid = row->has_home = row->has_node = true;
	row->has_cpu_usec = row->has_rss = row->has_moves = row->has_started = true;
	row->has_lock = row->has_start_node = true;
	row->job = id;
	row->home = jobid_home(id);
	return row;
}

static const char *job_state_name(const struct job *j)
{
	if (j->killed)
		return "killed";
	if (j->moving)
		return "moving";
	if (!node_up(nodes_find(j->d, j->copy.node)))
		return "unreachable";
	if (j->state == MOSIX__JOB_STATE__JOB_STARTING)
		return "starting";
	return j->stopped ? "stopped" : "running";
}

static void add_job(struct job_rows *rs, struct job *j)
{
	Mosix__JobRow *row = next_row(rs, j->id);

	if (!row)
		return;
	row->pid = j->deputy.pid;
	row->uid = j->spec->uid;
	row->node = j->copy.node;
	row->state = (char *)job_state_name(j);
	row->cpu_usec = j->cpu_before + j->cpu_usec;
	row->rss = j->rss;
	row->moves = j->moves;
	row->name = j->spec->name;
	row->command = j->command;
	row->started = j->started;
	row->lock = j->spec->lock;
	row->start_node = j->start_node;
}

static const char *guest_state_name(const struct guest *g)
{
	switch (g->state) {
	case MOSIX__GUEST_STATE__GUEST_STARTING:
		return "starting";
	case MOSIX__GUEST_STATE__GUEST_RUNNING:
		return g->stopped ? "stopped" : "running";
	case MOSIX__GUEST_STATE__GUEST_DUMPING:
	case MOSIX__GUEST_STATE__GUEST_DUMPED:
	case MOSIX__GUEST_STATE__GUEST_RESTORING:
	case MOSIX__GUEST_STATE__GUEST_READY:
		return "moving";
	case MOSIX__GUEST_STATE__GUEST_ENDED:
	case _MOSIX__GUEST_STATE_IS_INT_SIZE:
		break;
	}
	return "ended";
}

static void add_guest(struct job_rows *rs, struct guest *g)
{
	Mosix__JobRow *row = next_row(rs, g->key.job);

	if (!row)
		return;
	row->uid = g->uid;
	row->node = g->d->config.self;
	row->state = (char *)guest_state_name(g);
	row->cpu_usec = g->cpu_usec;
	row->rss = g->rss;
	row->name = g->name;
	row->command = g->command;
	row->started = g->started;
}

static void add_all(struct mosixd *d, struct job_rows *rs, const struct requester *who, bool all)
{
	struct job *j;
	struct guest *g;

	for (j = jobs_first(d); j; j = j->hh.next)
		if (j->state != MOSIX__JOB_STATE__JOB_ENDED && (all || j->spec->uid == who->uid))
			add_job(rs, j);
	for (g = guests_first(d); g; g = g->hh.next)
		if (jobid_home(g->key.job) != d->config.self && !g->leaving &&
		    (all || g->uid == who->uid))
			add_guest(rs, g);
}

void report_jobs(struct mosixd *d, const struct requester *who, bool all)
{
	unsigned int max = jobs_count(d) + guests_count(d);
	Mosix__Reply m = MOSIX__REPLY__INIT;
	struct job_rows rs = {.max = max < ROWS_MAX ? max : ROWS_MAX};

	rs.rows = calloc(rs.max + 1, sizeof(*rs.rows));
	rs.list = calloc(rs.max + 1, sizeof(*rs.list));
	if (rs.rows && rs.list) {
		add_all(d, &rs, who, all);
		m.n_jobs = rs.count;
		m.jobs = rs.list;
		request_answer(d, who, &m);
	} else {
		request_fail(d, who, ENOMEM, "Out of memory");
	}
	free(rs.rows);
	free(rs.list);
}
