/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What administrators say of this node while it runs: drain, block, stay, balance off. Kept in
 * /var/lib/mosix/controls, so that it holds over restarts of the daemon and of the node. Expelling
 * guests and bringing jobs home are done once and are not kept.
 */
#ifndef MOSIX_DAEMON_CONTROLS_H
#define MOSIX_DAEMON_CONTROLS_H

#include "common/err.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

struct job;
struct mosixd;
struct node;
struct requester;

int controls_new(struct mosixd *d, struct err *e);
void controls_free(struct mosixd *d);

bool controls_drain(const struct mosixd *d); /* everything leaves, nothing comes */
bool controls_block(const struct mosixd *d); /* no jobs of other nodes come */
bool controls_stay(const struct mosixd *d);  /* jobs of this home do not leave by themselves */
bool controls_off(const struct mosixd *d);   /* no balancing: so said, or in mosixd.conf */
/* Guests must leave: somebody waits for that, or there are more than [guests] max. */
bool controls_expel(struct mosixd *d);
/* Tells the samples, and so everybody, what this node takes. */
void controls_publish(struct mosixd *d);

/* Is it a request about a node (or bring), which controls_request() answers? */
bool controls_handles(Mosix__RequestOp op);
/* On the node that it is about. */
void controls_request(struct mosixd *d, const struct requester *who, const Mosix__Request *m);
/* Something has left or has tried to: from the loop, who waits is told, and what is to come home
 * goes on. */
void controls_soon(struct mosixd *d);
/* Is this job to come home because its user waits for that? */
bool controls_bringing(const struct job *j);
/* The link to who asked is needed (link.shared). */
void controls_mark_nodes(struct mosixd *d);
/* Those who asked over that link wait no more. */
void controls_node_down(struct node *n);

#endif
