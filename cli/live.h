/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes and jobs as they are now, for what is shown again and again: asked for once in an interval,
 * without ever keeping the keys waiting.
 */
#ifndef MOSIX_CLI_LIVE_H
#define MOSIX_CLI_LIVE_H

#include "cli/asker.h"
#include <stdbool.h>
#include <stdint.h>

struct live {
	int interval_ms;
	bool wants_jobs; /* else the nodes alone */
	bool all;        /* every user's jobs */
	struct asker nodes_asker, jobs_asker, action;
	Mosix__Reply *nodes, *jobs; /* the last that came; NULL: none yet */
	struct err problem;         /* why nothing newer comes; "" = it does */
	int64_t next_ms;            /* when to ask again */
	uint32_t failures;
};

void live_init(struct live *l, int interval_ms);
void live_done(struct live *l);
/* Ask as soon as possible. */
void live_hurry(struct live *l);
/* All that is shown has come at least once, or cannot be had. */
bool live_ready(const struct live *l);

/* Waits for keys on @fd (-1: for none), news or the time to ask. *ret_answer: an answer to what
 * l->action was asked, or NULL; if there will be none, it is an error made here. */
void live_wait(struct live *l, int fd, Mosix__Reply **ret_answer);
/* An answer that was never given: of error @r with that text, msg_free(). NULL when out of memory.
 */
Mosix__Reply *live_failure(int r, const char *text);

#endif
