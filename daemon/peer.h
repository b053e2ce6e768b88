/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links to the other daemons. A link counts once both Hellos were good; node_went_up()
 * (daemon/dispatch.h) is told then, and node_went_down() when it ends.
 */
#ifndef MOSIX_DAEMON_PEER_H
#define MOSIX_DAEMON_PEER_H

#include <netinet/in.h>
#include <stdint.h>

struct conn;
struct mosixd;
struct node;
struct peer;

/* An accepted connection behind its preamble; takes @fd. */
void peer_accept(struct mosixd *d, int fd, struct in_addr from);
/* A connection that we made, behind its preamble; takes @fd. NULL = it could not be used. The
 * node's dial hears of its end by dial_lost(). */
struct peer *peer_dialled(struct node *n, int fd);
void peer_drop(struct peer *p, const char *why);
struct conn *peer_conn(struct peer *p);
/* How many links from @addr, and how many at all, are not up yet. */
unsigned int peer_count_waiting(struct mosixd *d, struct in_addr addr, unsigned int *ret_all);

#endif
