/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that only look: the daemon's state, the nodes, the jobs. */
#ifndef MOSIX_DAEMON_REPORT_H
#define MOSIX_DAEMON_REPORT_H

#include <stdbool.h>

struct mosixd;
struct requester;

void report_status(struct mosixd *d, const struct requester *who);
void report_nodes(struct mosixd *d, const struct requester *who);
/* Jobs whose home is here and guests that are here: the user's own, or everybody's. */
void report_jobs(struct mosixd *d, const struct requester *who, bool all);

#endif
