/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon of a cluster that does not exist, for tests of mosixctl and of what mosix-run asks for:
 * NODES nodes n1, n2, … and JOBS jobs spread over them, whose numbers follow from their places.
 *
 *	fake_cluster SOCKET NODES JOBS LOG
 *
 * Each request is one line in LOG. Every seventh node is dead, every eleventh suspected. Jobs move
 * at once with migrate, with drain one in 50 ms; a locked one does not leave by a drain. All
 * jobs are of user 0 and have node 1, the asked one, as their home.
 */
#include "common/chan.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/msg.h"
#include "policy/balance.h"
#include "proto/mosix.pb-c.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NODES_MAX 1000
#define JOBS_MAX 5000

/* Shared by the processes, one of which serves each connection. */
static struct {
	uint32_t node_count, job_count;
	uint32_t flags[NODES_MAX], speed[NODES_MAX];
	struct {
		uint32_t node, moves;
		bool locked, frozen, gone;
	} jobs[JOBS_MAX];
} *cluster;

static int log_fd;

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(1);
}

__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n] = '\n';
	(void)!write(log_fd, line, (size_t)n + 1);
}

static void pause_ms(long ms)
{
	struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

static bool is_dead(uint32_t i)
{
	return i % 7 == 6;
}

static uint32_t jobs_on(uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < cluster->job_count; i++)
		n += !cluster->jobs[i].gone && cluster->jobs[i].node == node;
	return n;
}

/* ------------------------------------------------------------------ what there is */

struct row {
	Mosix__NodeRow row;
	Mosix__NodeInfo info;
	Mosix__Load load;
	char name[16], address[24];
};

static void fill_load(Mosix__Load *l, uint32_t i)
{
	uint32_t cpus = 1000 * (1 + i % 4), on = jobs_on(i + 1);

	mosix__load__init(l);
	l->has_load = l->has_memory_free = l->has_guests = l->has_jobs = l->has_cpus = true;
	l->has_speed = l->has_runnable = l->has_memory_total = l->has_flags = true;
	l->load = (uint32_t)(UINT64_C(100) * on * 1000 * 10000 / cpus / cluster->speed[i]);
	l->cpus = cpus;
	l->speed = cluster->speed[i];
	l->runnable = 1000 * on;
	l->memory_total = (uint64_t)(4 + i % 3 * 4) << 30;
	l->memory_free = l->memory_total / 4 * (1 + i % 3);
	l->guests = i ? on : 0;
	l->jobs = i ? 0 : cluster->job_count;
	l->flags = cluster->flags[i];
}

static void fill_node(struct row *w, uint32_t i)
{
	mosix__node_row__init(&w->row);
	mosix__node_info__init(&w->info);
	fill_load(&w->load, i);
	snprintf(w->name, sizeof(w->name), "n%u", i + 1);
	snprintf(w->address, sizeof(w->address), "10.0.%u.%u", (i + 1) / 250, (i + 1) % 250 + 1);
	w->row.has_node = w->row.has_up = w->row.has_self = w->row.has_age_ms = true;
	w->row.node = i + 1;
	w->row.name = w->name;
	w->row.address = w->address;
	w->row.up = !is_dead(i);
	w->row.self = i == 0;
	w->row.state = (char *)(is_dead(i) ? "dead" : i % 11 == 10 ? "suspect" : "alive");
	w->row.age_ms = 100 * (i % 50);
	if (is_dead(i))
		return;
	w->info.has_cpus = w->info.has_memory = true;
	w->info.cpus = w->load.cpus / 1000;
	w->info.memory = w->load.memory_total;
	w->row.info = &w->info;
	w->row.load = &w->load;
}

