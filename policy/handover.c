/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step of any of the three machines: what the event is to its table, which row fits, what the
 * row does.
 */
#include "policy/handover.h"
#include "policy/handover_table.h"
#include <assert.h>

void handover_arbiter_init(struct handover *m, uint32_t home, const struct handover_ref *ref,
			   const struct handover_job *job, uint32_t source, uint32_t destination)
{
	*m = (struct handover){
		.role = HANDOVER_ARBITER,
		.ref = *ref,
		.home = home,
		.source = source,
		.destination = destination,
		.job = *job,
	};
}

void handover_source_init(struct handover *m, uint32_t home, const struct handover_ref *ref,
			  enum handover_copy copy)
{
	*m = (struct handover){
		.role = HANDOVER_SOURCE,
		.ref = *ref,
		.home = home,
		.copy = copy,
	};
}

void handover_destination_init(struct handover *m, uint32_t home, const struct handover_ref *ref,
			       enum handover_copy copy)
{
	*m = (struct handover){
		.role = HANDOVER_DESTINATION,
		.ref = *ref,
		.home = home,
		.copy = copy,
	};
}

bool handover_is_current(const struct handover_job *job, const struct handover_ref *ref,
			 uint32_t node, bool source)
{
	if (job->gen == 0 || job->job != ref->job || job->node != node)
		return false;
	if (source)
		return job->gen + 1 == ref->gen;
	/* An aborted move leaves its generation to the next one: only the move tells them apart. */
	return job->gen == ref->gen && job->move == ref->move;
}

const struct handover_table *handover_table(enum handover_role role)
{
	switch (role) {
	case HANDOVER_ARBITER:
		return &handover_arbiter_table;
	case HANDOVER_SOURCE:
		return &handover_source_table;
	case HANDOVER_DESTINATION:
		return &handover_destination_table;
	}
	assert(!"a role");
	return NULL;
}

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

static enum handover_trigger trigger_of(const struct handover *m, const struct handover_event *ev)
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

static const struct handover_row *
find_row(const struct handover *m, const struct handover_event *ev, enum handover_trigger trigger)
{
	const struct handover_table *table = handover_table(m->role);

	for (size_t i = 0; i < table->row_count; i++) {
		const struct handover_row *row = &table->rows[i];

		if (row->states >> m->state & 1 && row->triggers >> trigger & 1 &&
		    holds(row->guard, m, ev))
			return row;
	}
	return NULL;
}

const struct handover_row *handover_find(const struct handover *m, const struct handover_event *ev)
{
	enum handover_trigger trigger = trigger_of(m, ev);

	return trigger == TRIGGER_NOTHING ? NULL : find_row(m, ev, trigger);
}

/* For the user who wanted the move, and for the other side's log. */
static const char *reason(const struct handover_event *ev, enum handover_trigger trigger)
{
	static const char *const texts[TRIGGERS] = {
		[TRIGGER_START] = "the job is on that node already",
		[TRIGGER_PERSIST_FAILED] = "the journal of the home node cannot be written",
		[TRIGGER_TIMER] = "no progress was made in time",
		[TRIGGER_FAILED_S] = "the source could not send the job",
		[TRIGGER_FAILED_D] = "the destination could not take the job",
		[TRIGGER_DOWN_S] = "the link to the source broke",
		[TRIGGER_DOWN_D] = "the link to the destination broke",
		[TRIGGER_DEAD_S] = "the node where the job ran has died",
		[TRIGGER_DEAD_D] = "the destination has died",
		[TRIGGER_GONE_S] = "the job ended before it could move",
		[TRIGGER_GIVE_UP] = "the move was given up",
		[TRIGGER_PREPARE] = "an earlier try to move the job here is not yet cleaned up",
		[TRIGGER_BEGIN] = "the job is not there in a state to be moved",
		[TRIGGER_COMMIT] = "the copy is gone",
		[TRIGGER_GUEST_FAILED] = "the guest failed",
		[TRIGGER_GUEST_FINISHED] = "no progress was made in time, or home was out of reach",
		[TRIGGER_GUEST_ENDED] = "the job ended",
		[TRIGGER_GUEST_DIED] = "the guest died",
	};

	if (ev->text && ev->text[0] != '\0')
		return ev->text;
	return texts[trigger] ? texts[trigger] : "";
}

