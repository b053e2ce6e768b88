/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What home makes of a GuestList. The journal is the authority: it names one copy of each job, and
 * what it does not name must go.
 */
#include "policy/reconcile.h"

static bool is_jobs_copy(const struct handover_job *job, uint32_t node,
			 const struct reconcile_guest *guest)
{
	return job->gen != 0 && job->job == guest->job && job->gen == guest->gen &&
	       job->node == node;
}

/* A copy that runs: its generation was committed, so (job, gen) names it and no other. */
static enum reconcile_verdict running(const struct handover_job *job, uint32_t node,
				      const struct reconcile_guest *guest, bool *impossible)
{
	if (is_jobs_copy(job, node, guest))
		return RECONCILE_KEEP;
	*impossible = job->gen != 0 && guest->gen >= job->gen;
	return RECONCILE_KILL;
}

/* A copy in a move: it is told what has become of the move. Killing it by (job, gen) might hit a
 * later try of the same generation. */
static enum reconcile_verdict moving(const struct handover_job *job, uint32_t node,
				     const struct reconcile_guest *guest, bool source)
{
	struct handover_ref ref = {
		.move = guest->move,
		.job = guest->job,
		.gen = source ? guest->gen + 1 : guest->gen,
	};
	bool runs = handover_is_current(job, &ref, node, source);

	return runs == source ? RECONCILE_ABORT : RECONCILE_COMMIT;
}

enum reconcile_verdict reconcile_guest(const struct handover_job *job, uint64_t arbiter,
				       uint32_t node, const struct reconcile_guest *guest,
				       bool *ret_impossible)
{
	enum reconcile_verdict verdict = RECONCILE_KEEP;
	bool impossible = false;
	bool arbitrated = arbiter != 0 && guest->move == arbiter;

	switch (guest->state) {
	case HANDOVER_COPY_STARTING:
	case HANDOVER_COPY_RUNNING:
		verdict = running(job, node, guest, &impossible);
		break;
	case HANDOVER_COPY_ENDED:
		verdict = is_jobs_copy(job, node, guest) ? RECONCILE_ENDED : RECONCILE_ACK;
		break;
	case HANDOVER_COPY_DUMPING:
		/* Has not voted, so it may run again by itself: a decision would not hold it. */
		if (!arbitrated)
			verdict = is_jobs_copy(job, node, guest) ? RECONCILE_ABORT : RECONCILE_KILL;
		break;
	case HANDOVER_COPY_DUMPED:
		if (!arbitrated)
			verdict = moving(job, node, guest, true);
		break;
	case HANDOVER_COPY_RESTORING:
	case HANDOVER_COPY_READY:
		if (!arbitrated)
			verdict = moving(job, node, guest, false);
		break;
	case HANDOVER_COPY_UNKNOWN:
	case HANDOVER_COPY_ABSENT:
		break;
	}

	if (ret_impossible)
		*ret_impossible = impossible;
	return verdict;
}

/* A copy of the right generation is not the one if another move made it, or if it is not yet voted
 * for: a commit needs the vote. */
static bool is_listed(const struct handover_job *job, const struct reconcile_guest *guest)
{
	if (guest->job != job->job || guest->gen != job->gen)
		return false;
	if (guest->state == HANDOVER_COPY_READY)
		return guest->move == job->move;
	return guest->state != HANDOVER_COPY_RESTORING;
}

bool reconcile_is_missing(const struct handover_job *job, uint32_t node,
			  const struct reconcile_guest *guests, size_t count)
{
	if (job->gen == 0 || job->node != node)
		return false;
	for (size_t i = 0; i < count; i++)
		if (is_listed(job, &guests[i]))
			return false;
	return true;
}
