/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decisions for people. */
#include "daemon/decision.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <utlist.h>

void decision_pack(Mosix__Decision *ret, const struct balance_decision *dec, uint32_t from)
{
	mosix__decision__init(ret);
	ret->has_reason = ret->has_from = ret->has_to = ret->has_at = true;
	ret->reason = dec->reason;
	ret->from = from;
	ret->to = dec->to;
	ret->at = (uint64_t)time(NULL);
	ret->has_cost_here = ret->has_cost_there = ret->has_threshold = true;
	ret->cost_here = dec->cost_here;
	ret->cost_there = dec->cost_there;
	ret->threshold = dec->threshold;
	ret->has_load_here = ret->has_load_there = true;
	ret->load_here = dec->load_here;
	ret->load_there = dec->load_there;
	ret->has_move_ms = ret->has_age_needed_ms = true;
	ret->move_ms = dec->move_ms;
	ret->age_needed_ms = dec->age_needed_ms;
}

void decision_copy(Mosix__Decision *to, const Mosix__Decision *from)
{
	*to = *from;
	to->text = NULL;
	/* Fields of a newer version are in the message that @from is part of. */
	to->base.n_unknown_fields = 0;
	to->base.unknown_fields = NULL;
}

/* What each reason means; those who move and those who stay are said alike. */
static const char *const sentences[BALANCE_REASONS] = {
	[BALANCE_NOTHING] = "Nothing is better than where it is",
	[BALANCE_LOAD] = "It costs less elsewhere",
	[BALANCE_MEMORY] = "Memory runs out where it is",
	[BALANCE_OWNER] = "Guests make room for the owner's jobs",
	[BALANCE_DRAIN] = "The node where it is is drained",
	[BALANCE_FILES] = "It goes to the files that it works on",
	[BALANCE_HOME] = "It starts at home, which has little to do",
	[BALANCE_BEST] = "It starts where it costs least",
	[BALANCE_ONLY] = "It starts where it can: nothing else may have it, or has as much room",
	[BALANCE_STAYS_LOCKED] = "It stays: it is locked to where it is",
	[BALANCE_STAYS_RESIDENCY] = "It stays: it has just come there",
	[BALANCE_STAYS_COST] = "It stays: no node is cheaper by enough",
	[BALANCE_STAYS_YOUNG] = "It stays: it has not run for long enough to be worth a move",
	[BALANCE_STAYS_NOWHERE] = "It stays: no other node may take it",
	[BALANCE_STAYS_BUSY] = "It stays for now: another job is leaving its node",
	[BALANCE_STAYS_UNMOVABLE] = "It stays: it could not move",
	[BALANCE_STAYS_OFF] = "It stays: balancing is off where it is",
};

void decision_text(struct mosixd *d, const Mosix__Decision *m, char text[ERR_MAX])
{
	const char *s = m->reason < BALANCE_REASONS ? sentences[m->reason] : NULL;

	(void)d;
	snprintf(text, ERR_MAX, "%s", s ? s : "For a reason that this node does not know");
}

void decision_log(struct mosixd *d, uint64_t job, const Mosix__Decision *m, const char *what)
{
	log_info("Job %s %s from %s to %s (%s): cost here %.3g, there %.3g, threshold %.3g; load "
		 "here %u, there %u; a move takes %u ms, age needed %u ms",
		 jobid_str(job).s, what, node_title(d, m->from), node_title(d, m->to),
		 balance_reason_name((enum balance_reason)m->reason), m->cost_here, m->cost_there,
		 m->threshold, m->load_here, m->load_there, m->move_ms, m->age_needed_ms);
}

void decision_keep(struct job *j, const Mosix__Decision *m, const char *text)
{
	struct decision_note *n, *tmp;
	unsigned int count;

	DL_COUNT(j->decisions, tmp, count);
	if (count >= DECISIONS_KEPT) {
		n = j->decisions;
		DL_DELETE(j->decisions, n);
	} else {
		n = malloc(sizeof(*n));
		if (!n)
			return;
	}
	decision_copy(&n->d, m);
	snprintf(n->text, sizeof(n->text), "%s", text);
	n->d.text = n->text;
	DL_APPEND(j->decisions, n);
}

void decisions_done(struct job *j)
{
	struct decision_note *n, *tmp;

	DL_FOREACH_SAFE (j->decisions, n, tmp)
		free(n);
	j->decisions = NULL;
}
