/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gossip on the network: policy/gossip.h on the UDP port with the number of the TCP port, sealed
 * (daemon/gossip_session.h). What it finds out ends up in the table of nodes.
 */
#ifndef MOSIX_DAEMON_GOSSIP_IO_H
#define MOSIX_DAEMON_GOSSIP_IO_H

#include "common/err.h"
#include "policy/gossip.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct mosixd;
struct node;

/* Starts it. 0 or negative. */
int gossip_io_new(struct mosixd *d, struct err *e);
void gossip_io_free(struct mosixd *d);
/* Map or settings have changed. */
void gossip_io_sync(struct mosixd *d);
/* Gone from the map: no member, unless it is heard of again. */
void gossip_io_forget(struct node *n);
/* Tells the others that this node goes in order; nothing is sent afterwards. */
void gossip_io_leave(struct mosixd *d);

enum gossip_state gossip_io_state(const struct node *n, uint32_t *ret_incarnation);
/* As last gossiped, of this node as last told. False: nothing known. */
bool gossip_io_facts(const struct node *n, struct node_facts *ret);
/* Nodes alive or suspect, this one counted; at least 1. */
uint32_t gossip_io_alive(struct mosixd *d);
/* gossip_health() */
uint32_t gossip_io_health(struct mosixd *d);

/* gossip_join.c: the number of a node that is not in the map, and the address that others are to
 * use. From /var/lib/mosix/node, else asked of the seeds, which takes up to 3 s. */
int gossip_join(const struct config *c, uint32_t *ret_number, struct in_addr *ret_addr,
		struct err *e);

#endif
