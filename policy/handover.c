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
		[TRIGGER_PERSIST_FAILED] =
			"the home node cannot write it down (is its /run/mosix full?)",
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

/* What an operation asks of the driver, but for what depends on the machine and the event. */
static const struct handover_action shapes[OPS] = {
	[OP_PERSIST_PREPARING] = {.kind = HANDOVER_PERSIST, .phase = HANDOVER_PHASE_PREPARING},
	[OP_PERSIST_COMMIT] = {.kind = HANDOVER_PERSIST, .phase = HANDOVER_PHASE_COMMIT},
	[OP_FORGET] = {.kind = HANDOVER_FORGET},
	[OP_PREPARE_D] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_PREPARE},
	[OP_BEGIN_S] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_BEGIN, .source = true},
	[OP_COMMIT_S] = {.kind = HANDOVER_SEND,
			 .msg = HANDOVER_MSG_DECISION,
			 .source = true,
			 .commit = true},
	[OP_COMMIT_D] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_DECISION, .commit = true},
	[OP_ABORT_S] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_DECISION, .source = true},
	[OP_ABORT_D] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_DECISION},
	[OP_JOB_RUNS] = {.kind = HANDOVER_JOB, .fate = HANDOVER_RUNS},
	[OP_JOB_STAYS] = {.kind = HANDOVER_JOB, .fate = HANDOVER_STAYS},
	[OP_JOB_ENDED] = {.kind = HANDOVER_JOB, .fate = HANDOVER_ENDED},
	[OP_JOB_LOST] = {.kind = HANDOVER_JOB, .fate = HANDOVER_LOST},
	[OP_NOTE_OK] = {.kind = HANDOVER_NOTE, .ok = true},
	[OP_NOTE_FAILED] = {.kind = HANDOVER_NOTE},
	[OP_TIMER_PREPARE] = {.kind = HANDOVER_TIMER_SET, .ms = HANDOVER_PREPARE_MS},
	[OP_TIMER_PROGRESS] = {.kind = HANDOVER_TIMER_SET, .ms = HANDOVER_PROGRESS_MS},
	[OP_TIMER_RETRY] = {.kind = HANDOVER_TIMER_SET, .ms = HANDOVER_RETRY_MS},
	[OP_TIMER_CLEAR] = {.kind = HANDOVER_TIMER_CLEAR},
	[OP_TELL_BEGIN] = {.kind = HANDOVER_TELL, .command = HANDOVER_GUEST_BEGIN},
	[OP_TELL_COMMIT] = {.kind = HANDOVER_TELL, .command = HANDOVER_GUEST_COMMIT},
	[OP_TELL_ABORT] = {.kind = HANDOVER_TELL, .command = HANDOVER_GUEST_ABORT},
	[OP_SEND_PREPARED] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_PREPARED},
	[OP_SEND_DUMPED] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_DUMPED},
	[OP_SEND_READY] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_READY},
	[OP_SEND_PROGRESS] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_PROGRESS},
	[OP_SEND_FAILED] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_FAILED},
	[OP_SEND_FINISHED] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_FINISHED},
	[OP_SEND_QUERY] = {.kind = HANDOVER_SEND, .msg = HANDOVER_MSG_QUERY},
};

static void address(const struct handover *m, struct handover_action *a)
{
	if (m->role == HANDOVER_ARBITER) {
		a->node = a->source ? m->source : m->destination;
	} else {
		a->node = m->home;
		a->source = m->role == HANDOVER_SOURCE;
	}
}

static void perform(struct handover *m, enum handover_op op, const struct handover_event *ev,
		    const char *why, struct handover_actions *acts)
{
	struct handover_action a = shapes[op];

	if (op == OP_SOURCE_GONE) {
		m->source_gone = true;
		return;
	}
	m->over |= op == OP_JOB_ENDED || op == OP_JOB_LOST;

	if (a.kind == HANDOVER_SEND)
		address(m, &a);
	if (op == OP_JOB_RUNS) {
		a.node = m->destination;
		a.gen = m->ref.gen;
	} else if (op == OP_JOB_STAYS) {
		a.node = m->source;
		a.gen = m->ref.gen - 1;
	}
	/* A message that is answered with "failed" found nothing to disturb. */
	if (op == OP_SEND_FAILED)
		a.refused = ev->kind == HANDOVER_MESSAGE || ev->refused;
	a.text = why;

	assert(acts->count < HANDOVER_ACTIONS_MAX);
	acts->list[acts->count++] = a;
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
