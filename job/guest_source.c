/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A move away: look whether it can be, freeze, hand stdio and images to the engine, vote, obey.
 *
 *	begin ── walks? ── movable? ── engine ready ── freeze ── dump ── dumped (vote) ── decision
 *	  └───────┴──────────┴────────────┴─────────────┴─────────┴─ failed: runs on
 */
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fail.h"
#include "common/jobid.h"
#include "common/log.h"
#include "job/guest.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP_SECONDS 2.0
#define WALK_SECONDS 0.02 /* until it is looked again */
#define SHORT_SECONDS 0.002
#define FREEZE_MS 5000
#define PROGRESS_SECONDS 0.2

/* The job runs on here, whatever has happened. */
static void resume(struct guest *g)
{
	int r;

	r = stdio_thaw(&g->stdio);
	if (r < 0)
		log_err("Job %s: what was typed ahead is lost: %s", jobid_str(g->job).s,
			strerror(-r));
	r = cgroup_thaw(g->cgroup);
	if (r < 0)
		log_err("Job %s: cannot be thawed: %s", jobid_str(g->job).s, strerror(-r));
	g->frozen = false;
	g->state = MOSIX__GUEST_STATE__GUEST_RUNNING;
	guest_job_look(g);
}

/* Worker and criu are dead, and the job stays here. */
static void tidy(struct guest *g)
{
	if (g->move.died && g->init && cgroup_freeze(g->cgroup, FREEZE_MS) >= 0)
		engine_tidy(g->init, g->cgroup);
	g->move.died = false;
}

static void failed(struct guest *g, bool refused, const char *text)
{
	Mosix__MoveFailed m;

	guest_move_release(g);
	tidy(g);
	resume(g);
	guest_move_fill(g, &m, refused, (char *)text);
	guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_FAILED, &m.base);
	guest_move_over(g, false);
}

/* ------------------------------------------------------------------ before the freeze */

static void refuse_reasons(struct guest *g, const struct movable *m)
{
	char text[ERR_MAX];
	size_t len = 0;

	for (size_t i = 0; i < m->count && len < sizeof(text) - 1; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
					m->reasons[i]);
	failed(g, true, text);
}

static bool can_move(struct guest *g)
{
	struct movable m = {0};
	int r;

	if (!g->init || g->main_ended) {
		failed(g, true, "the job has just ended");
		return false;
	}
	/* The job runs, and processes come and go: what is found twice is there. */
	r = guest_check(g, &m);
	if (r >= 0 && m.count) {
		movable_done(&m);
		r = guest_check(g, &m);
	}
	if (r < 0)
		failed(g, true, "the job's processes cannot be looked at");
	else if (m.count)
		refuse_reasons(g, &m);
	movable_done(&m);
	return r >= 0 && !m.count;
}

/* Tries again a little later, or says why it has given up. */
static void wait_a_little(struct guest *g, double seconds, const char *text)
{
	if (ev_time() >= g->move.give_up) {
		failed(g, true, text);
		return;
	}
	g->move.retry.repeat = seconds;
	ev_timer_again(g->loop, &g->move.retry);
}

static void wait_for(struct guest *g, const struct guest_moment *m)
{
	struct err e;

	guest_moment_explain(m, &e);
	wait_a_little(g, m->walk ? WALK_SECONDS : SHORT_SECONDS, e.text);
}

static void prepare(struct guest *g)
{
	struct guest_moment m;
	struct err e = {0};

	if (!guest_check_moment(g, &m) && m.walk) {
		wait_for(g, &m);
		free(m.walk);
		return;
	}
	if (!can_move(g))
		return;
	if (guest_move_spawn(g, ENGINE_SOURCE, &e) < 0)
		failed(g, true, e.text);
}

void guest_source_begin(struct guest *g, const Mosix__MoveBegin *m)
{
	struct guest_move *mv = &g->move;
	bool ok = m->job == g->job && m->gen == g->gen + 1 && m->address &&
		  strlen(m->address) < sizeof(mv->address) && m->port && m->port <= 65535 &&
		  m->token.len == sizeof(mv->token) && m->key.len == sizeof(mv->key);

	if (mv->id) {
		log_warn("Job %s: it is being moved already", jobid_str(g->job).s);
		return;
	}
	mv->id = m->move;
	mv->gen = m->gen;
	if (!ok || g->state != MOSIX__GUEST_STATE__GUEST_RUNNING) {
		Mosix__MoveFailed f;

		guest_move_fill(g, &f, true, (char *)"the job is not running here");
		guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_FAILED, &f.base);
		mv->id = 0;
		return;
	}
	strcpy(mv->address, m->address);
	mv->port = (uint16_t)m->port;
	memcpy(mv->token, m->token.data, sizeof(mv->token));
	memcpy(mv->key, m->key.data, sizeof(mv->key));
	mv->give_up = ev_time() + GIVE_UP_SECONDS;
	g->state = MOSIX__GUEST_STATE__GUEST_DUMPING;
	prepare(g);
}

/* ---------------------------------------------------------------------------- the freeze */

/* For people: how far it is. Home measures from "frozen" on how long the job was stopped. */
static void tell(struct guest *g, const char *phase, uint64_t bytes)
{
	Mosix__MoveProgress m = MOSIX__MOVE_PROGRESS__INIT;

	m.has_move = m.has_job = m.has_bytes = true;
	m.move = g->move.id;
	m.job = g->job;
	m.phase = (char *)phase;
	m.bytes = bytes;
	guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_PROGRESS, &m.base);
	guest_daemon_push(g);
}

