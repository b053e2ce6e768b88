/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What source and destination of a move have in common: the engine, and the arbiter's decision.
 * After its vote (MoveDumped, MoveReady) a copy stays frozen until that comes, however long.
 */
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "job/guest.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static bool is_destination(const struct guest *g)
{
	return g->move.gen == g->gen;
}

static void engine_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	struct engine_event ev;
	int r = 1;

	(void)loop;
	(void)revents;
	while (g->move.engine && (r = engine_next(g->move.engine, &ev)) > 0) {
		if (is_destination(g))
			guest_destination_event(g, &ev);
		else
			guest_source_event(g, &ev);
	}
	if (g->move.engine && r < 0) {
		ev = (struct engine_event){.kind = ENGINE_DIED};
		if (is_destination(g))
			guest_destination_event(g, &ev);
		else
			guest_source_event(g, &ev);
	}
	if (g->move.engine)
		guest_move_watch(g);
}

void guest_move_watch(struct guest *g)
{
	short events = engine_events(g->move.engine);

	guest_io(g, &g->move.engine_io, engine_fd(g->move.engine),
		 (events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));
}

int guest_move_spawn(struct guest *g, enum engine_role role, struct err *e)
{
	int r = engine_spawn(&g->move.engine, role, role == ENGINE_DESTINATION ? g->cgroup : NULL,
			     NULL, e);

	if (r >= 0)
		guest_move_watch(g);
	return r;
}

void guest_move_ref(struct guest *g, uint16_t type)
{
	Mosix__MoveRef m = MOSIX__MOVE_REF__INIT;

	m.has_move = m.has_job = m.has_gen = true;
	m.move = g->move.id;
	m.job = g->job;
	m.gen = g->move.gen;
	guest_send(g, type, &m.base);
}

void guest_move_fill(const struct guest *g, Mosix__MoveFailed *m, bool refused, char *text)
{
	mosix__move_failed__init(m);
	m->has_move = m->has_job = m->has_gen = m->has_refused = true;
	m->move = g->move.id;
	m->job = g->job;
	m->gen = g->move.gen;
	m->refused = refused;
	m->text = text;
}

void guest_move_release(struct guest *g)
{
	struct guest_move *mv = &g->move;

	ev_io_stop(g->loop, &mv->engine_io);
	ev_timer_stop(g->loop, &mv->retry);
	mv->engine = engine_free(mv->engine);
	for (size_t i = 0; i < mv->inherit_count; i++)
		fd_close(mv->inherit[i].fd);
	mv->inherit_count = 0;
	free(mv->state);
	mv->state = NULL;
}

void guest_move_over(struct guest *g, bool commit)
{
	guest_move_release(g);
	g->move_done = g->move.id;
	g->move_commit = commit;
	g->move.id = 0;
	g->move.decided = false;
	explicit_bzero(g->move.key, sizeof(g->move.key));
}

/* Was it decided before, and said so to a daemon that is gone? */
static bool is_repeated(struct guest *g, const Mosix__MoveDecision *m)
{
	if (g->move.id || m->move != g->move_done || m->commit != g->move_commit)
		return false;
	g->move.id = m->move;
	g->move.gen = m->gen;
	guest_move_ref(g, MOSIX__MSG_TYPE__MSG_MOVE_FINISHED);
	g->move.id = 0;
	return true;
}

void guest_move_decision(struct guest *g, const Mosix__MoveDecision *m)
{
	bool voted = g->state == MOSIX__GUEST_STATE__GUEST_DUMPED ||
		     g->state == MOSIX__GUEST_STATE__GUEST_READY;

	if (m->job != g->job || is_repeated(g, m))
		return;
	if (!g->move.id || m->move != g->move.id || m->gen != g->move.gen || g->move.decided ||
	    g->farewell) {
		log_debug("Job %s: a decision on move %llu, which is not under way here",
			  jobid_str(g->job).s, (unsigned long long)m->move);
		return;
	}
	if (m->commit && !voted) {
		log_err("Job %s: a commit without this node's vote is not obeyed",
			jobid_str(g->job).s);
		return;
	}
	g->move.decided = true;
	g->move.commit = m->commit;
	if (is_destination(g))
		guest_destination_decided(g, m->commit);
	else
		guest_source_decided(g, m->commit);
}

static void retry_event(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	guest_source_retry(w->data);
}

void guest_move_init(struct guest *g)
{
	ev_io_init(&g->move.engine_io, engine_event, -1, 0);
	ev_timer_init(&g->move.retry, retry_event, 0.02, 0.02);
	g->move.engine_io.data = g->move.retry.data = g;
}
