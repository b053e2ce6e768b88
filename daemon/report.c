/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers about the daemon, the nodes and the jobs. */
#include "daemon/report.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "daemon/gossip_io.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/requests.h"
#include "daemon/sample.h"
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
		all += node_is_listed(n);
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

enum report_state report_state(const struct node *n)
{
	enum gossip_state s = gossip_io_state(n, NULL);

	/* The same names. A link is as good a sign of life where datagrams do not get through. */
	return s == GOSSIP_UNKNOWN && node_up(n) ? REPORT_ALIVE : (enum report_state)s;
}

const char *report_state_name(enum report_state s)
{
	static const char *const names[REPORT_STATES] = {"unknown", "alive", "suspect", "dead",
							 "left"};

	return names[s];
}

bool report_age(const struct node *n, uint32_t *ret)
{
	struct node_facts f;

	if (n->self || !gossip_io_facts(n, &f))
		return false;
	*ret = f.age_ms;
	return true;
}

struct node_row {
	Mosix__NodeRow row;
	Mosix__NodeInfo info;
	Mosix__Load load;
	char address[INET_ADDRSTRLEN];
};

static void fill_node(struct node_row *w, struct node *n)
{
	const Mosix__NodeInfo *info = node_info(n);
	struct node_facts facts;
	bool known = gossip_io_facts(n, &facts);

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
	if (known)
		load_from_facts(&facts, &w->load);
	else
		load_copy(&w->load, &n->load);
	if (known || w->row.up)
		w->row.load = &w->load;
	(void)gossip_io_state(n, &w->row.incarnation);
	w->row.has_incarnation = w->row.incarnation != 0;
	w->row.state = (char *)report_state_name(report_state(n));
	w->row.has_age_ms = report_age(n, &w->row.age_ms);
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
		if (!node_is_listed(n))
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
	if (j->frozen)
		return "frozen";
	return j->stopped ? "stopped" : "running";
}

/* As the node tells where it runs. */
static void add_use(Mosix__JobRow *row, const struct job *j)
{
	const struct node *n = nodes_find(j->d, j->copy.node);
	const Mosix__NodeInfo *info = n ? node_info(n) : NULL;

	row->has_demand = row->has_used = row->has_processes = true;
	row->demand = j->demand;
	row->used = j->used;
	row->processes = j->processes;
	row->has_net_bytes = row->has_net_rate = true;
	row->net_bytes = j->net_before + j->net_bytes;
	row->net_rate = j->net_rate;
	if (!info)
		return;
	row->has_memory_total = true;
	row->memory_total =
		!n->self && n->load.has_memory_total ? n->load.memory_total : info->memory;
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
	row->has_frozen = true;
	row->frozen = j->frozen;
	row->has_cwd = j->spec->has_cwd;
	row->cwd = j->spec->cwd;
	add_use(row, j);
}

static const char *guest_state_name(const struct guest *g)
{
	switch (g->state) {
	case MOSIX__GUEST_STATE__GUEST_STARTING:
		return "starting";
	case MOSIX__GUEST_STATE__GUEST_RUNNING:
		return g->word.frozen ? "frozen" : g->stopped ? "stopped" : "running";
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

static void add_guest_use(Mosix__JobRow *row, struct guest *g)
{
	struct job_facts f;

	sample_job(g, &f);
	row->has_demand = row->has_used = row->has_memory_total = true;
	row->demand = f.demand;
	row->used = f.used;
	row->has_net_bytes = row->has_net_rate = true;
	row->net_bytes = sample_job_net_bytes(g);
	row->net_rate = (uint64_t)f.net_rate << 10;
	row->memory_total = (uint64_t)sample_facts(g->d)->mem_total << 20;
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
	row->has_frozen = true;
	row->frozen = g->word.frozen;
	row->lock = g->word.lock;
	add_guest_use(row, g);
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
