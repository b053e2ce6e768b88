/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What users ask by mosixctl. Answered here, or by the home node of the job that it is about. A
 * user sees only his own jobs; to him all others do not exist.
 */
#ifndef MOSIX_DAEMON_REQUESTS_H
#define MOSIX_DAEMON_REQUESTS_H

#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

struct client;
struct mosixd;
struct node;

/* Who waits for an answer: a client here, or one of another node. Plain values: the client may be
 * gone when the answer is there. */
struct requester {
	uint64_t client; /* serial; 0 = none */
	uint32_t node;   /* that forwarded it; 0 = none */
	uint64_t req;    /* its number there */
	uint32_t uid;
	bool automatic; /* nobody: a decision of this cluster, which gives way to a user's word */
	bool bring;     /* the same, because a user wants his jobs back */
};

int requests_new(struct mosixd *d);
void requests_free(struct mosixd *d);
/* Links to those whose answer is awaited are needed. */
void requests_mark_nodes(struct mosixd *d);

void request_from_client(struct client *c, Mosix__Request *m);
/* Sends @m; the last one unless @m->more. Its req is set here. */
void request_answer(struct mosixd *d, const struct requester *who, Mosix__Reply *m);
void request_fail(struct mosixd *d, const struct requester *who, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

int requests_on_forward(struct mosixd *d, uint32_t from, Mosix__Forward *m);
int requests_on_reply(struct mosixd *d, uint32_t from, Mosix__Reply *m);
int requests_on_checked(struct mosixd *d, uint32_t from, Mosix__GuestChecked *m);
/* Those that wait for an answer from it get none. */
void requests_node_down(struct node *n);

#endif
