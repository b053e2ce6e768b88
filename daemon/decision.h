/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decision with its numbers, for messages, logs and people; and the last ones about each job,
 * kept at its home until the job ends.
 */
#ifndef MOSIX_DAEMON_DECISION_H
#define MOSIX_DAEMON_DECISION_H

#include "common/err.h"
#include "policy/balance.h"
#include "proto/mosix.pb-c.h"

#define DECISIONS_KEPT 8u

struct job;
struct mosixd;

struct decision_note {
	Mosix__Decision d; /* its text is the one here */
	char text[256];
	struct decision_note *prev, *next;
};

/* @from: the node that decided. The text stays empty. */
void decision_pack(Mosix__Decision *ret, const struct balance_decision *dec, uint32_t from);
/* The numbers alone, so that @to outlives the message that @from came in. */
void decision_copy(Mosix__Decision *to, const Mosix__Decision *from);
/* One sentence without its full stop. */
void decision_text(struct mosixd *d, const Mosix__Decision *m, char text[ERR_MAX]);
/* One line with all numbers: "Job 1.5 @what from n1 to n2 (load): cost …". */
void decision_log(struct mosixd *d, uint64_t job, const Mosix__Decision *m, const char *what);

/* Keeps it as the job's newest, with @text; drops the oldest. */
void decision_keep(struct job *j, const Mosix__Decision *m, const char *text);
void decisions_done(struct job *j);

#endif
