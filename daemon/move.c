/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver of the hand-over machines: an event goes in, its actions are performed in order.
 * Events that come up meanwhile wait; what the machine wants written is written at once, and the
 * outcome is its next event.
 */
#include "daemon/move_priv.h"

#include "common/fail.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int moves_new(struct mosixd *d)
{
	d->moves = calloc(1, sizeof(*d->moves));
	return d->moves ? 0 : -ENOMEM;
}

const char *move_title(const struct move *mv)
{
	static char text[96];

	snprintf(text, sizeof(text), "Move %u:%" PRIu64 " of job %s (%s)", mv->m.home,
		 mv->m.ref.move, jobid_str(mv->m.ref.job).s, handover_role_name(mv->m.role));
	return text;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	const struct handover_event ev = {.kind = HANDOVER_TIMER};

	(void)loop;
	(void)revents;
	move_step(w->data, &ev);
}

struct move *move_new(struct mosixd *d)
{
	struct move *mv = calloc(1, sizeof(*mv));

	if (!mv)
		return NULL;
	mv->d = d;
	ev_timer_init(&mv->timer, on_timer, 0.0, 0.0);
	mv->timer.data = mv;
	return mv;
}

void move_list(struct move *mv)
{
	DL_APPEND(mv->d->moves->list, mv);
	mv->listed = true;
}

static void move_free(struct move *mv)
{
	struct move_event *q, *tmp;

	ev_timer_stop(mv->d->loop, &mv->timer);
	LL_FOREACH_SAFE (mv->queue, q, tmp)
		free(q);
	if (mv->listed)
		DL_DELETE(mv->d->moves->list, mv);
	if (mv->m.role == HANDOVER_ARBITER)
		arbiter_done(mv);
	explicit_bzero(mv->key, sizeof(mv->key));
	free(mv);
}

void moves_free(struct mosixd *d)
{
	struct move *mv, *tmp;

	if (!d->moves)
		return;
	DL_FOREACH_SAFE (d->moves->list, mv, tmp) {
		ev_timer_stop(d->loop, &mv->timer);
		free(mv);
	}
	free(d->moves);
	d->moves = NULL;
}

struct move *move_find(struct mosixd *d, enum handover_role role, uint32_t home, uint64_t move)
{
	struct move *mv;

	DL_FOREACH (d->moves->list, mv)
		if (mv->m.role == role && mv->m.home == home && mv->m.ref.move == move)
			return mv;
	return NULL;
}

uint64_t move_number(const struct move *mv)
{
	return mv->m.ref.move;
}

static void set_timer(struct move *mv, uint32_t ms)
{
	ev_timer_stop(mv->d->loop, &mv->timer);
	ev_timer_set(&mv->timer, (double)ms / 1000.0, 0.0);
	ev_timer_start(mv->d->loop, &mv->timer);
}

/* True if the outcome of a write is to be told. */
static bool perform(struct move *mv, const struct handover_event *ev,
		    const struct handover_action *a)
{
	switch (a->kind) {
	case HANDOVER_PERSIST:
		return true;
	case HANDOVER_FORGET:
		arbiter_forget(mv);
		break;
	case HANDOVER_SEND:
		move_send(mv, ev, a);
		break;
	case HANDOVER_TELL:
		participant_tell(mv, a->command);
		break;
	case HANDOVER_TIMER_SET:
		set_timer(mv, a->ms);
		break;
	case HANDOVER_TIMER_CLEAR:
		ev_timer_stop(mv->d->loop, &mv->timer);
		break;
	case HANDOVER_JOB:
		arbiter_job(mv, a);
		break;
	case HANDOVER_NOTE:
		arbiter_note(mv, a);
		break;
	}
	return false;
}

static void log_step(const struct move *mv, unsigned int before)
{
	if (before != mv->m.state)
		log_info("%s: %s -> %s", move_title(mv), handover_state_name(mv->m.role, before),
			 handover_state_name(mv->m.role, mv->m.state));
}

static void step_once(struct move *mv, const struct handover_event *ev)
{
	struct handover_event outcome = {.kind = HANDOVER_PERSISTED};
	struct handover_actions actions;
	unsigned int before = mv->m.state;
	bool persist = false;

	if (handover_step(&mv->m, ev, &actions) == HANDOVER_E_IGNORED)
		return;
	log_step(mv, before);
	for (size_t i = 0; i < actions.count; i++)
		persist = perform(mv, ev, &actions.list[i]);
	if (!persist)
		return;
	if (arbiter_persist(mv, actions.list[actions.count - 1].phase) < 0)
		outcome.kind = HANDOVER_PERSIST_FAILED;
	step_once(mv, &outcome);
}

static void enqueue(struct move *mv, const struct handover_event *ev)
{
	struct move_event *q = calloc(1, sizeof(*q));

	if (!q) {
		/* The machine must not miss it; a new daemon finds out by asking. */
		log_err("Out of memory");
		abort();
	}
	q->ev = *ev;
	if (ev->text) {
		snprintf(q->text, sizeof(q->text), "%s", ev->text);
		q->ev.text = q->text;
	}
	LL_APPEND(mv->queue, q);
}

void move_step(struct move *mv, const struct handover_event *ev)
{
	struct move_event *q;

	if (mv->busy) {
		enqueue(mv, ev);
		return;
	}
	mv->busy = true;
	step_once(mv, ev);
	while ((q = mv->queue)) {
		LL_DELETE(mv->queue, q);
		step_once(mv, &q->ev);
		free(q);
	}
	mv->busy = false;
	/* They belonged to the event. */
	mv->exited = NULL;
	mv->begin = NULL;
	mv->prepare = NULL;
	mv->frame = NULL;
	if (mv->m.state == HANDOVER_NONE || mv->m.state == HANDOVER_DONE)
		move_free(mv);
}

static void tell_link(struct node *n, enum handover_event_kind kind)
{
	const struct handover_event ev = {.kind = kind, .node = n->number};
	struct move *mv, *tmp;

	/* A step frees no other machine than its own. */
	DL_FOREACH_SAFE (n->d->moves->list, mv, tmp)
		if (mv->m.role == HANDOVER_ARBITER || mv->m.home == n->number)
			move_step(mv, &ev);
}

void moves_node_up(struct node *n)
{
	tell_link(n, HANDOVER_LINK_UP);
}

void moves_node_down(struct node *n)
{
	tell_link(n, HANDOVER_LINK_DOWN);
}

void moves_node_dead(struct node *n)
{
	tell_link(n, HANDOVER_NODE_DEAD);
}
