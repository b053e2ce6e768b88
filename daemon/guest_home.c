/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a home node says to the copies of its jobs on this node, and what it is told of them. */
#include "daemon/guests_priv.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/conn.h"
#include "daemon/controls.h"
#include "daemon/jobs.h"
#include "daemon/links.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include "job/link.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* NULL with 0 = there is no such copy; a copy of somebody else's job is an error. */
static int find_own(struct mosixd *d, uint32_t from, uint64_t job, uint32_t gen, struct guest **ret)
{
	if (jobid_home(job) != from)
		return -EPROTO;
	*ret = guests_find(d, job, gen);
	return 0;
}

int guest_check_room(struct mosixd *d, uint32_t home, struct err *e)
{
	uint32_t max = d->config.conf.guests_max;

	if (controls_drain(d))
		return err_set(e, -EAGAIN, "%s is being drained (mosixctl undrain)",
			       node_title(d, d->config.self));
	if (home == d->config.self)
		return 0;
	if (controls_block(d))
		return err_set(e, -EPERM, "%s takes no jobs of other nodes (mosixctl block)",
			       node_title(d, d->config.self));
	if (max == 0)
		return err_set(e, -EPERM, "%s takes no jobs of other nodes ([guests] max is 0)",
			       node_title(d, d->config.self));
	if (guests_count_foreign(d) >= max)
		return err_set(e, -EAGAIN,
			       "%s has as many jobs of other nodes as it takes ([guests] max is "
			       "%u)",
			       node_title(d, d->config.self), max);
	return 0;
}

static void refuse_start(struct mosixd *d, uint32_t home, const Mosix__GuestStart *m, int r,
			 struct err *e)
{
	Mosix__GuestStarted a = MOSIX__GUEST_STARTED__INIT;
	Mosix__Load load = MOSIX__LOAD__INIT;

	a.has_job = a.has_gen = a.has_error = true;
	a.job = m->job;
	a.gen = m->gen;
	a.error = -r;
	a.text = e->text;
	/* Known not to run here: who has placed it may place it elsewhere. */
	a.has_refused = true;
	a.refused = true;
	load_fill(d, home, &load);
	a.load = &load;
	(void)node_send(d, home, MOSIX__MSG_TYPE__MSG_GUEST_STARTED, &a.base);
}

static int check_placed(struct mosixd *d, uint32_t home, const Mosix__GuestStart *m, struct err *e)
{
	struct job_facts j = {.job = m->job, .home = home, .demand = 1000};

	j.mem_hint = mib(m->spec->memory_hint);
	j.job_class = m->spec->job_class <= JOB_CLASS_MAX ? (uint8_t)m->spec->job_class : 0;
	return balance_check_coming(d, &j, m->claimed_load, e);
}

int guests_on_start(struct mosixd *d, uint32_t from, Mosix__GuestStart *m)
{
	struct guest *g;
	struct err e;
	int r;

	r = find_own(d, from, m->job, m->gen, &g);
	if (r < 0 || !m->spec || !m->gen)
		return -EPROTO;
	if (g)
		return 0;
	r = guest_check_room(d, from, &e);
	if (r == 0 && m->placed)
		r = check_placed(d, from, m, &e);
	if (r == 0)
		r = guest_start(d, m->spec, m->job, m->gen, MOSIX__GUEST_STATE__GUEST_STARTING, &g,
				&e);
	if (r < 0) {
		refuse_start(d, from, m, r, &e);
		return 0;
	}
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_START, &m->base);
	return 0;
}

int guests_on_exited_ack(struct mosixd *d, uint32_t from, Mosix__GuestRef *m)
{
	struct guest *g;

	if (find_own(d, from, m->job, m->gen, &g) < 0)
		return -EPROTO;
	if (!g || g->state != MOSIX__GUEST_STATE__GUEST_ENDED)
		return 0;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_EXITED_ACK, &m->base);
	guest_leave(g);
	return 0;
}

int guests_on_signal(struct mosixd *d, uint32_t from, Mosix__GuestSignal *m)
{
	struct guest *g;

	if (find_own(d, from, m->job, m->gen, &g) < 0 || m->signal < 1 || m->signal > 64)
		return -EPROTO;
	if (!g)
		return 0;
	/* Its home sends again what a guest that is away does not take. */
	(void)guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_SIGNAL, &m->base);
	return 0;
}

/* To its home: there is no such copy here (any more). */
static void report_none(struct mosixd *d, uint32_t home, uint64_t job, uint32_t gen)
{
	Mosix__GuestExited x = MOSIX__GUEST_EXITED__INIT;

	x.has_job = x.has_gen = x.has_lost = true;
	x.job = job;
	x.gen = gen;
	x.lost = true;
	x.text = (char *)"The job is no longer there";
	(void)node_send(d, home, MOSIX__MSG_TYPE__MSG_GUEST_EXITED, &x.base);
}

/* An aborted move leaves its generation to the next one: until it is committed, only the move names
 * a copy, and only a decision on the move ends it. */
static bool may_be_killed(struct guest *g)
{
	Mosix__GuestState state = move_listed_as(g);

	return state != MOSIX__GUEST_STATE__GUEST_RESTORING &&
	       state != MOSIX__GUEST_STATE__GUEST_READY;
}

