/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What home knows of a job, beside what the node says where it runs. */
#include "daemon/explain.h"

#include "common/cleanup.h"
#include "daemon/decision.h"
#include "daemon/jobs.h"
#include "daemon/requests.h"
#include <errno.h>
#include <utlist.h>

#define LOCKED "It is locked to where it is (mosixctl unlock lets it go)."
#define FROZEN                                                                                    \
	"It is frozen (mosixctl continue lets it run); only somebody's word, or lack of memory, " \
	"moves it."

/* Newest first. */
static size_t add_decisions(const struct job *j, const Mosix__GuestChecked *m,
			    Mosix__Decision *list[DECISIONS_KEPT + 1])
{
	struct decision_note *n;
	size_t count = 0;

	if (m->decision)
		list[count++] = m->decision;
	if (!j || !j->decisions)
		return count;
	/* In such a list the first one's prev is the last. */
	for (n = j->decisions->prev; count <= DECISIONS_KEPT; n = n->prev) {
		list[count++] = &n->d;
		if (n == j->decisions)
			break;
	}
	return count;
}

void explain_answer(struct mosixd *d, struct job *j, const struct requester *who,
		    const Mosix__GuestChecked *m)
{
	_cleanup_free_ char **reasons = calloc(m->n_reasons + 2, sizeof(*reasons));
	Mosix__Decision *decisions[DECISIONS_KEPT + 1];
	Mosix__Reply a = MOSIX__REPLY__INIT;

	if (!reasons) {
		request_fail(d, who, ENOMEM, "Out of memory");
		return;
	}
	a.reasons = reasons;
	if (j && j->spec->lock)
		reasons[a.n_reasons++] = (char *)LOCKED;
	if (j && j->frozen)
		reasons[a.n_reasons++] = (char *)FROZEN;
	for (size_t i = 0; i < m->n_reasons; i++)
		reasons[a.n_reasons++] = m->reasons[i];
	a.has_movable = true;
	a.movable = m->movable && !(j && j->spec->lock);
	a.n_decisions = add_decisions(j, m, decisions);
	a.decisions = decisions;
	request_answer(d, who, &a);
}