static struct handover_action *add(struct handover_actions *acts, enum handover_action_kind kind)
{
	struct handover_action *a;

	assert(acts->count < HANDOVER_ACTIONS_MAX);
	a = &acts->list[acts->count++];
	*a = (struct handover_action){.kind = kind};
	return a;
}

static void add_persist(struct handover_actions *acts, enum handover_phase phase)
{
	add(acts, HANDOVER_PERSIST)->phase = phase;
}

static void add_timer(struct handover_actions *acts, uint32_t ms)
{
	add(acts, HANDOVER_TIMER_SET)->ms = ms;
}

static void add_tell(struct handover_actions *acts, enum handover_guest_command command)
{
	add(acts, HANDOVER_TELL)->command = command;
}

static struct handover_action *add_to_source(const struct handover *m,
					     struct handover_actions *acts, enum handover_msg msg)
{
	struct handover_action *a = add(acts, HANDOVER_SEND);

	a->node = m->source;
	a->msg = msg;
	a->source = true;
	return a;
}

static struct handover_action *
add_to_destination(const struct handover *m, struct handover_actions *acts, enum handover_msg msg)
{
	struct handover_action *a = add(acts, HANDOVER_SEND);

	a->node = m->destination;
	a->msg = msg;
	return a;
}

static struct handover_action *add_to_home(const struct handover *m, struct handover_actions *acts,
					   enum handover_msg msg)
{
	struct handover_action *a = add(acts, HANDOVER_SEND);

	a->node = m->home;
	a->msg = msg;
	a->source = m->role == HANDOVER_SOURCE;
	return a;
}

static void add_failed(const struct handover *m, const struct handover_event *ev, const char *why,
		       struct handover_actions *acts)
{
	struct handover_action *a = add_to_home(m, acts, HANDOVER_MSG_FAILED);

	/* A message that is answered with "failed" found nothing to disturb. */
	a->refused = ev->kind == HANDOVER_MESSAGE || ev->refused;
	a->text = why;
}

static void add_job(const struct handover *m, struct handover_actions *acts,
		    enum handover_fate fate, const char *why)
{
	struct handover_action *a = add(acts, HANDOVER_JOB);

	a->fate = fate;
	a->node = fate == HANDOVER_RUNS ? m->destination : m->source;
	a->gen = fate == HANDOVER_RUNS ? m->ref.gen : m->ref.gen - 1;
	a->text = why;
}

static void add_note(struct handover_actions *acts, bool ok, const char *why)
{
	struct handover_action *a = add(acts, HANDOVER_NOTE);

	a->ok = ok;
	a->text = why;
}

