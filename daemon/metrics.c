/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters, and everything as text. A node tells of itself; of the others only how many there are
 * in which state and how old the news of them is, since each can be asked itself. */
#include "daemon/metrics.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "daemon/gossip_io.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/load.h"
#include "daemon/metrics_http.h"
#include "daemon/metrics_write.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/report.h"
#include "daemon/requests.h"
#include "daemon/sample.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const double seconds[HISTOGRAM_BUCKETS - 1] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
						      1,    2.5,   5,    10,  30};

/* More than there are. */
#define MFS_REQUESTS 64

struct metrics {
	uint64_t started[2];  /* here, elsewhere */
	uint64_t moves[2][2]; /* [by balancing, by a user][failed, done] */
	uint64_t decisions[BALANCE_REASONS];
	uint64_t move_bytes;
	uint64_t net_bytes;
	uint64_t gossip_bytes[2]; /* received, sent */
	uint64_t gossip_datagrams[2];
	uint64_t gossip_refused;
	struct histogram duration, downtime;
	struct served {
		char request[24];
		uint64_t count;
	} served[MFS_REQUESTS];
	size_t served_count;
	struct metrics_http *http;
};

int metrics_new(struct mosixd *d)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->duration.bounds = m->downtime.bounds = seconds;
	d->metrics = m;
	return 0;
}

void metrics_free(struct mosixd *d)
{
	if (!d->metrics)
		return;
	metrics_http_free(d->metrics->http);
	free(d->metrics);
	d->metrics = NULL;
}

/* ------------------------------------------------------------------ counting */

void metrics_job_started(struct mosixd *d, bool elsewhere)
{
	if (d->metrics)
		d->metrics->started[elsewhere]++;
}

void metrics_move_done(struct mosixd *d, bool by_user, uint64_t total_usec, uint64_t downtime_usec,
		       uint64_t bytes)
{
	if (!d->metrics)
		return;
	d->metrics->moves[by_user][true]++;
	d->metrics->move_bytes += bytes;
	histogram_add(&d->metrics->duration, (double)total_usec / 1e6);
	histogram_add(&d->metrics->downtime, (double)downtime_usec / 1e6);
}

void metrics_move_failed(struct mosixd *d, bool by_user)
{
	if (d->metrics)
		d->metrics->moves[by_user][false]++;
}

void metrics_decision(struct mosixd *d, enum balance_reason reason)
{
	if (d->metrics && reason < BALANCE_REASONS)
		d->metrics->decisions[reason]++;
}

void metrics_job_net(struct mosixd *d, uint64_t bytes)
{
	if (d->metrics)
		d->metrics->net_bytes += bytes;
}

void metrics_gossip_refused(struct mosixd *d)
{
	if (d->metrics)
		d->metrics->gossip_refused++;
}

void metrics_gossip(struct mosixd *d, bool sent, uint64_t bytes)
{
	if (!d->metrics)
		return;
	d->metrics->gossip_bytes[sent] += bytes;
	d->metrics->gossip_datagrams[sent]++;
}

int metrics_mfs_served(struct mosixd *d, const Mosix__MfsServed *m)
{
	struct metrics *t = d->metrics;

	if (!t)
		return 0;
	t->served_count = m->n_rows < MFS_REQUESTS ? m->n_rows : MFS_REQUESTS;
	for (size_t i = 0; i < t->served_count; i++) {
		const Mosix__MfsServedRow *row = m->rows[i];

		snprintf(t->served[i].request, sizeof(t->served[i].request), "%s",
			 row->request ? row->request : "");
		t->served[i].count = row->count;
	}
	return 0;
}

/* ------------------------------------------------------------------ this node */

static void gauge(struct metrics_write *w, const char *name, const char *unit, double value,
		  const char *help)
{
	metrics_family(w, name, "gauge", unit, help);
	metrics_sample(w, value, "");
}

static void write_build(struct mosixd *d, struct metrics_write *w)
{
	const struct map_node *self = config_self(&d->config);
	char number[16];

	snprintf(number, sizeof(number), "%u", d->config.self);
	metrics_family(w, "mosix_node", "info", NULL, "This node and its software.");
	metrics_sample(w, 1, "_info", "node", number, "name", self ? self->name : "", "version",
		       d->info->version ? d->info->version : "", "kernel",
		       d->info->kernel ? d->info->kernel : "");
	gauge(w, "mosix_uptime_seconds", "seconds", (double)(clock_usec() - d->started_usec) / 1e6,
	      "How long mosixd has been running.");
}

static void write_flags(struct metrics_write *w, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = {
		{NODE_NO_GUESTS, "no_guests"},
		{NODE_DRAINING, "draining"},
		{NODE_NO_MOVES, "no_moves"},
		{NODE_OWNER_BUSY, "owner_busy"},
		{NODE_MEMORY_LOW, "memory_low"},
		{NODE_NO_BALANCE, "no_balance"},
		{NODE_FULL, "full"},
	};

	metrics_family(w, "mosix_node_flag", "gauge", NULL, "1 if the node says so of itself.");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		metrics_sample(w, flags & names[i].flag ? 1 : 0, "", "flag", names[i].name);
}