static void fill_job(Mosix__JobRow *row, uint32_t i, char *name)
{
	mosix__job_row__init(row);
	row->has_job = row->has_pid = row->has_uid = row->has_home = row->has_node = true;
	row->has_cpu_usec = row->has_rss = row->has_moves = row->has_started = true;
	row->has_lock = row->has_start_node = row->has_cwd = row->has_demand = true;
	row->has_used = row->has_processes = row->has_frozen = row->has_memory_total = true;
	row->job = jobid_make(1, i + 1);
	row->pid = 1000 + (int)i;
	row->home = row->start_node = 1;
	row->node = cluster->jobs[i].node;
	row->state = (char *)(cluster->jobs[i].frozen ? "frozen" : "running");
	row->cpu_usec = 1000000 * (uint64_t)(i + 1);
	row->rss = (uint64_t)(i + 1) << 20;
	row->memory_total = UINT64_C(4) << 30;
	row->moves = cluster->jobs[i].moves;
	row->name = name;
	row->command = name;
	row->started = (uint64_t)time(NULL) - 60;
	row->lock = cluster->jobs[i].locked;
	row->cwd.data = (uint8_t *)"/home/root\033[31m";
	row->cwd.len = 15;
	row->demand = 1000;
	row->used = 100 * (i % 11);
	row->processes = 1 + i % 3;
	row->frozen = cluster->jobs[i].frozen;
}

static void answer(struct chan *c, Mosix__Reply *m)
{
	if (msg_send(c, MOSIX__MSG_TYPE__MSG_REPLY, &m->base, -1) < 0 || chan_flush(c, -1) < 0)
		exit(0);
}

static void fail(struct chan *c, int error, const char *text)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	m.has_error = true;
	m.error = (uint32_t)error;
	m.text = (char *)text;
	answer(c, &m);
}

static void answer_nodes(struct chan *c)
{
	static Mosix__NodeRow *list[NODES_MAX];
	static struct row rows[NODES_MAX];
	Mosix__Reply m = MOSIX__REPLY__INIT;

	for (uint32_t i = 0; i < cluster->node_count; i++) {
		fill_node(&rows[i], i);
		list[i] = &rows[i].row;
	}
	m.n_nodes = cluster->node_count;
	m.nodes = list;
	answer(c, &m);
}

static void answer_jobs(struct chan *c)
{
	static Mosix__JobRow rows[JOBS_MAX], *list[JOBS_MAX];
	static char names[JOBS_MAX][16];
	Mosix__Reply m = MOSIX__REPLY__INIT;

	for (uint32_t i = 0; i < cluster->job_count; i++) {
		if (cluster->jobs[i].gone)
			continue;
		snprintf(names[i], sizeof(names[i]), "job%u", i + 1);
		fill_job(&rows[i], i, names[i]);
		list[m.n_jobs++] = &rows[i];
	}
	m.jobs = list;
	answer(c, &m);
}

static void answer_explain(struct chan *c, uint32_t i)
{
	Mosix__Decision now = MOSIX__DECISION__INIT, before = MOSIX__DECISION__INIT;
	Mosix__Decision *list[] = {&now, &before};
	Mosix__Reply m = MOSIX__REPLY__INIT;

	now.has_reason = now.has_from = now.has_to = now.has_cost_here = now.has_cost_there = true;
	now.has_threshold = now.has_load_here = now.has_load_there = now.has_move_ms = true;
	now.has_age_needed_ms = true;
	now.reason = BALANCE_STAYS_COST;
	now.from = cluster->jobs[i].node;
	now.to = 2;
	now.cost_here = 1.5;
	now.cost_there = 1.25;
	now.threshold = 1.625;
	now.load_here = 120;
	now.load_there = 95;
	now.move_ms = 340;
	now.age_needed_ms = 1200;
	before = now;
	before.reason = BALANCE_LOAD;
	before.has_at = true;
	before.at = 1700000000;
	before.text = (char *)"It cost less there: moved in 210 ms";
	m.has_movable = true;
	m.movable = true;
	m.n_decisions = 2;
	m.decisions = list;
	answer(c, &m);
}

/* ------------------------------------------------------------------ what is done */

static uint32_t node_of(const char *text)
{
	uint32_t n = !text || !*text || !strcmp(text, "home")
			     ? 1
			     : (uint32_t)atoi(text + (*text == 'n'));

	return n <= cluster->node_count ? n : 0;
}

