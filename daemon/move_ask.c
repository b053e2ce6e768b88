/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Balancing wants a job elsewhere: its home checks whether that may be, is the move's arbiter, and
 * tells the node that asked how it ended.
 */
#include "daemon/move_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/controls.h"
#include "daemon/decision.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_asked(struct mosixd *d, uint32_t node, Mosix__MoveAsked *m)
{
	m->has_job = m->has_gen = m->has_to = true;
	m->has_moved = m->has_refused = true;
	/* Where the link is down, it knows that it will hear nothing. */
	(void)node_send(d, node, MOSIX__MSG_TYPE__MSG_MOVE_ASKED, &m->base);
}

/* Of the node, not of the job. */
static bool is_refusal(int error)
{
	return error == EHOSTUNREACH || error == ENOTSUP;
}

static void refuse(struct mosixd *d, uint32_t node, const Mosix__MoveAsk *ask, int r,
		   const char *text)
{
	Mosix__MoveAsked m = MOSIX__MOVE_ASKED__INIT;

	m.job = ask->job;
	m.gen = ask->gen;
	m.to = ask->decision->to;
	m.refused = is_refusal(-r);
	m.text = (char *)text;
	send_asked(d, node, &m);
}

/* Somebody said that it must go, not only that it would be better off. */
static bool must_leave(const Mosix__MoveAsk *m)
{
	return m->decision->reason == BALANCE_DRAIN || m->decision->reason == BALANCE_OWNER;
}

static int check(const struct job *j, uint32_t from, const Mosix__MoveAsk *m, struct err *e)
{
	if (j->copy.node != from || j->copy.gen != m->gen)
		return err_set(e, -ESTALE, "The job is not there any more");
	if (j->move || j->wanted)
		return err_set(e, -EBUSY, "Its last move is not quite over");
	if (!job_spec_allows(j->spec, m->decision->to))
		return err_set(e, -EPERM, "It must not run there (mosix-run --on)");
	if (must_leave(m))
		return 0;
	if (controls_bringing(j))
		return err_set(e, -EBUSY, "Its user brings it home");
	if (j->frozen && m->decision->reason != BALANCE_MEMORY)
		return err_set(e, -EPERM, "It is frozen");
	if (controls_stay(j->d))
		return err_set(e, -EPERM, "The jobs of its home stay where they are");
	return 0;
}

static int start(struct job *j, uint32_t from, const Mosix__MoveAsk *m, struct err *e)
{
	const struct requester who = {.automatic = true};
	struct node *target = nodes_find(j->d, m->decision->to);
	struct move_asked *a;
	int r;

	if (!target)
		return err_set(e, -EHOSTUNREACH, "Its home does not know node %u", m->decision->to);
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_sys(e, -ENOMEM, "Cannot start the move");
	a->from = from;
	a->demand = m->demand;
	a->memory = m->memory;
	decision_copy(&a->decision, m->decision);
	a->decision.from = from;
	free(j->asked);
	j->asked = a;
	/* Who asked has logged it, too, but that log is on another node. */
	if (from != j->d->config.self)
		decision_log(j->d, j->id, &a->decision, "is to move");
	r = move_start(j, target, &who, e);
	if (r < 0) {
		free(j->asked);
		j->asked = NULL;
	}
	return r;
}

int moves_on_ask(struct mosixd *d, uint32_t from, Mosix__MoveAsk *m)
{
	struct job *j = jobs_find(d, m->job);
	struct err e;
	int r;

	if (jobid_home(m->job) != d->config.self || !m->decision)
		return -EPROTO;
	if (!j)
		r = err_set(&e, -ESTALE, "There is no such job");
	else
		r = check(j, from, m, &e);
	if (r == 0)
		r = start(j, from, m, &e);
	if (r < 0)
		refuse(d, from, m, r, e.text);
	return 0;
}

/* ------------------------------------------------------------------ how it ended */

static void keep(struct job *j, const struct move_asked *a, bool ok, const char *text)
{
	char sentence[ERR_MAX], all[ERR_MAX * 2];

	decision_text(j->d, &a->decision, sentence);
	if (ok)
		snprintf(all, sizeof(all), "%s: moved to %s", sentence,
			 node_title(j->d, a->decision.to));
	else
		snprintf(all, sizeof(all), "%s, but it did not move: %s", sentence, text);
	decision_keep(j, &a->decision, all);
}

void move_asked_ended(struct move *mv, bool ok, const char *text, uint64_t total_usec)
{
	Mosix__MoveAsked m = MOSIX__MOVE_ASKED__INIT;
	struct job *j = mv->job;
	struct move_asked *a = j->asked;

	if (mv->who.bring) {
		snprintf(j->bring_why, sizeof(j->bring_why), "%s", ok ? "" : text);
		controls_soon(j->d);
	}
	if (!a)
		return;
	j->asked = NULL;
	keep(j, a, ok, text);
	m.job = j->id;
	m.gen = mv->m.ref.gen - 1;
	m.to = mv->m.destination;
	m.moved = ok;
	m.refused = mv->refused;
	m.text = (char *)text;
	m.has_total_usec = m.has_bytes = ok;
	m.total_usec = total_usec;
	m.bytes = mv->bytes;
	send_asked(j->d, a->from, &m);
	free(a);
}

void move_asked_refused(struct job *j, const struct requester *who, int error, const char *text)
{
	Mosix__MoveAsked m = MOSIX__MOVE_ASKED__INIT;
	struct move_asked *a = j->asked;

	if (who->bring) {
		snprintf(j->bring_why, sizeof(j->bring_why), "%.150s", text);
		controls_soon(j->d);
	}
	if (!a)
		return;
	j->asked = NULL;
	keep(j, a, false, text);
	m.job = j->id;
	m.gen = j->copy.gen;
	m.to = a->decision.to;
	m.refused = is_refusal(error);
	m.text = (char *)text;
	send_asked(j->d, a->from, &m);
	free(a);
}
