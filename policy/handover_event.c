/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an event is to a machine's table: whether it is of this move at all, from whom, and which
 * row fits.
 */
#include "policy/handover_table.h"
#include <assert.h>

static bool same_move(const struct handover *m, const struct handover_event *ev)
{
	return ev->ref.move == m->ref.move && ev->ref.job == m->ref.job &&
	       ev->ref.gen == m->ref.gen;
}

/* Is @ev from or about the move's source (or its destination)? A move that is not known takes
 * anybody's word for it: the answer goes back there and depends on the journal alone. */
static bool at_source(const struct handover *m, const struct handover_event *ev)
{
	return m->source == 0 || ev->node == m->source;
}

static bool at_destination(const struct handover *m, const struct handover_event *ev)
{
	return m->destination == 0 || ev->node == m->destination;
}

static enum handover_trigger either(const struct handover *m, const struct handover_event *ev,
				    enum handover_trigger source, enum handover_trigger destination)
{
	if (m->source == 0 || m->destination == 0)
		return TRIGGER_NOTHING;
	if (ev->node == m->source)
		return source;
	if (ev->node == m->destination)
		return destination;
	return TRIGGER_NOTHING;
}

static enum handover_trigger arbiter_message(const struct handover *m,
					     const struct handover_event *ev)
{
	switch (ev->msg) {
	case HANDOVER_MSG_PREPARED:
		return at_destination(m, ev) ? TRIGGER_PREPARED : TRIGGER_NOTHING;
	case HANDOVER_MSG_DUMPED:
		return at_source(m, ev) ? TRIGGER_DUMPED : TRIGGER_NOTHING;
	case HANDOVER_MSG_READY:
		return at_destination(m, ev) ? TRIGGER_READY : TRIGGER_NOTHING;
	case HANDOVER_MSG_FAILED:
		return either(m, ev, TRIGGER_FAILED_S, TRIGGER_FAILED_D);
	case HANDOVER_MSG_FINISHED:
		return either(m, ev, TRIGGER_FINISHED_S, TRIGGER_FINISHED_D);
	case HANDOVER_MSG_PROGRESS:
		return either(m, ev, TRIGGER_PROGRESS, TRIGGER_PROGRESS);
	case HANDOVER_MSG_QUERY:
		if (ev->source)
			return at_source(m, ev) ? TRIGGER_QUERY_S : TRIGGER_NOTHING;
		return at_destination(m, ev) ? TRIGGER_QUERY_D : TRIGGER_NOTHING;
	case HANDOVER_MSG_PREPARE:
	case HANDOVER_MSG_BEGIN:
	case HANDOVER_MSG_DECISION:
		break;
	}
	return TRIGGER_NOTHING;
}

static enum handover_trigger participant_message(const struct handover *m,
						 const struct handover_event *ev)
{
	if (ev->node != m->home)
		return TRIGGER_NOTHING;
	if (ev->msg == HANDOVER_MSG_DECISION)
		return ev->commit ? TRIGGER_COMMIT : TRIGGER_ABORT;
	if (ev->msg == HANDOVER_MSG_BEGIN && m->role == HANDOVER_SOURCE)
		return TRIGGER_BEGIN;
	if (ev->msg == HANDOVER_MSG_PREPARE && m->role == HANDOVER_DESTINATION)
		return TRIGGER_PREPARE;
	return TRIGGER_NOTHING;
}

static enum handover_trigger message(const struct handover *m, const struct handover_event *ev)
{
	if (!same_move(m, ev))
		return TRIGGER_NOTHING;
	return m->role == HANDOVER_ARBITER ? arbiter_message(m, ev) : participant_message(m, ev);
}

static enum handover_trigger link_event(const struct handover *m, const struct handover_event *ev)
{
	bool up = ev->kind == HANDOVER_LINK_UP;

	if (m->role == HANDOVER_ARBITER)
		return up ? either(m, ev, TRIGGER_UP_S, TRIGGER_UP_D)
			  : either(m, ev, TRIGGER_DOWN_S, TRIGGER_DOWN_D);
	if (ev->node != m->home)
		return TRIGGER_NOTHING;
	return up ? TRIGGER_UP : TRIGGER_DOWN;
}

static enum handover_trigger guest_event(const struct handover_event *ev)
{
	static const enum handover_trigger triggers[] = {
		[HANDOVER_GUEST_PREPARED] = TRIGGER_GUEST_PREPARED,
		[HANDOVER_GUEST_PROGRESS] = TRIGGER_GUEST_PROGRESS,
		[HANDOVER_GUEST_DUMPED] = TRIGGER_GUEST_DUMPED,
		[HANDOVER_GUEST_READY] = TRIGGER_GUEST_READY,
		[HANDOVER_GUEST_FAILED] = TRIGGER_GUEST_FAILED,
		[HANDOVER_GUEST_FINISHED] = TRIGGER_GUEST_FINISHED,
		[HANDOVER_GUEST_ENDED] = TRIGGER_GUEST_ENDED,
		[HANDOVER_GUEST_DIED] = TRIGGER_GUEST_DIED,
	};