static bool move_one(uint32_t node)
{
	uint32_t to = node % cluster->node_count;

	while (is_dead(to) || to + 1 == node)
		to = (to + 1) % cluster->node_count;
	for (uint32_t i = 0; i < cluster->job_count; i++) {
		if (cluster->jobs[i].node != node || cluster->jobs[i].locked)
			continue;
		cluster->jobs[i].node = to + 1;
		cluster->jobs[i].moves++;
		return true;
	}
	return false;
}

static void drain(struct chan *c, uint32_t node)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	m.has_left = m.has_done = m.has_more = m.more = true;
	m.left = jobs_on(node);
	while (m.left) {
		answer(c, &m);
		pause_ms(50);
		if (!move_one(node))
			break;
		m.done++;
		m.left = jobs_on(node);
	}
	m.more = false;
	m.text = (char *)(m.left ? "Some jobs cannot leave" : "Drained");
	answer(c, &m);
}

static void about_node(struct chan *c, const Mosix__Request *q)
{
	uint32_t node = node_of(q->node), *flags;
	Mosix__Reply m = MOSIX__REPLY__INIT;

	if (!node) {
		fail(c, ENOENT, "There is no such node in this cluster");
		return;
	}
	flags = &cluster->flags[node - 1];
	if (q->op == MOSIX__REQUEST_OP__OP_DRAIN)
		*flags |= NODE_DRAINING;
	else if (q->op == MOSIX__REQUEST_OP__OP_UNDRAIN)
		*flags &= ~(uint32_t)NODE_DRAINING;
	else if (q->op == MOSIX__REQUEST_OP__OP_BLOCK)
		*flags |= NODE_NO_GUESTS;
	else if (q->op == MOSIX__REQUEST_OP__OP_UNBLOCK)
		*flags &= ~(uint32_t)NODE_NO_GUESTS;
	else if (q->op == MOSIX__REQUEST_OP__OP_SPEED)
		cluster->speed[node - 1] = q->value;
	if (q->op == MOSIX__REQUEST_OP__OP_DRAIN || q->op == MOSIX__REQUEST_OP__OP_EXPEL)
		drain(c, node);
	else
		answer(c, &m);
}

static void about_job(struct chan *c, const Mosix__Request *q)
{
	uint32_t i = q->has_job ? jobid_seq(q->job) - 1 : (uint32_t)q->pid - 1000;
	uint32_t node = node_of(q->node);
	Mosix__Reply m = MOSIX__REPLY__INIT;

	if (i >= cluster->job_count || cluster->jobs[i].gone) {
		fail(c, ESRCH, "There is no such job");
		return;
	}
	if (q->op == MOSIX__REQUEST_OP__OP_EXPLAIN) {
		answer_explain(c, i);
		return;
	}
	if (q->op == MOSIX__REQUEST_OP__OP_MIGRATE && !node) {
		fail(c, ENOENT, "There is no such node in this cluster");
		return;
	}
	if (q->op == MOSIX__REQUEST_OP__OP_MIGRATE) {
		cluster->jobs[i].node = node;
		cluster->jobs[i].moves++;
		m.has_total_usec = m.has_downtime_usec = m.has_bytes = true;
		m.total_usec = 20000;
		m.downtime_usec = 10000;
		m.bytes = 1 << 20;
	}
	if (q->op == MOSIX__REQUEST_OP__OP_LOCK || q->op == MOSIX__REQUEST_OP__OP_UNLOCK)
		cluster->jobs[i].locked = q->op == MOSIX__REQUEST_OP__OP_LOCK;
	if (q->op == MOSIX__REQUEST_OP__OP_FREEZE || q->op == MOSIX__REQUEST_OP__OP_CONTINUE)
		cluster->jobs[i].frozen = q->op == MOSIX__REQUEST_OP__OP_FREEZE;
	if (q->op == MOSIX__REQUEST_OP__OP_KILL)
		cluster->jobs[i].gone = true;
	answer(c, &m);
}

static void answer_metrics(struct chan *c)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	m.metrics = (char *)"# TYPE mosix_up gauge\nmosix_up 1\n# EOF\n";
	answer(c, &m);
}

static const char *op_name(int op)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&mosix__request_op__descriptor, op);

	return v ? v->name : "?";
}