int guests_on_kill(struct mosixd *d, uint32_t from, Mosix__GuestRef *m)
{
	struct guest *g;

	if (find_own(d, from, m->job, m->gen, &g) < 0)
		return -EPROTO;
	if (!g)
		report_none(d, from, m->job, m->gen);
	else if (g->state == MOSIX__GUEST_STATE__GUEST_ENDED)
		guest_report_exited(g);
	else if (may_be_killed(g))
		guest_kill(g);
	return 0;
}

int guests_on_check(struct mosixd *d, uint32_t from, Mosix__GuestCheck *m)
{
	Mosix__GuestChecked a = MOSIX__GUEST_CHECKED__INIT;
	char *reason = (char *)"The job's guest process does not answer; try again";
	struct guest *g;

	if (find_own(d, from, m->job, m->gen, &g) < 0)
		return -EPROTO;
	if (g && guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_CHECK, &m->base) == 0)
		return 0;
	a.has_req = a.has_job = a.has_gen = a.has_movable = true;
	a.req = m->req;
	a.job = m->job;
	a.gen = m->gen;
	a.n_reasons = 1;
	a.reasons = &reason;
	(void)node_send(d, from, MOSIX__MSG_TYPE__MSG_GUEST_CHECKED, &a.base);
	return 0;
}

int guests_on_link_up(struct mosixd *d, uint32_t from, Mosix__LinkUp *m)
{
	struct guest *g;

	if (find_own(d, from, m->job, m->gen, &g) < 0 || m->direct)
		return -EPROTO;
	/* One that is away asks for a new path when it is back. */
	if (!g || !g->conn)
		return 0;
	g->linked = true;
	guest_send(g, MOSIX__MSG_TYPE__MSG_LINK_UP, &m->base);
	return 0;
}

int guests_on_link_down(struct mosixd *d, uint32_t from, Mosix__GuestRef *m)
{
	struct guest *g;

	if (find_own(d, from, m->job, m->gen, &g) < 0)
		return -EPROTO;
	if (g && g->linked) {
		g->linked = false;
		guest_send(g, MOSIX__MSG_TYPE__MSG_LINK_DOWN, &m->base);
	}
	return 0;
}

int guests_on_link(struct mosixd *d, uint32_t from, const uint8_t *body, size_t len)
{
	struct link_frame frame;
	struct guest *g;
	uint64_t job;
	uint32_t gen;

	if (link_frame_unpack(body, len, &job, &gen, &frame) < 0 ||
	    find_own(d, from, job, gen, &g) < 0)
		return -EPROTO;
	if (!g || !g->linked)
		return 0;
	conn_send_raw(g->conn, MOSIX__MSG_TYPE__MSG_LINK, body, len);
	return 0;
}

void guest_ask_link(struct guest *g)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;
	uint32_t home = jobid_home(g->key.job);

	g->linked = false;
	m.has_job = m.has_gen = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	(void)node_send(g->d, home, MOSIX__MSG_TYPE__MSG_LINK_DOWN, &m.base);
}

static void fill_hello(Mosix__GuestHello *m, struct guest *g)
{
	mosix__guest_hello__init(m);
	m->has_job = m->has_gen = m->has_state = m->has_move = m->has_init_pid = m->has_home = true;
	m->job = g->key.job;
	m->gen = (uint32_t)g->key.gen;
	m->state = move_listed_as(g);
	m->move = g->move;
	m->init_pid = g->init_pid;
	m->home = jobid_home(g->key.job);
	m->exited = g->exited;
}

void guests_send_list(struct mosixd *d, uint32_t home)
{
	unsigned int max = HASH_COUNT(d->guests->table), n = 0;
	_cleanup_free_ Mosix__GuestHello *rows = calloc(max ? max : 1, sizeof(*rows));
	_cleanup_free_ Mosix__GuestHello **list = calloc(max ? max : 1, sizeof(*list));
	Mosix__GuestList m = MOSIX__GUEST_LIST__INIT;
	struct guest *g, *tmp;

	if (!rows || !list)
		return;
	HASH_ITER (hh, d->guests->table, g, tmp) {
		if (jobid_home(g->key.job) != home || g->leaving)
			continue;
		fill_hello(&rows[n], g);
		list[n] = &rows[n];
		n++;
	}
	m.n_guests = n;
	m.guests = list;
	(void)node_send(d, home, MOSIX__MSG_TYPE__MSG_GUEST_LIST, &m.base);
}

void guests_node_up(struct node *n)
{
	if (n->d->guests->settled)
		guests_send_list(n->d, n->number);
}

void guests_node_down(struct node *n)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;
	struct guest *g, *tmp;

	HASH_ITER (hh, n->d->guests->table, g, tmp) {
		if (jobid_home(g->key.job) != n->number || !g->linked)
			continue;
		g->linked = false;
		m.has_job = m.has_gen = true;
		m.job = g->key.job;
		m.gen = (uint32_t)g->key.gen;
		guest_send(g, MOSIX__MSG_TYPE__MSG_LINK_DOWN, &m.base);
	}
}

void guests_mark_nodes(struct mosixd *d)
{
	struct guest *g, *tmp;

	HASH_ITER (hh, d->guests->table, g, tmp)
		links_mark(d, jobid_home(g->key.job));
}
