/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the hand-over tables are made. For the machines themselves, their tests and doc/handover.md;
 * drivers include handover.h only.
 */
#ifndef MOSIX_POLICY_HANDOVER_TABLE_H
#define MOSIX_POLICY_HANDOVER_TABLE_H

#include "policy/handover.h"

/* An event as a table sees it: of the right move and generation, from the right node. S is the
 * source, D the destination. */
enum handover_trigger {
	TRIGGER_NOTHING,
	TRIGGER_START,
	TRIGGER_RECOVER,
	TRIGGER_PERSISTED,
	TRIGGER_PERSIST_FAILED,
	TRIGGER_TIMER,
	/* arbiter */
	TRIGGER_PREPARED,
	TRIGGER_DUMPED,
	TRIGGER_READY,
	TRIGGER_PROGRESS,
	TRIGGER_FAILED_S,
	TRIGGER_FAILED_D,
	TRIGGER_FINISHED_S,
	TRIGGER_FINISHED_D,
	TRIGGER_QUERY_S,
	TRIGGER_QUERY_D,
	TRIGGER_UP_S,
	TRIGGER_UP_D,
	TRIGGER_DOWN_S,
	TRIGGER_DOWN_D,
	TRIGGER_DEAD_S,
	TRIGGER_DEAD_D,
	TRIGGER_GONE_S,
	TRIGGER_GONE_D,
	TRIGGER_GIVE_UP,
	/* source and destination */
	TRIGGER_PREPARE,
	TRIGGER_BEGIN,
	TRIGGER_COMMIT,
	TRIGGER_ABORT,
	TRIGGER_UP,
	TRIGGER_DOWN,
	TRIGGER_GUEST_PREPARED,
	TRIGGER_GUEST_PROGRESS,
	TRIGGER_GUEST_DUMPED,
	TRIGGER_GUEST_READY,
	TRIGGER_GUEST_FAILED,
	TRIGGER_GUEST_FINISHED,
	TRIGGER_GUEST_ENDED,
	TRIGGER_GUEST_DIED,
	TRIGGERS,
};

/* What a row does: each one action, or a change of the machine. */
enum handover_op {
	OP_END,
	OP_PERSIST_PREPARING,
	OP_PERSIST_COMMIT,
	OP_FORGET,
	OP_PREPARE_D,
	OP_BEGIN_S,
	OP_COMMIT_S,
	OP_COMMIT_D,
	OP_ABORT_S,
	OP_ABORT_D,
	OP_JOB_RUNS,
	OP_JOB_STAYS,
	OP_JOB_ENDED,
	OP_JOB_LOST,
	OP_NOTE_OK,
	OP_NOTE_FAILED,
	OP_SOURCE_GONE,
	OP_TIMER_PREPARE,
	OP_TIMER_PROGRESS,
	OP_TIMER_RETRY,
	OP_TIMER_CLEAR,
	OP_TELL_BEGIN,
	OP_TELL_COMMIT,
	OP_TELL_ABORT,
	OP_SEND_PREPARED,
	OP_SEND_DUMPED,
	OP_SEND_READY,
	OP_SEND_PROGRESS,
	OP_SEND_FAILED,
	OP_SEND_FINISHED,
	OP_SEND_QUERY,
	OPS,
};

enum handover_guard {
	GUARD_NONE,
	GUARD_SAME_NODE,      /* source and destination are one node */
	GUARD_COMMITTED,      /* the journal says COMMIT */
	GUARD_COMMITTED_OVER, /* the same, and the job has ended since */
	GUARD_OVER,           /* the job has ended or is lost */
	GUARD_CURRENT_S,      /* the job's copy is the one of the asking source */
	GUARD_CURRENT_D,      /* the job's copy is the one of the asking destination */
	GUARD_SOURCE_GONE,    /* source's vote is in, its copy is no more */
	GUARD_KNOWN,          /* all guests of this node have said hello */
	GUARD_ABSENT,
	GUARD_RUNNING,
	GUARD_DUMPING,
	GUARD_DUMPED,
	GUARD_RESTORING,
	GUARD_READY,
	GUARD_RESTORED, /* RESTORING or READY */
	GUARD_HAS_RUN,  /* RUNNING, DUMPING, DUMPED or ENDED: its generation was committed */
	GUARDS,
};

#define HANDOVER_ROW_OPS 6
#define HANDOVER_SAME UINT32_MAX /* next state: the one it is in */

struct handover_row {
	uint32_t states;   /* IN(state) | ... */
	uint64_t triggers; /* ON(trigger) | ... */
	enum handover_guard guard;
	uint32_t next;
	enum handover_op ops[HANDOVER_ROW_OPS]; /* ends at OP_END */
};

/* (states, triggers, guard, next state, ops...) */
#define ROW(in, on, check, to, ...)     \
	{                               \
		.states = (in),         \
		.triggers = (on),       \
		.guard = GUARD_##check, \
		.next = (to),           \
		.ops = {__VA_ARGS__},   \
	}
#define IN(state) (UINT32_C(1) << (state))
#define ON(trigger) (UINT64_C(1) << (TRIGGER_##trigger))

struct handover_state {
	const char *name;
	const char *about; /* what may happen in it */
};

struct handover_table {
	const char *name;
	const struct handover_state *states;
	size_t state_count;
	const struct handover_row *rows; /* the first that fits counts; none = ignored */
	size_t row_count;
};

extern const struct handover_table handover_arbiter_table;
extern const struct handover_table handover_source_table;
extern const struct handover_table handover_destination_table;

const struct handover_table *handover_table(enum handover_role role);

/* What @ev is to @m's table; TRIGGER_NOTHING: of another move, or from the wrong node. */
enum handover_trigger handover_trigger(const struct handover *m, const struct handover_event *ev);
/* The row that @ev would take, NULL if none. Changes nothing. */
const struct handover_row *handover_find(const struct handover *m, const struct handover_event *ev);

const char *handover_trigger_name(enum handover_trigger trigger);
const char *handover_op_name(enum handover_op op);
const char *handover_guard_name(enum handover_guard guard);

#endif
