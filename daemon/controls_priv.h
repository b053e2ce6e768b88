/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the controls share. */
#ifndef MOSIX_DAEMON_CONTROLS_PRIV_H
#define MOSIX_DAEMON_CONTROLS_PRIV_H

#include "daemon/controls.h"
#include "daemon/requests.h"
#include <ev.h>

struct leaving;

/* What is kept. */
struct controls_kept {
	bool drain, block, stay, off;
};

struct controls {
	struct controls_kept kept;
	struct leaving *waiting; /* who wants to know when all have left */
	struct ev_timer timer;   /* runs while somebody waits */
};

/* controls_wait.c */
/* @who waits until what @op is about has left (drain, expel) or come home (bring). */
void controls_wait(struct mosixd *d, const struct requester *who, const Mosix__Request *m);
/* Nobody waits for it any more: it was taken back. */
void controls_wait_end(struct mosixd *d, Mosix__RequestOp op, const char *why);
bool controls_expelling(const struct mosixd *d);
void controls_wait_free(struct mosixd *d);

#endif
