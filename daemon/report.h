/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that only look: the daemon's state, the nodes, the jobs. */
#ifndef MOSIX_DAEMON_REPORT_H
#define MOSIX_DAEMON_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct mosixd;
struct node;
struct requester;

enum report_state {
	REPORT_UNKNOWN, /* never heard of */
	REPORT_ALIVE,
	REPORT_SUSPECT,
	REPORT_DEAD,
	REPORT_LEFT, /* in order */
	REPORT_STATES,
};

/* What this node believes of another; "alive", … */
enum report_state report_state(const struct node *n);
const char *report_state_name(enum report_state s);
/* Milliseconds since it told its load; false: it never has. */
bool report_age(const struct node *n, uint32_t *ret);

void report_status(struct mosixd *d, const struct requester *who);
void report_nodes(struct mosixd *d, const struct requester *who);
/* Jobs whose home is here and guests that are here: the user's own, or everybody's. */
void report_jobs(struct mosixd *d, const struct requester *who, bool all);

#endif
