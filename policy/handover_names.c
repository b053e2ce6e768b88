/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of everything in the hand-over tables, for logs, tests and doc/handover.md.
 */
#include "policy/handover_table.h"
#include <assert.h>

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

const char *handover_role_name(enum handover_role role)
{
	return handover_table(role)->name;
}

const char *handover_state_name(enum handover_role role, unsigned int state)
{
	const struct handover_table *table = handover_table(role);

	return state < table->state_count ? table->states[state].name : "?";
}

const char *handover_msg_name(enum handover_msg msg)
{
	switch (msg) {
	case HANDOVER_MSG_PREPARE:
		return "MovePrepare";
	case HANDOVER_MSG_PREPARED:
		return "MovePrepared";
	case HANDOVER_MSG_BEGIN:
		return "MoveBegin";
	case HANDOVER_MSG_DUMPED:
		return "MoveDumped";
	case HANDOVER_MSG_READY:
		return "MoveReady";
	case HANDOVER_MSG_FAILED:
		return "MoveFailed";
	case HANDOVER_MSG_DECISION:
		return "MoveDecision";
	case HANDOVER_MSG_FINISHED:
		return "MoveFinished";
	case HANDOVER_MSG_QUERY:
		return "MoveQuery";
	case HANDOVER_MSG_PROGRESS:
		return "MoveProgress";
	}
	return "?";
}

const char *handover_trigger_name(enum handover_trigger trigger)
{
	static const char *const names[TRIGGERS] = {
		[TRIGGER_NOTHING] = "nothing",
		[TRIGGER_START] = "start",
		[TRIGGER_RECOVER] = "restart of the daemon",
		[TRIGGER_PERSISTED] = "record written",
		[TRIGGER_PERSIST_FAILED] = "record not written",
		[TRIGGER_TIMER] = "timer",
		[TRIGGER_PREPARED] = "MovePrepared from D",
		[TRIGGER_DUMPED] = "MoveDumped from S",
		[TRIGGER_READY] = "MoveReady from D",
		[TRIGGER_PROGRESS] = "MoveProgress",
		[TRIGGER_FAILED_S] = "MoveFailed from S",
		[TRIGGER_FAILED_D] = "MoveFailed from D",
		[TRIGGER_FINISHED_S] = "MoveFinished from S",
		[TRIGGER_FINISHED_D] = "MoveFinished from D",
		[TRIGGER_QUERY_S] = "MoveQuery from S",
		[TRIGGER_QUERY_D] = "MoveQuery from D",
		[TRIGGER_UP_S] = "link to S up",
		[TRIGGER_UP_D] = "link to D up",
		[TRIGGER_DOWN_S] = "link to S down",
		[TRIGGER_DOWN_D] = "link to D down",
		[TRIGGER_DEAD_S] = "S declared dead",
		[TRIGGER_DEAD_D] = "D declared dead",
		[TRIGGER_GONE_S] = "copy at S gone",
		[TRIGGER_GONE_D] = "copy at D gone",
		[TRIGGER_GIVE_UP] = "give up",
		[TRIGGER_PREPARE] = "MovePrepare",
		[TRIGGER_BEGIN] = "MoveBegin",
		[TRIGGER_COMMIT] = "MoveDecision(commit)",
		[TRIGGER_ABORT] = "MoveDecision(abort)",
		[TRIGGER_UP] = "link to home up",
		[TRIGGER_DOWN] = "link to home down",
		[TRIGGER_GUEST_PREPARED] = "guest prepared",
		[TRIGGER_GUEST_PROGRESS] = "guest reports progress",
		[TRIGGER_GUEST_DUMPED] = "guest dumped",
		[TRIGGER_GUEST_READY] = "guest ready",
		[TRIGGER_GUEST_FAILED] = "guest failed",
		[TRIGGER_GUEST_FINISHED] = "guest finished",
		[TRIGGER_GUEST_ENDED] = "job ended",
		[TRIGGER_GUEST_DIED] = "guest died",
	};

	assert(trigger < TRIGGERS);
	return names[trigger];
}

const char *handover_op_name(enum handover_op op)
{
	static const char *const names[OPS] = {
		[OP_END] = "-",
		[OP_PERSIST_PREPARING] = "journal PREPARING",
		[OP_PERSIST_COMMIT] = "journal COMMIT",
		[OP_FORGET] = "journal: no move",
		[OP_PREPARE_D] = "MovePrepare to D",
		[OP_BEGIN_S] = "MoveBegin to S",
		[OP_COMMIT_S] = "MoveDecision(commit) to S",
		[OP_COMMIT_D] = "MoveDecision(commit) to D",
		[OP_ABORT_S] = "MoveDecision(abort) to S",
		[OP_ABORT_D] = "MoveDecision(abort) to D",
		[OP_JOB_RUNS] = "job runs at D",
		[OP_JOB_STAYS] = "job stays at S",
		[OP_JOB_ENDED] = "job has ended",
		[OP_JOB_LOST] = "job is lost",
		[OP_NOTE_OK] = "tell the user: moved",
		[OP_NOTE_FAILED] = "tell the user: failed",
		[OP_SOURCE_GONE] = "remember that S is gone",
		[OP_TIMER_PREPARE] = "timer 10 s",
		[OP_TIMER_PROGRESS] = "timer 30 s",
		[OP_TIMER_RETRY] = "timer 1 s",
		[OP_TIMER_CLEAR] = "no timer",
		[OP_TELL_BEGIN] = "guest: begin",
		[OP_TELL_COMMIT] = "guest: commit",
		[OP_TELL_ABORT] = "guest: abort",
		[OP_SEND_PREPARED] = "MovePrepared",
		[OP_SEND_DUMPED] = "MoveDumped",
		[OP_SEND_READY] = "MoveReady",
		[OP_SEND_PROGRESS] = "MoveProgress",
		[OP_SEND_FAILED] = "MoveFailed",
		[OP_SEND_FINISHED] = "MoveFinished",
		[OP_SEND_QUERY] = "MoveQuery",
	};

	assert(op < OPS);
	return names[op];
}

const char *handover_guard_name(enum handover_guard guard)
{
	static const char *const names[GUARDS] = {
		[GUARD_NONE] = "",
		[GUARD_SAME_NODE] = "S is D",
		[GUARD_COMMITTED] = "journal says COMMIT",
		[GUARD_COMMITTED_OVER] = "journal says COMMIT, job over",
		[GUARD_OVER] = "job over",
		[GUARD_CURRENT_S] = "journal names the copy at S",
		[GUARD_CURRENT_D] = "journal names the copy at D",
		[GUARD_SOURCE_GONE] = "S is gone",
		[GUARD_KNOWN] = "copy known",
		[GUARD_ABSENT] = "no copy",
		[GUARD_RUNNING] = "copy RUNNING",
		[GUARD_DUMPING] = "copy DUMPING",
		[GUARD_DUMPED] = "copy DUMPED",
		[GUARD_RESTORING] = "copy RESTORING",
		[GUARD_READY] = "copy READY",
		[GUARD_RESTORED] = "copy RESTORING or READY",
		[GUARD_HAS_RUN] = "copy has run",
	};

	assert(guard < GUARDS);
	return names[guard];
}
