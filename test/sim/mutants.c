/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each mutant puts one row in front of a machine's table, where it is found first.
 */
#include "test/sim/mutants.h"
#include "policy/handover_table.h"
#include <string.h>

#define ROWS_MAX 64

struct mutant {
	const char *name;
	enum handover_role role;
	struct handover_row row;
};

#define ARB(s) IN(ARBITER_##s)
#define SRC(s) IN(SOURCE_##s)
#define DST(s) IN(DESTINATION_##s)

static const struct mutant mutants[] = {
	{"source thaws when the link breaks after its vote", HANDOVER_SOURCE,
	 ROW(SRC(DUMPED), ON(DOWN), NONE, SOURCE_GIVING_UP, OP_TIMER_CLEAR, OP_TELL_ABORT)},
	{"source thaws when nobody answers", HANDOVER_SOURCE,
	 ROW(SRC(DUMPED), ON(TIMER), NONE, SOURCE_GIVING_UP, OP_TELL_ABORT)},
	{"source votes after it has given up", HANDOVER_SOURCE,
	 ROW(SRC(GIVING_UP), ON(GUEST_DUMPED), NONE, SOURCE_DUMPED, OP_SEND_DUMPED,
	     OP_TIMER_RETRY)},
	{"source votes before the guest has", HANDOVER_SOURCE,
	 ROW(SRC(NONE), ON(BEGIN), RUNNING, SOURCE_DUMPING, OP_TELL_BEGIN, OP_TIMER_PROGRESS,
	     OP_SEND_DUMPED)},
	{"source thaws when its daemon is restarted", HANDOVER_SOURCE,
	 ROW(SRC(NONE), ON(RECOVER), DUMPED, SOURCE_GIVING_UP, OP_TELL_ABORT)},
	{"source goes on dumping when its daemon is restarted", HANDOVER_SOURCE,
	 ROW(SRC(NONE), ON(RECOVER), DUMPING, SOURCE_DUMPED, OP_SEND_DUMPED, OP_TIMER_RETRY)},
	{"source takes commit for abort", HANDOVER_SOURCE,
	 ROW(SRC(DUMPED), ON(COMMIT), NONE, SOURCE_THAWING, OP_TIMER_CLEAR, OP_TELL_ABORT)},
	{"source does not pass an abort on", HANDOVER_SOURCE,
	 ROW(SRC(DUMPED), ON(ABORT), NONE, SOURCE_DONE, OP_TIMER_CLEAR, OP_SEND_FINISHED)},
	{"destination runs when the link breaks after its vote", HANDOVER_DESTINATION,
	 ROW(DST(READY), ON(DOWN), NONE, DESTINATION_THAWING, OP_TIMER_CLEAR, OP_TELL_COMMIT)},
	{"destination drops the copy when the link breaks after its vote", HANDOVER_DESTINATION,
	 ROW(DST(READY), ON(DOWN), NONE, DESTINATION_GIVING_UP, OP_TIMER_CLEAR, OP_TELL_ABORT)},
	{"destination votes after it has given up", HANDOVER_DESTINATION,
	 ROW(DST(GIVING_UP), ON(GUEST_READY), NONE, DESTINATION_READY, OP_SEND_READY,
	     OP_TIMER_RETRY)},
	{"destination votes when it is only prepared", HANDOVER_DESTINATION,
	 ROW(DST(PREPARING), ON(GUEST_PREPARED), NONE, DESTINATION_RESTORING, OP_SEND_PREPARED,
	     OP_SEND_READY, OP_TIMER_PROGRESS)},
	{"destination drops the copy when its daemon is restarted", HANDOVER_DESTINATION,
	 ROW(DST(NONE), ON(RECOVER), READY, DESTINATION_GIVING_UP, OP_TELL_ABORT)},
	{"destination says failed of a copy that it does not know", HANDOVER_DESTINATION,
	 ROW(DST(NONE), ON(COMMIT), NONE, DESTINATION_DONE, OP_SEND_FAILED)},
	{"destination says failed to an old MovePrepare", HANDOVER_DESTINATION,
	 ROW(DST(NONE), ON(PREPARE), HAS_RUN, DESTINATION_DONE, OP_SEND_FAILED)},
	{"destination lets run at once", HANDOVER_DESTINATION,
	 ROW(DST(RESTORING), ON(GUEST_READY), NONE, DESTINATION_THAWING, OP_SEND_READY,
	     OP_TIMER_CLEAR, OP_TELL_COMMIT)},
	{"arbiter commits with the source's vote alone", HANDOVER_ARBITER,
	 ROW(ARB(MOVING), ON(DUMPED), NONE, ARBITER_DECIDING, OP_TIMER_CLEAR, OP_PERSIST_COMMIT)},
	{"arbiter commits with the destination's vote alone", HANDOVER_ARBITER,
	 ROW(ARB(MOVING), ON(READY), NONE, ARBITER_DECIDING, OP_TIMER_CLEAR, OP_PERSIST_COMMIT)},
	{"arbiter sends the decision before it is written", HANDOVER_ARBITER,
	 ROW(ARB(DUMPED), ON(READY), NONE, ARBITER_DECIDING, OP_TIMER_CLEAR, OP_COMMIT_D,
	     OP_COMMIT_S, OP_PERSIST_COMMIT)},
	{"arbiter does not write the decision", HANDOVER_ARBITER,
	 ROW(ARB(DUMPED), ON(READY), NONE, ARBITER_COMMITTING, OP_COMMIT_D, OP_COMMIT_S,
	     OP_TIMER_RETRY)},
	{"arbiter commits though that could not be written", HANDOVER_ARBITER,
	 ROW(ARB(DECIDING), ON(PERSIST_FAILED), NONE, ARBITER_COMMITTING, OP_COMMIT_D, OP_COMMIT_S,
	     OP_TIMER_RETRY)},
	{"arbiter aborts after its restart in spite of COMMIT", HANDOVER_ARBITER,
	 ROW(ARB(NONE), ON(RECOVER), COMMITTED, ARBITER_ABORTING, OP_ABORT_S, OP_TIMER_RETRY)},
	{"arbiter commits after its restart without COMMIT", HANDOVER_ARBITER,
	 ROW(ARB(NONE), ON(RECOVER), NONE, ARBITER_COMMITTING, OP_COMMIT_D, OP_COMMIT_S,
	     OP_TIMER_RETRY)},
	{"arbiter changes its mind when the destination is lost", HANDOVER_ARBITER,
	 ROW(ARB(COMMITTING), ON(DOWN_D), NONE, ARBITER_ABORTING, OP_ABORT_S, OP_ABORT_D,
	     OP_TIMER_RETRY)},
	{"arbiter tells a source that comes back late that it may run", HANDOVER_ARBITER,
	 ROW(ARB(COMMITTING) | ARB(KILLING), ON(UP_S), NONE, HANDOVER_SAME, OP_ABORT_S)},
	{"arbiter aborts for the source only", HANDOVER_ARBITER,
	 ROW(ARB(DUMPED), ON(TIMER), NONE, ARBITER_DONE, OP_ABORT_S, OP_COMMIT_D, OP_JOB_STAYS,
	     OP_NOTE_FAILED, OP_FORGET)},
	{"arbiter takes a dead source for a failed move after its vote", HANDOVER_ARBITER,
	 ROW(ARB(DUMPED), ON(FAILED_S) | ON(GONE_S), NONE, ARBITER_DONE, OP_ABORT_D, OP_TIMER_CLEAR,
	     OP_JOB_STAYS, OP_NOTE_FAILED, OP_FORGET)},
	{"arbiter does not see that an aborted source has finished", HANDOVER_ARBITER,
	 ROW(ARB(ABORTING), ON(FINISHED_S) | ON(FAILED_S), NONE, ARBITER_ABORTING, OP_END)},
	{"arbiter aborts whatever it has forgotten", HANDOVER_ARBITER,
	 ROW(ARB(NONE), ON(DUMPED) | ON(QUERY_S), NONE, ARBITER_NONE, OP_ABORT_S)},
	{"arbiter lets a source go on whose job is over", HANDOVER_ARBITER,
	 ROW(ARB(NONE), ON(RECOVER), OVER, ARBITER_ABORTING, OP_ABORT_S, OP_TIMER_RETRY)},
	{"arbiter lets a destination run whose job was given up", HANDOVER_ARBITER,
	 ROW(ARB(KILLING), ON(READY) | ON(QUERY_D), OVER, HANDOVER_SAME, OP_COMMIT_D)},
};

const size_t mutant_count = sizeof(mutants) / sizeof(mutants[0]);

static size_t chosen = MUTANT_NONE;
static struct handover_row rows[ROWS_MAX];
static struct handover_table table;

const struct handover_table *__real_handover_table(enum handover_role role);
const struct handover_table *__wrap_handover_table(enum handover_role role);

const struct handover_table *__wrap_handover_table(enum handover_role role)
{
	if (chosen == MUTANT_NONE || mutants[chosen].role != role)
		return __real_handover_table(role);
	return &table;
}

void mutant_choose(size_t mutant)
{
	const struct handover_table *real;

	chosen = mutant;
	if (mutant == MUTANT_NONE)
		return;
	real = __real_handover_table(mutants[mutant].role);
	table = *real;
	rows[0] = mutants[mutant].row;
	memcpy(rows + 1, real->rows, real->row_count * sizeof(rows[0]));
	table.rows = rows;
	table.row_count = real->row_count + 1;
}

const char *mutant_name(size_t mutant)
{
	return mutants[mutant].name;
}