	assert(ev->guest < sizeof(triggers) / sizeof(triggers[0]));
	return triggers[ev->guest];
}

static enum handover_trigger copy_gone(const struct handover *m, const struct handover_event *ev)
{
	if (m->role != HANDOVER_ARBITER || ev->ref.job != m->ref.job)
		return TRIGGER_NOTHING;
	if (ev->node == m->source && ev->ref.gen + 1 == m->ref.gen)
		return TRIGGER_GONE_S;
	if (ev->node == m->destination && ev->ref.gen == m->ref.gen)
		return TRIGGER_GONE_D;
	return TRIGGER_NOTHING;
}

enum handover_trigger handover_trigger(const struct handover *m, const struct handover_event *ev)
{
	switch (ev->kind) {
	case HANDOVER_START:
		return TRIGGER_START;
	case HANDOVER_RECOVER:
		return TRIGGER_RECOVER;
	case HANDOVER_MESSAGE:
		return message(m, ev);
	case HANDOVER_LINK_UP:
	case HANDOVER_LINK_DOWN:
		return link_event(m, ev);
	case HANDOVER_NODE_DEAD:
		/* A participant in doubt waits for its home for ever; it is not told otherwise. */
		return m->role == HANDOVER_ARBITER ? either(m, ev, TRIGGER_DEAD_S, TRIGGER_DEAD_D)
						   : TRIGGER_NOTHING;
	case HANDOVER_TIMER:
		return TRIGGER_TIMER;
	case HANDOVER_PERSISTED:
		return TRIGGER_PERSISTED;
	case HANDOVER_PERSIST_FAILED:
		return TRIGGER_PERSIST_FAILED;
	case HANDOVER_GUEST:
		return guest_event(ev);
	case HANDOVER_COPY_GONE:
		return copy_gone(m, ev);
	case HANDOVER_ABORT:
		return m->role == HANDOVER_ARBITER ? TRIGGER_GIVE_UP : TRIGGER_NOTHING;
	}
	return TRIGGER_NOTHING;
}

static bool holds(enum handover_guard guard, const struct handover *m,
		  const struct handover_event *ev)
{
	enum handover_copy copy = m->copy;

	switch (guard) {
	case GUARD_NONE:
		return true;
	case GUARD_SAME_NODE:
		return m->source == m->destination;
	case GUARD_COMMITTED:
		return ev->phase == HANDOVER_PHASE_COMMIT;
	case GUARD_COMMITTED_OVER:
		return ev->phase == HANDOVER_PHASE_COMMIT && m->over;
	case GUARD_OVER:
		return m->over;
	case GUARD_CURRENT_S:
		return handover_is_current(&m->job, &m->ref, ev->node, true);
	case GUARD_CURRENT_D:
		return handover_is_current(&m->job, &m->ref, ev->node, false);
	case GUARD_SOURCE_GONE:
		return m->source_gone;
	case GUARD_KNOWN:
		return copy != HANDOVER_COPY_UNKNOWN;
	case GUARD_ABSENT:
		return copy == HANDOVER_COPY_ABSENT;
	case GUARD_RUNNING:
		return copy == HANDOVER_COPY_RUNNING;
	case GUARD_DUMPING:
		return copy == HANDOVER_COPY_DUMPING;
	case GUARD_DUMPED:
		return copy == HANDOVER_COPY_DUMPED;
	case GUARD_RESTORING:
		return copy == HANDOVER_COPY_RESTORING;
	case GUARD_READY:
		return copy == HANDOVER_COPY_READY;
	case GUARD_RESTORED:
		return copy == HANDOVER_COPY_RESTORING || copy == HANDOVER_COPY_READY;
	case GUARD_HAS_RUN:
		return copy == HANDOVER_COPY_RUNNING || copy == HANDOVER_COPY_DUMPING ||
		       copy == HANDOVER_COPY_DUMPED || copy == HANDOVER_COPY_ENDED;
	case GUARDS:
		break;
	}
	return false;
}

const struct handover_row *handover_find(const struct handover *m, const struct handover_event *ev)
{
	const struct handover_table *table = handover_table(m->role);
	enum handover_trigger trigger = handover_trigger(m, ev);

	if (trigger == TRIGGER_NOTHING)
		return NULL;
	for (size_t i = 0; i < table->row_count; i++) {
		const struct handover_row *row = &table->rows[i];

		if (row->states >> m->state & 1 && row->triggers >> trigger & 1 &&
		    holds(row->guard, m, ev))
			return row;
	}
	return NULL;
}