static void write_load(struct mosixd *d, struct metrics_write *w)
{
	Mosix__Load l = MOSIX__LOAD__INIT;

	load_fill(d, 0, &l);
	gauge(w, "mosix_load", NULL, l.load / 100.0,
	      "Load; 1 is one process that always runs on each standard CPU.");
	gauge(w, "mosix_cpus", NULL, l.cpus / 1000.0, "CPUs that the node may use.");
	gauge(w, "mosix_cpu_speed_ratio", "ratio", l.speed / 10000.0,
	      "Speed of each CPU; 1 is the standard CPU.");
	gauge(w, "mosix_runnable_tasks", "tasks", l.runnable / 1000.0,
	      "Tasks that run or want to.");
	gauge(w, "mosix_memory_size_bytes", "bytes", (double)l.memory_total,
	      "Memory that the node may use.");
	gauge(w, "mosix_memory_free_bytes", "bytes", (double)l.memory_free,
	      "Memory that can be had without harm.");
	write_flags(w, l.flags);
}

static void write_pressure(struct mosixd *d, struct metrics_write *w)
{
	const struct sample_more *m = sample_more(d);

	metrics_family(
		w, "mosix_pressure_ratio", "gauge", "ratio",
		"Share of the last second in which something had to wait for it; 0 where the "
		"kernel does not tell.");
	metrics_sample(w, m->pressure.cpu / 1000.0, "", "resource", "cpu");
	metrics_sample(w, m->pressure.memory / 1000.0, "", "resource", "memory");
	metrics_sample(w, m->pressure.io / 1000.0, "", "resource", "io");
	gauge(w, "mosix_swap_size_bytes", "bytes", (double)m->swap_total * (1 << 20),
	      "Swap that the node may use.");
	gauge(w, "mosix_swap_free_bytes", "bytes", (double)m->swap_free * (1 << 20),
	      "What is left of it.");
}

/* ------------------------------------------------------------------ jobs and moves */

static void write_jobs(struct mosixd *d, struct metrics_write *w)
{
	unsigned int all = jobs_count(d), here = 0;

	for (struct job *j = jobs_first(d); j; j = j->hh.next)
		here += j->copy.node == d->config.self;
	metrics_family(w, "mosix_jobs", "gauge", NULL, "Jobs whose home is this node.");
	metrics_sample(w, here, "", "where", "here");
	metrics_sample(w, all - here, "", "where", "elsewhere");
	gauge(w, "mosix_guests", NULL, guests_count_foreign(d),
	      "Jobs of other nodes that run here.");
	metrics_family(w, "mosix_job_starts", "counter", NULL,
		       "Jobs of this node that were started.");
	metrics_sample(w, (double)d->metrics->started[0], "_total", "where", "here");
	metrics_sample(w, (double)d->metrics->started[1], "_total", "where", "elsewhere");
	metrics_family(w, "mosix_job_network_bytes", "counter", "bytes",
		       "Sent and received over TCP by jobs that ran here.");
	metrics_sample(w, (double)d->metrics->net_bytes, "_total");
}

static void write_moves(const struct metrics *m, struct metrics_write *w)
{
	metrics_family(w, "mosix_moves", "counter", NULL, "Moves of jobs of this node.");
	for (int user = 0; user < 2; user++)
		for (int done = 0; done < 2; done++)
			metrics_sample(w, (double)m->moves[user][done], "_total", "by",
				       user ? "user" : "balance", "result",
				       done ? "done" : "failed");
	metrics_family(w, "mosix_move_duration_seconds", "histogram", "seconds",
		       "What moves took in all.");
	metrics_histogram(w, &m->duration);
	metrics_family(w, "mosix_move_downtime_seconds", "histogram", "seconds",
		       "How long jobs stood still in moves.");
	metrics_histogram(w, &m->downtime);
	metrics_family(w, "mosix_move_bytes", "counter", "bytes", "Sent in moves.");
	metrics_sample(w, (double)m->move_bytes, "_total");
	metrics_family(w, "mosix_decisions", "counter", NULL, "Decisions of balancing.");
	for (int i = 0; i < BALANCE_REASONS; i++)
		metrics_sample(w, (double)m->decisions[i], "_total", "reason",
			       balance_reason_name((enum balance_reason)i));
}

/* ------------------------------------------------------------------ the cluster */

struct members {
	unsigned int count[REPORT_STATES];
	uint64_t age_sum;
	uint32_t age_max;
	unsigned int aged;
};

static void count_member(struct members *m, struct node *n)
{
	uint32_t age;

	m->count[report_state(n)]++;
	if (n->self || !report_age(n, &age))
		return;
	m->aged++;
	m->age_sum += age;
	m->age_max = age > m->age_max ? age : m->age_max;
}

