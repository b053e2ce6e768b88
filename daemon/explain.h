/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer to mosixctl explain. */
#ifndef MOSIX_DAEMON_EXPLAIN_H
#define MOSIX_DAEMON_EXPLAIN_H

#include "proto/mosix.pb-c.h"

struct job;
struct mosixd;
struct requester;

/* What keeps it from moving, what would be decided now, and what was decided of it. @j: NULL if it
 * has ended meanwhile. */
void explain_answer(struct mosixd *d, struct job *j, const struct requester *who,
		    const Mosix__GuestChecked *m);

#endif
