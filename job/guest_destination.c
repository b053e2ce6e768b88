/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A move to here: container, engine, images, vote, and the decision: run or vanish.
 */
#include "ckpt/preload.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "job/guest.h"
#include "job/usage.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FREEZE_MS 5000

/* Nothing is left here, and the process ends. */
static void failed(struct guest *g, const char *text)
{
	Mosix__MoveFailed m;

	guest_move_release(g);
	guest_kill_all(g);
	guest_move_fill(g, &m, false, (char *)text);
	guest_farewell(g, MOSIX__MSG_TYPE__MSG_MOVE_FAILED, &m.base);
}

/* criu is started before it is known whether the job has a terminal: if so, it will be the first
 * on its own devpts. */
static int spawn(struct guest *g, struct err *e)
{
	_cleanup_free_ char *tty = NULL;
	int r;

	if (asprintf(&tty, "%s/ext/pts/0", g->container.dir) < 0 || setenv(CTTY_ENV, tty, 1) < 0)
		return -ENOMEM;
	r = guest_move_spawn(g, ENGINE_DESTINATION, e);
	unsetenv(CTTY_ENV);
	return r;
}

static int prepare(struct guest *g, struct err *e)
{
	int r = guest_build(g, e);

	if (r < 0)
		return r;
	if (getrandom(g->move.token, sizeof(g->move.token), 0) != sizeof(g->move.token) ||
	    getrandom(g->move.key, sizeof(g->move.key), 0) != sizeof(g->move.key))
		return err_sys(e, -errno, "cannot make a key for the move");
	return spawn(g, e);
}

void guest_destination_prepare(struct guest *g, Mosix__MovePrepare *m)
{
	struct err e = {0};

	if (g->spec || !m->spec || m->job != g->job || m->gen != g->gen) {
		log_err("Job %s: this guest cannot be prepared for %s.%u", jobid_str(g->job).s,
			jobid_str(m->job).s, m->gen);
		return;
	}
	g->spec = steal_ptr(m->spec);
	g->move.id = m->move;
	g->move.gen = m->gen;
	g->state = MOSIX__GUEST_STATE__GUEST_RESTORING;
	g->frozen = true;
	if (prepare(g, &e) < 0)
		failed(g, e.text);
}

static void prepared(struct guest *g)
{
	Mosix__MovePrepared m = MOSIX__MOVE_PREPARED__INIT;

	m.has_move = m.has_job = m.has_gen = m.has_token = m.has_key = true;
	m.move = g->move.id;
	m.job = g->job;
	m.gen = g->gen;
	m.token = (ProtobufCBinaryData){sizeof(g->move.token), g->move.token};
	m.key = (ProtobufCBinaryData){sizeof(g->move.key), g->move.key};
	guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_PREPARED, &m.base);
}

void guest_destination_bulk(struct guest *g, const Mosix__MoveRef *m, int fd)
{
	_cleanup_fd_ int bulk = fd;

	if (bulk < 0 || !g->move.engine || m->move != g->move.id ||
	    g->state != MOSIX__GUEST_STATE__GUEST_RESTORING)
		return;
	if (guest_move_refused(engine_recv(g->move.engine, steal_fd(&bulk), g->move.key)))
		failed(g, "the migration worker does not take the image connection");
}

static void restore(struct guest *g, const struct engine_event *ev)
{
	struct guest_move *mv = &g->move;
	struct err e = {0};
	struct engine_restore r = {
		.root = g->container.root,
		.cgroup = g->cgroup,
		.mounts = g->container.mounts,
		.mount_count = g->container.mount_count,
		.inherit = mv->inherit,
	};

	/* The keys of what is inherited point into it. */
	mv->state = malloc(ev->data_len ? ev->data_len : 1);
	if (!mv->state) {
		failed(g, "out of memory");
		return;
	}
	memcpy(mv->state, ev->data, ev->data_len);
	if (guest_state_unpack(g, mv->state, ev->data_len, &e) < 0) {
		failed(g, e.text);
		return;
	}
	r.inherit_count = mv->inherit_count;
	if (guest_move_refused(engine_restore(mv->engine, &r)))
		failed(g, "the migration worker does not start the restore");
}

static void restored(struct guest *g, const struct engine_event *ev)
{
	g->init = ev->pid;
	guest_move_release(g);
	if (!cgroup_frozen(g->cgroup) && cgroup_freeze(g->cgroup, FREEZE_MS) < 0) {
		failed(g, "the restored job cannot be frozen");
		return;
	}
	if (FAIL_POINT("destination/restored") < 0) {
		failed(g, "fail point");
		return;
	}
	g->state = MOSIX__GUEST_STATE__GUEST_READY;
	guest_move_ref(g, MOSIX__MSG_TYPE__MSG_MOVE_READY);
}

void guest_destination_event(struct guest *g, struct engine_event *ev)
{
	bool voted = g->state == MOSIX__GUEST_STATE__GUEST_READY;

	switch (ev->kind) {
	case ENGINE_READY:
		prepared(g);
		break;
	case ENGINE_STATE:
		restore(g, ev);
		break;
	case ENGINE_RESTORED:
		restored(g, ev);
		break;
	case ENGINE_FAILED:
	case ENGINE_DIED:
		/* After the vote the restored tree is complete and needs no worker. */
		if (voted)
			guest_move_release(g);
		else
			failed(g, ev->text[0] ? ev->text
					      : "the process that restores the job was killed");
		break;
	case ENGINE_PROGRESS:
	case ENGINE_DUMPED:
	case ENGINE_FINISHED:
		break;
	}
}

static void vanish(struct guest *g)
{
	Mosix__MoveRef m = MOSIX__MOVE_REF__INIT;

	guest_move_release(g);
	guest_kill_all(g);
	m.has_move = m.has_job = m.has_gen = true;
	m.move = g->move.id;
	m.job = g->job;
	m.gen = g->move.gen;
	guest_farewell(g, MOSIX__MSG_TYPE__MSG_MOVE_FINISHED, &m.base);
}

static void run(struct guest *g)
{
	struct err e = {0};
	int r;

	r = stdio_thaw(&g->stdio);
	if (r < 0)
		log_err("Job %s: what was typed ahead is lost: %s", jobid_str(g->job).s,
			strerror(-r));
	/* Without eyes on it the job would never be seen to end: kill it, and say it is lost. */
	if (guest_job_watch(g, &e) < 0) {
		log_err("Job %s: %s", jobid_str(g->job).s, e.text);
		cgroup_kill(g->cgroup, FREEZE_MS);
		g->init = 0;
	}
	r = cgroup_thaw(g->cgroup);
	if (r < 0)
		log_err("Job %s: cannot be thawed: %s", jobid_str(g->job).s, strerror(-r));
	g->frozen = false;
	g->state = MOSIX__GUEST_STATE__GUEST_RUNNING;
	guest_move_ref(g, MOSIX__MSG_TYPE__MSG_MOVE_FINISHED);
	guest_move_over(g, true);
	/* Signals and keys that wait for it come after this. */
	usage_settle(g->cgroup);
}

void guest_destination_decided(struct guest *g, bool commit)
{
	if (commit)
		run(g);
	else
		vanish(g);
}