static void write_members(struct mosixd *d, struct metrics_write *w)
{
	struct members m = {0};

	for (struct node *n = nodes_first(d); n; n = n->hh.next)
		if (node_is_listed(n))
			count_member(&m, n);
	metrics_family(w, "mosix_members", "gauge", NULL, "Nodes of the cluster, this one too.");
	for (int i = 0; i < REPORT_STATES; i++)
		metrics_sample(w, m.count[i], "", "state", report_state_name((enum report_state)i));
	gauge(w, "mosix_news_age_mean_seconds", "seconds",
	      m.aged ? (double)m.age_sum / m.aged / 1e3 : 0.0,
	      "Age of what is known of the other nodes' load.");
	gauge(w, "mosix_news_age_max_seconds", "seconds", m.age_max / 1e3,
	      "Age of the oldest of it.");
}

static void write_gossip(struct mosixd *d, struct metrics_write *w)
{
	const struct metrics *m = d->metrics;

	gauge(w, "mosix_gossip_health", NULL, gossip_io_health(d),
	      "How slow the node takes itself to be: it waits so many times longer for answers.");
	metrics_family(w, "mosix_gossip_bytes", "counter", "bytes", "Bytes of gossip's datagrams.");
	metrics_sample(w, (double)m->gossip_bytes[0], "_total", "direction", "received");
	metrics_sample(w, (double)m->gossip_bytes[1], "_total", "direction", "sent");
	metrics_family(w, "mosix_gossip_datagrams", "counter", NULL, "Datagrams of gossip.");
	metrics_sample(w, (double)m->gossip_datagrams[0], "_total", "direction", "received");
	metrics_sample(w, (double)m->gossip_datagrams[1], "_total", "direction", "sent");
	metrics_family(w, "mosix_gossip_refused_datagrams", "counter", NULL,
		       "Received, but not sealed with the cluster's key, or repeated.");
	metrics_sample(w, (double)m->gossip_refused, "_total");
}

static void write_served(const struct metrics *m, struct metrics_write *w)
{
	/* It tells once a second, and first after it has started. */
	if (!m->served_count)
		return;
	metrics_family(w, "mosix_mfs_requests", "counter", NULL,
		       "Requests of other nodes for files of this one, since mosix-mfsd runs.");
	for (size_t i = 0; i < m->served_count; i++)
		metrics_sample(w, (double)m->served[i].count, "_total", "request",
			       m->served[i].request);
}

/* ------------------------------------------------------------------ the daemon itself */

static double resident_bytes(void)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long pages;
	size_t len;

	if (file_read_at(AT_FDCWD, "/proc/self/statm", 256, &text, &len) < 0 ||
	    sscanf(text, "%*s %llu", &pages) != 1)
		return 0;
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void write_process(struct metrics_write *w)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) == 0) {
		metrics_family(w, "process_cpu_seconds", "counter", "seconds",
			       "CPU time of mosixd.");
		metrics_sample(w,
			       (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
				       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
			       "_total");
	}
	gauge(w, "process_resident_memory_bytes", "bytes", resident_bytes(), "Memory of mosixd.");
}

/* ------------------------------------------------------------------ text */

char *metrics_text(struct mosixd *d)
{
	struct metrics_write w = {0};
	char *text = NULL;
	size_t len;
	bool failed;

	w.f = open_memstream(&text, &len);
	if (!w.f)
		return NULL;
	write_build(d, &w);
	write_load(d, &w);
	write_pressure(d, &w);
	write_jobs(d, &w);
	write_moves(d->metrics, &w);
	write_members(d, &w);
	write_gossip(d, &w);
	write_served(d->metrics, &w);
	write_process(&w);
	metrics_end(&w);
	failed = ferror(w.f);
	if (fclose(w.f) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

void metrics_answer(struct mosixd *d, const struct requester *who)
{
	_cleanup_free_ char *text = metrics_text(d);
	Mosix__Reply m = MOSIX__REPLY__INIT;

	if (!text) {
		request_fail(d, who, ENOMEM, "Out of memory");
		return;
	}
	m.metrics = text;
	request_answer(d, who, &m);
}

/* ------------------------------------------------------------------ by HTTP */

static char *http_text(void *arg)
{
	return metrics_text(arg);
}

void metrics_listen(struct mosixd *d)
{
	const struct sockaddr_in *want = &d->config.conf.metrics_listen;
	struct metrics *m = d->metrics;
	struct err e;

	if (m->http && metrics_http_address(m->http)->sin_port == want->sin_port &&
	    metrics_http_address(m->http)->sin_addr.s_addr == want->sin_addr.s_addr)
		return;
	m->http = metrics_http_free(m->http);
	if (want->sin_port && metrics_http_new(&m->http, d->loop, want, http_text, d, &e) < 0)
		log_err("%s", e.text);
}