static int dump(struct guest *g, struct err *e)
{
	struct guest_move *mv = &g->move;
	_cleanup_free_ uint8_t *state = NULL;
	const char *ttys[1] = {g->stdio.tty_key};
	size_t state_len;
	int r;
	struct engine_dump d = {
		.init = g->init,
		.cgroup = g->cgroup,
		.mounts = g->container.mounts,
		.mount_count = g->container.mount_count,
		.external_ttys = ttys,
		.external_tty_count = stdio_has_tty(&g->stdio),
		.address = mv->address,
		.port = mv->port,
		.token = mv->token,
		.key = mv->key,
	};

	r = stdio_freeze(&g->stdio, g->ep);
	if (r < 0)
		return err_sys(e, r, "cannot take the job's terminal along");
	r = guest_state_pack(g, &state, &state_len);
	if (r == -EFBIG)
		return err_set(e, r, "too much waits in the job's pipes; try again");
	if (r < 0)
		return err_sys(e, r, "cannot take the job's standard input and output along");
	d.state = state;
	d.state_len = state_len;
	r = engine_dump(mv->engine, &d);
	return guest_move_refused(r) ? err_sys(e, r, "cannot start the dump") : 0;
}

/* Lets the job run on for a little: now is no good moment. */
static bool bad_moment(struct guest *g)
{
	struct guest_moment m;

	if (guest_check_moment(g, &m))
		return false;
	resume(g);
	g->state = MOSIX__GUEST_STATE__GUEST_DUMPING;
	wait_for(g, &m);
	free(m.walk);
	return true;
}

static void freeze(struct guest *g)
{
	struct err e = {0};
	int r;

	g->frozen = true;
	guest_relay_stop(g);
	r = cgroup_freeze(g->cgroup, FREEZE_MS);
	if (r < 0) {
		err_sys(&e, r, "the job cannot be frozen");
		failed(g, false, e.text);
		return;
	}
	guest_job_look(g);
	if (g->main_ended || !g->init) {
		failed(g, true, "the job has just ended");
		return;
	}
	if (bad_moment(g))
		return;
	tell(g, "frozen", 0);
	if (dump(g, &e) < 0)
		failed(g, false, e.text);
	else if (FAIL_POINT("source/frozen") < 0)
		failed(g, false, "fail point");
}

void guest_source_retry(struct guest *g)
{
	ev_timer_stop(g->loop, &g->move.retry);
	if (g->move.engine)
		freeze(g);
	else
		prepare(g);
}

/* ---------------------------------------------------------------------------- the engine */

static void progress(struct guest *g, uint64_t bytes)
{
	if (ev_time() < g->move.told + PROGRESS_SECONDS)
		return;
	g->move.told = ev_time();
	tell(g, "sending", bytes);
}

static void finish(struct guest *g);

/* After the vote neither the end nor the death of the worker changes what is to be done. */
static void worker_gone(struct guest *g, const struct engine_event *ev)
{
	bool voted = g->state == MOSIX__GUEST_STATE__GUEST_DUMPED;

	if (!voted && !g->move.decided) {
		failed(g, ev->refused,
		       ev->text[0] ? ev->text : "the process that dumps the job was killed");
		return;
	}
	guest_move_release(g);
	if (g->move.decided) {
		finish(g);
		return;
	}
	log_warn("Job %s: the migration worker is gone after its work was done: %s",
		 jobid_str(g->job).s, ev->text[0] ? ev->text : "killed");
	if (cgroup_freeze(g->cgroup, FREEZE_MS) < 0)
		log_err("Job %s: cannot be frozen again", jobid_str(g->job).s);
}

void guest_source_event(struct guest *g, struct engine_event *ev)
{
	switch (ev->kind) {
	case ENGINE_READY:
		freeze(g);
		break;
	case ENGINE_PROGRESS:
		progress(g, ev->bytes);
		break;
	case ENGINE_DUMPED:
		if (g->move.decided)
			break;
		tell(g, "sent", ev->bytes);
		g->state = MOSIX__GUEST_STATE__GUEST_DUMPED;
		guest_move_ref(g, MOSIX__MSG_TYPE__MSG_MOVE_DUMPED);
		break;
	case ENGINE_FINISHED:
		guest_move_release(g);
		finish(g);
		break;
	case ENGINE_DIED:
		g->move.died = true;
		worker_gone(g, ev);
		break;
	case ENGINE_FAILED:
		worker_gone(g, ev);
		break;
	case ENGINE_STATE:
	case ENGINE_RESTORED:
		break;
	}
}

/* -------------------------------------------------------------------------- the decision */

static void leave(struct guest *g)
{
	Mosix__MoveRef m = MOSIX__MOVE_REF__INIT;

	if (!guest_kill_all(g))
		return; /* said as finished only when nothing is left; the arbiter asks again */
	guest_link_down(g);
	m.has_move = m.has_job = m.has_gen = true;
	m.move = g->move.id;
	m.job = g->job;
	m.gen = g->move.gen;
	guest_farewell(g, MOSIX__MSG_TYPE__MSG_MOVE_FINISHED, &m.base);
}

static void finish(struct guest *g)
{
	if (g->move.commit) {
		leave(g);
		g->move.decided = !!g->farewell;
		return;
	}
	tidy(g);
	resume(g);
	guest_move_ref(g, MOSIX__MSG_TYPE__MSG_MOVE_FINISHED);
	guest_move_over(g, false);
}

void guest_source_decided(struct guest *g, bool commit)
{
	bool voted = g->state == MOSIX__GUEST_STATE__GUEST_DUMPED;

	if (voted && g->move.engine && engine_decide(g->move.engine, commit) >= 0)
		return;
	/* The worker is gone, or it is not yet asked anything that it could answer. */
	guest_move_release(g);
	finish(g);
}
