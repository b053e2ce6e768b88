/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What monitoring reads: counters that the other parts feed, and everything as OpenMetrics text
 * (mosixctl metrics, and by HTTP if the configuration says so).
 */
#ifndef MOSIX_DAEMON_METRICS_H
#define MOSIX_DAEMON_METRICS_H

#include "policy/balance.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

struct mosixd;
struct requester;

int metrics_new(struct mosixd *d);
void metrics_free(struct mosixd *d);
/* After the configuration: listens, or no longer, as [metrics] listen says. That it cannot is
 * logged and stops nothing. */
void metrics_listen(struct mosixd *d);

/* A job whose home is here runs. */
void metrics_job_started(struct mosixd *d, bool elsewhere);
/* A move of a job whose home is here has ended; @by_user: somebody asked for it. */
void metrics_move_done(struct mosixd *d, bool by_user, uint64_t total_usec, uint64_t downtime_usec,
		       uint64_t bytes);
void metrics_move_failed(struct mosixd *d, bool by_user);
/* Balancing on this node decided something about a job that runs or starts here. */
void metrics_decision(struct mosixd *d, enum balance_reason reason);
/* Sent and received over TCP by a job here, since the last time. */
void metrics_job_net(struct mosixd *d, uint64_t bytes);
/* Datagrams of gossip. */
void metrics_gossip(struct mosixd *d, bool sent, uint64_t bytes);
/* One that was not authentic, or a repetition. */
void metrics_gossip_refused(struct mosixd *d);

/* What mosix-mfsd has answered; 0 or -ENOMEM. */
int metrics_mfs_served(struct mosixd *d, const Mosix__MfsServed *m);

/* Everything, free(); NULL when out of memory. */
char *metrics_text(struct mosixd *d);
/* Answers OP_METRICS. */
void metrics_answer(struct mosixd *d, const struct requester *who);

#endif
