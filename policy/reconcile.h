/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What home makes of a GuestList: which copies at that node may stay, which must go, and which
 * jobs are no longer there. Pure.
 */
#ifndef MOSIX_POLICY_RECONCILE_H
#define MOSIX_POLICY_RECONCILE_H

#include "policy/handover.h"

enum reconcile_verdict {
	RECONCILE_KEEP,   /* right as it is, or its arbiter will see to it */
	RECONCILE_ENDED,  /* take its GuestExited: to the arbiter, if any, else the job has ended */
	RECONCILE_ACK,    /* ended, but nobody waits for it: GuestExitedAck */
	RECONCILE_KILL,   /* GuestKill: a running copy that is not the job's */
	RECONCILE_COMMIT, /* MoveDecision(commit) for its move, which has no arbiter */
	RECONCILE_ABORT,  /* MoveDecision(abort) for its move, which has no arbiter */
};

/* One row of GuestList. */
struct reconcile_guest {
	uint64_t job;
	uint32_t gen;
	uint64_t move; /* in states of a move */
	enum handover_copy state;
};

/*
 * @job: the journal's word on the guest's job (gen 0 if there is none). @arbiter: number of the
 * move that has an arbiter, 0 if none. @ret_impossible, if not NULL, tells of a copy that no
 * history without a lost journal explains: log it.
 */
enum reconcile_verdict reconcile_guest(const struct handover_job *job, uint64_t arbiter,
				       uint32_t node, const struct reconcile_guest *guest,
				       bool *ret_impossible);

/*
 * Is the copy that @job names missing in @node's list? Then it is gone: HANDOVER_COPY_GONE for its
 * arbiter, if any, else the job is lost. Jobs whose GuestStart went over this very link must not
 * be asked about: the list may be older.
 */
bool reconcile_is_missing(const struct handover_job *job, uint32_t node,
			  const struct reconcile_guest *guests, size_t count);

#endif