static void perform(struct handover *m, enum handover_op op, const struct handover_event *ev,
		    const char *why, struct handover_actions *acts)
{
	switch (op) {
	case OP_PERSIST_PREPARING:
		add_persist(acts, HANDOVER_PHASE_PREPARING);
		break;
	case OP_PERSIST_COMMIT:
		add_persist(acts, HANDOVER_PHASE_COMMIT);
		break;
	case OP_FORGET:
		add(acts, HANDOVER_FORGET);
		break;
	case OP_PREPARE_D:
		add_to_destination(m, acts, HANDOVER_MSG_PREPARE);
		break;
	case OP_BEGIN_S:
		add_to_source(m, acts, HANDOVER_MSG_BEGIN);
		break;
	case OP_COMMIT_S:
		add_to_source(m, acts, HANDOVER_MSG_DECISION)->commit = true;
		break;
	case OP_COMMIT_D:
		add_to_destination(m, acts, HANDOVER_MSG_DECISION)->commit = true;
		break;
	case OP_ABORT_S:
		add_to_source(m, acts, HANDOVER_MSG_DECISION);
		break;
	case OP_ABORT_D:
		add_to_destination(m, acts, HANDOVER_MSG_DECISION);
		break;
	case OP_JOB_RUNS:
		add_job(m, acts, HANDOVER_RUNS, why);
		break;
	case OP_JOB_STAYS:
		add_job(m, acts, HANDOVER_STAYS, why);
		break;
	case OP_JOB_ENDED:
		add_job(m, acts, HANDOVER_ENDED, why);
		break;
	case OP_JOB_LOST:
		add_job(m, acts, HANDOVER_LOST, why);
		break;
	case OP_NOTE_OK:
		add_note(acts, true, why);
		break;
	case OP_NOTE_FAILED:
		add_note(acts, false, why);
		break;
	case OP_SOURCE_GONE:
		m->source_gone = true;
		break;
	case OP_TIMER_PREPARE:
		add_timer(acts, HANDOVER_PREPARE_MS);
		break;
	case OP_TIMER_PROGRESS:
		add_timer(acts, HANDOVER_PROGRESS_MS);
		break;
	case OP_TIMER_RETRY:
		add_timer(acts, HANDOVER_RETRY_MS);
		break;
	case OP_TIMER_CLEAR:
		add(acts, HANDOVER_TIMER_CLEAR);
		break;
	case OP_TELL_BEGIN:
		add_tell(acts, HANDOVER_GUEST_BEGIN);
		break;
	case OP_TELL_COMMIT:
		add_tell(acts, HANDOVER_GUEST_COMMIT);
		break;
	case OP_TELL_ABORT:
		add_tell(acts, HANDOVER_GUEST_ABORT);
		break;
	case OP_SEND_PREPARED:
		add_to_home(m, acts, HANDOVER_MSG_PREPARED);
		break;
	case OP_SEND_DUMPED:
		add_to_home(m, acts, HANDOVER_MSG_DUMPED);
		break;
	case OP_SEND_READY:
		add_to_home(m, acts, HANDOVER_MSG_READY);
		break;
	case OP_SEND_PROGRESS:
		add_to_home(m, acts, HANDOVER_MSG_PROGRESS);
		break;
	case OP_SEND_FAILED:
		add_failed(m, ev, why, acts);
		break;
	case OP_SEND_FINISHED:
		add_to_home(m, acts, HANDOVER_MSG_FINISHED);
		break;
	case OP_SEND_QUERY:
		add_to_home(m, acts, HANDOVER_MSG_QUERY);
		break;
	case OP_END:
	case OPS:
		assert(!"an operation");
		break;
	}
}

/* What only the driver can bring about, and only out of turn. */
static bool is_illegal(const struct handover *m, enum handover_trigger trigger)
{
	if (m->role == HANDOVER_ARBITER &&
	    (m->state == ARBITER_STARTING || m->state == ARBITER_DECIDING))
		return true;
	return trigger == TRIGGER_START || trigger == TRIGGER_RECOVER ||
	       trigger == TRIGGER_PERSISTED || trigger == TRIGGER_PERSIST_FAILED;
}

/* An unknown move's arbiter knows nobody: whoever asks is the one to be answered. */
static void adopt(struct handover *m, const struct handover_event *ev,
		  enum handover_trigger trigger)
{
	if (m->role != HANDOVER_ARBITER || m->source != 0 || ev->kind != HANDOVER_MESSAGE)
		return;
	if (trigger == TRIGGER_DUMPED || trigger == TRIGGER_QUERY_S)
		m->source = ev->node;
	else
		m->destination = ev->node;
}

int handover_step(struct handover *m, const struct handover_event *ev, struct handover_actions *ret)
{
	enum handover_trigger trigger = trigger_of(m, ev);
	const struct handover_row *row = NULL;
	const char *why = reason(ev, trigger);

	ret->count = 0;
	if (trigger != TRIGGER_NOTHING)
		row = find_row(m, ev, trigger);
	if (!row) {
		assert(!is_illegal(m, trigger));
		return HANDOVER_E_IGNORED;
	}

	adopt(m, ev, trigger);
	for (size_t i = 0; i < HANDOVER_ROW_OPS && row->ops[i] != OP_END; i++)
		perform(m, row->ops[i], ev, why, ret);
	if (row->next != HANDOVER_SAME)
		m->state = row->next;
	return 0;
}
