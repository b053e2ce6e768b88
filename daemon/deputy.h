/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What deputies (mosix-run) say on control.sock, and what they are told. */
#ifndef MOSIX_DAEMON_DEPUTY_H
#define MOSIX_DAEMON_DEPUTY_H

#include "common/chan.h"

struct client;
struct job;

/* 0, or negative: the client broke the rules. */
int deputy_on_frame(struct client *c, struct chan_frame *f);
/* The client is the job's deputy from now on. */
void deputy_attach(struct job *j, struct client *c);
/* Its connection has gone, which does not mean that it has. */
void deputy_detach(struct job *j, struct client *c);
void deputy_tell_moved(struct job *j);
/* JobStarted with an error, to a client without a job. */
void deputy_refuse(struct client *c, uint32_t status, const char *text);

#endif
