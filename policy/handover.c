/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step of any of the three machines: what the row that fits does.
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
		.over = job->gen == 0,
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

enum handover_copy handover_listed_as(const struct handover *m)
{
	static const enum handover_copy source[SOURCE_STATES] = {
		[SOURCE_DUMPING] = HANDOVER_COPY_DUMPING,
		[SOURCE_GIVING_UP] = HANDOVER_COPY_RUNNING,
		[SOURCE_DUMPED] = HANDOVER_COPY_DUMPED,
		[SOURCE_KILLING] = HANDOVER_COPY_DUMPED,
		[SOURCE_THAWING] = HANDOVER_COPY_RUNNING,
	};
	static const enum handover_copy destination[DESTINATION_STATES] = {
		[DESTINATION_PREPARING] = HANDOVER_COPY_RESTORING,
		[DESTINATION_RESTORING] = HANDOVER_COPY_RESTORING,
		[DESTINATION_GIVING_UP] = HANDOVER_COPY_RESTORING,
		[DESTINATION_READY] = HANDOVER_COPY_READY,
		[DESTINATION_KILLING] = HANDOVER_COPY_RESTORING,
		[DESTINATION_THAWING] = HANDOVER_COPY_RUNNING,
	};

	assert(m->role != HANDOVER_ARBITER && m->state != HANDOVER_NONE &&
	       m->state != HANDOVER_DONE);
	return m->role == HANDOVER_SOURCE ? source[m->state] : destination[m->state];
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
		m->over = true;
		add_job(m, acts, HANDOVER_ENDED, why);
		break;
	case OP_JOB_LOST:
		m->over = true;
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
	enum handover_trigger trigger = handover_trigger(m, ev);
	const struct handover_row *row = handover_find(m, ev);
	const char *why = reason(ev, trigger);

	ret->count = 0;
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
