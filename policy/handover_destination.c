/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination's table. Until its vote (MoveReady) it may drop what it has by itself, and does
 * so as soon as it cannot reach home; after it, the copy stays frozen until home has decided.
 */
#include "policy/handover_table.h"

static const struct handover_state states[DESTINATION_STATES] = {
	[DESTINATION_NONE] = {"NONE", "Nothing that this move made is waiting here."},
	[DESTINATION_DONE] = {"DONE", "Over; the machine is thrown away."},
	[DESTINATION_PREPARING] = {"PREPARING", "The new guest builds its container. May give up "
						"by itself, and must when home is out of reach."},
	[DESTINATION_RESTORING] = {"RESTORING", "The guest receives and restores, frozen. Has not "
						"voted: may give up by itself, and must when home "
						"is out of reach."},
	[DESTINATION_GIVING_UP] = {"GIVING_UP", "Never voted and never will: a late READY of the "
						"guest is not passed on. The guest is killing what "
						"it has."},
	[DESTINATION_READY] = {"READY", "Has voted: frozen until home decides, however long that "
					"takes. Asks each second."},
	[DESTINATION_KILLING] = {"KILLING", "Aborted: the guest is killing what it restored."},
	[DESTINATION_THAWING] = {"THAWING", "Committed: the guest is letting the job run."},
};

#define UNVOTED (IN(DESTINATION_PREPARING) | IN(DESTINATION_RESTORING))
#define FAILS (ON(GUEST_FAILED) | ON(GUEST_DIED))

static const struct handover_row rows[] = {
	ROW(IN(DESTINATION_NONE), ON(PREPARE), ABSENT, DESTINATION_PREPARING, OP_TELL_BEGIN,
	    OP_TIMER_PREPARE),
	/* Left over from another try. If it runs, the generation is committed and this message is
	 * an old one: to answer "failed" would be taken for the death of the job. */
	ROW(IN(DESTINATION_NONE), ON(PREPARE), RESTORED, DESTINATION_DONE, OP_SEND_FAILED),
	ROW(IN(DESTINATION_NONE), ON(ABORT), KNOWN, DESTINATION_DONE, OP_SEND_FINISHED),
	ROW(IN(DESTINATION_NONE), ON(COMMIT), HAS_RUN, DESTINATION_DONE, OP_SEND_FINISHED),
	ROW(IN(DESTINATION_NONE), ON(COMMIT), KNOWN, DESTINATION_DONE, OP_SEND_FAILED),
	ROW(IN(DESTINATION_NONE), ON(RECOVER), READY, DESTINATION_READY, OP_SEND_READY,
	    OP_TIMER_RETRY),
	ROW(IN(DESTINATION_NONE), ON(RECOVER), RESTORING, DESTINATION_GIVING_UP, OP_TELL_ABORT),

	ROW(IN(DESTINATION_PREPARING), ON(GUEST_PREPARED), NONE, DESTINATION_RESTORING,
	    OP_SEND_PREPARED, OP_TIMER_PROGRESS),
	ROW(IN(DESTINATION_RESTORING), ON(GUEST_PROGRESS), NONE, HANDOVER_SAME, OP_SEND_PROGRESS,
	    OP_TIMER_PROGRESS),
	ROW(IN(DESTINATION_RESTORING), ON(GUEST_READY), NONE, DESTINATION_READY, OP_SEND_READY,
	    OP_TIMER_RETRY),
	ROW(UNVOTED, FAILS, NONE, DESTINATION_DONE, OP_TIMER_CLEAR, OP_SEND_FAILED),
	ROW(UNVOTED, ON(TIMER) | ON(DOWN), NONE, DESTINATION_GIVING_UP, OP_TIMER_CLEAR,
	    OP_TELL_ABORT),
	ROW(UNVOTED | IN(DESTINATION_READY), ON(ABORT), NONE, DESTINATION_KILLING, OP_TIMER_CLEAR,
	    OP_TELL_ABORT),

	ROW(IN(DESTINATION_GIVING_UP), ON(GUEST_FINISHED) | FAILS, NONE, DESTINATION_DONE,
	    OP_SEND_FAILED),

	ROW(IN(DESTINATION_READY), ON(TIMER), NONE, HANDOVER_SAME, OP_SEND_QUERY, OP_TIMER_RETRY),
	ROW(IN(DESTINATION_READY), ON(UP), NONE, HANDOVER_SAME, OP_SEND_READY),
	ROW(IN(DESTINATION_READY), ON(COMMIT), NONE, DESTINATION_THAWING, OP_TIMER_CLEAR,
	    OP_TELL_COMMIT),
	ROW(IN(DESTINATION_READY), FAILS, NONE, DESTINATION_DONE, OP_TIMER_CLEAR, OP_SEND_FAILED),

	ROW(IN(DESTINATION_KILLING), ON(GUEST_FINISHED) | FAILS, NONE, DESTINATION_DONE,
	    OP_SEND_FINISHED),
	ROW(IN(DESTINATION_THAWING), ON(GUEST_FINISHED) | ON(GUEST_ENDED), NONE, DESTINATION_DONE,
	    OP_SEND_FINISHED),
	ROW(IN(DESTINATION_THAWING), FAILS, NONE, DESTINATION_DONE, OP_SEND_FAILED),
};

const struct handover_table handover_destination_table = {
	.name = "destination",
	.states = states,
	.state_count = DESTINATION_STATES,
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
};