static void on_request(struct chan *c, const Mosix__Request *q)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	note("%s job=%u pid=%d node=%s signal=%u all=%d value=%u on=%d", op_name((int)q->op),
	     jobid_seq(q->job), q->pid, q->node ? q->node : "", q->signal, q->all, q->value, q->on);
	switch ((int)q->op) {
	case MOSIX__REQUEST_OP__OP_STATUS:
		m.version = (char *)"0";
		answer(c, &m);
		return;
	case MOSIX__REQUEST_OP__OP_NODES:
		answer_nodes(c);
		return;
	case MOSIX__REQUEST_OP__OP_PS:
		answer_jobs(c);
		return;
	case MOSIX__REQUEST_OP__OP_METRICS:
		answer_metrics(c);
		return;
	default:
		if (q->op >= MOSIX__REQUEST_OP__OP_DRAIN)
			about_node(c, q);
		else
			about_job(c, q);
	}
}

/* Notes what was asked for and starts nothing. */
static void on_start(struct chan *c, const Mosix__JobStart *m)
{
	Mosix__JobStarted a = MOSIX__JOB_STARTED__INIT;
	char allowed[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < m->spec->n_allowed && n < sizeof(allowed) - 8; i++)
		n += (size_t)sprintf(allowed + n, "%s%u", i ? "," : "", m->spec->allowed[i]);
	note("start node=%s best=%d or_home=%d home=%d allowed=%s memory=%llu cpu=%d io=%d "
	     "class=%u",
	     m->node ? m->node : "", m->best, m->or_home, m->spec->home_only, allowed,
	     (unsigned long long)m->spec->memory_hint, m->spec->cpu_bound, m->spec->io_bound,
	     m->spec->job_class);
	a.has_error = true;
	a.error = 99;
	a.text = (char *)"Noted";
	msg_send(c, MOSIX__MSG_TYPE__MSG_JOB_STARTED, &a.base, -1);
	chan_flush(c, -1);
}

static void serve(int fd)
{
	struct chan_frame f;
	struct stream *s;
	struct chan *c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (stream_new_plain(&s, fd) < 0 || chan_new(&c, s, CHAN_FRAME_MAX, 8u << 20) < 0)
		die("chan_new");
	while (chan_recv(c, &f, -1) >= 0) {
		_cleanup_(msg_freep) Mosix__Request *q = NULL;
		_cleanup_(msg_freep) Mosix__JobStart *m = NULL;

		if (f.type == MOSIX__MSG_TYPE__MSG_REQUEST &&
		    (q = msg_unpack(&mosix__request__descriptor, f.body, f.len)))
			on_request(c, q);
		if (f.type == MOSIX__MSG_TYPE__MSG_JOB_START &&
		    (m = msg_unpack(&mosix__job_start__descriptor, f.body, f.len)))
			on_start(c, m);
	}
	exit(0);
}

static void set_up(int argc, char **argv)
{
	cluster = mmap(NULL, sizeof(*cluster), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	log_fd = argc == 5 ? open(argv[4], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (cluster == MAP_FAILED || log_fd < 0)
		die("usage: fake_cluster SOCKET NODES JOBS LOG");
	cluster->node_count = (uint32_t)atoi(argv[2]);
	cluster->job_count = (uint32_t)atoi(argv[3]);
	if (!cluster->node_count || cluster->node_count > NODES_MAX ||
	    cluster->job_count > JOBS_MAX)
		exit(2);
	for (uint32_t i = 0; i < cluster->node_count; i++)
		cluster->speed[i] = 5000 * (1 + i % 3);
	for (uint32_t i = 0, node = 0; i < cluster->job_count; i++, node++) {
		while (is_dead(node % cluster->node_count))
			node++;
		cluster->jobs[i].node = node % cluster->node_count + 1;
	}
}

int main(int argc, char **argv)
{
	int listener;

	set_up(argc, argv);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	listener = unix_listen(argv[1], 0600);
	if (listener < 0)
		die(argv[1]);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			die("accept");
		if (fork() == 0)
			serve(fd);
		close(fd);
	}
}
