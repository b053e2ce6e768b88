/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's table. Until its vote (MoveDumped) it may let the job go on by itself, and does so
 * as soon as it cannot reach home; after it, the copy stays frozen until home has decided.
 */
#include "policy/handover_table.h"

static const struct handover_state states[SOURCE_STATES] = {
	[SOURCE_NONE] = {"NONE", "The copy, if there is one, is not in this move."},
	[SOURCE_DONE] = {"DONE", "Over; the machine is thrown away."},
	[SOURCE_DUMPING] = {"DUMPING", "The guest freezes, dumps and sends. Has not voted: may "
				       "give up by itself, and must when home is out of reach."},
	[SOURCE_GIVING_UP] = {"GIVING_UP", "Never voted and never will: a late DUMPED of the guest "
					   "is not passed on. The guest is thawing the job."},
	[SOURCE_DUMPED] = {"DUMPED", "Has voted: frozen until home decides, however long that "
				     "takes. Asks each second."},
	[SOURCE_KILLING] = {"KILLING", "Committed: the guest is killing the frozen tree."},
	[SOURCE_THAWING] = {"THAWING", "Aborted: the guest is thawing the job."},
};

#define ENDS (ON(GUEST_ENDED) | ON(GUEST_DIED))

static const struct handover_row rows[] = {
	ROW(IN(SOURCE_NONE), ON(BEGIN), RUNNING, SOURCE_DUMPING, OP_TELL_BEGIN, OP_TIMER_PROGRESS),
	ROW(IN(SOURCE_NONE), ON(BEGIN), KNOWN, SOURCE_DONE, OP_SEND_FAILED),
	ROW(IN(SOURCE_NONE), ON(COMMIT) | ON(ABORT), KNOWN, SOURCE_DONE, OP_SEND_FINISHED),
	ROW(IN(SOURCE_NONE), ON(RECOVER), DUMPED, SOURCE_DUMPED, OP_SEND_DUMPED, OP_TIMER_RETRY),
	ROW(IN(SOURCE_NONE), ON(RECOVER), DUMPING, SOURCE_GIVING_UP, OP_TELL_ABORT),

	ROW(IN(SOURCE_DUMPING), ON(GUEST_PROGRESS), NONE, HANDOVER_SAME, OP_SEND_PROGRESS,
	    OP_TIMER_PROGRESS),
	ROW(IN(SOURCE_DUMPING), ON(GUEST_DUMPED), NONE, SOURCE_DUMPED, OP_SEND_DUMPED,
	    OP_TIMER_RETRY),
	ROW(IN(SOURCE_DUMPING), ON(GUEST_FAILED) | ENDS, NONE, SOURCE_DONE, OP_TIMER_CLEAR,
	    OP_SEND_FAILED),
	ROW(IN(SOURCE_DUMPING), ON(TIMER) | ON(DOWN), NONE, SOURCE_GIVING_UP, OP_TIMER_CLEAR,
	    OP_TELL_ABORT),
	ROW(IN(SOURCE_DUMPING), ON(ABORT), NONE, SOURCE_THAWING, OP_TIMER_CLEAR, OP_TELL_ABORT),

	ROW(IN(SOURCE_GIVING_UP), ON(GUEST_FINISHED) | ON(GUEST_FAILED) | ENDS, NONE, SOURCE_DONE,
	    OP_SEND_FAILED),

	ROW(IN(SOURCE_DUMPED), ON(TIMER), NONE, HANDOVER_SAME, OP_SEND_QUERY, OP_TIMER_RETRY),
	ROW(IN(SOURCE_DUMPED), ON(UP), NONE, HANDOVER_SAME, OP_SEND_DUMPED),
	ROW(IN(SOURCE_DUMPED), ON(COMMIT), NONE, SOURCE_KILLING, OP_TIMER_CLEAR, OP_TELL_COMMIT),
	ROW(IN(SOURCE_DUMPED), ON(ABORT), NONE, SOURCE_THAWING, OP_TIMER_CLEAR, OP_TELL_ABORT),
	ROW(IN(SOURCE_DUMPED), ENDS, NONE, SOURCE_DONE, OP_TIMER_CLEAR, OP_SEND_FAILED),

	ROW(IN(SOURCE_KILLING) | IN(SOURCE_THAWING), ON(GUEST_FINISHED) | ON(GUEST_FAILED) | ENDS,
	    NONE, SOURCE_DONE, OP_SEND_FINISHED),
};

const struct handover_table handover_source_table = {
	.name = "source",
	.states = states,
	.state_count = SOURCE_STATES,
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
};
