/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of balancing share. */
#ifndef MOSIX_DAEMON_BALANCE_PRIV_H
#define MOSIX_DAEMON_BALANCE_PRIV_H

#include "daemon/balance.h"
#include <ev.h>

struct balancer {
	struct balance *core;
	struct ev_timer timer;
	/* The decision that is being carried out; job 0 = none. */
	struct {
		uint64_t job;
		uint32_t gen, to;
		uint32_t memory; /* MiB */
		int64_t since_usec;
	} asked;
	/* What the view points to, kept to be filled again. */
	struct node_facts *nodes;
	struct job_facts *jobs;
	size_t node_max, job_max;
};

/* balance_view.c: what is known now; valid until the next call. 0 or -ENOMEM. */
int balance_view(struct mosixd *d, struct balance_view *ret);
/* Of this node and its copies alone. */
int balance_view_self(struct mosixd *d, struct balance_view *ret);
void balance_job_facts(const struct guest *g, struct job_facts *ret);

#endif
