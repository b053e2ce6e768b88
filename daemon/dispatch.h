/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages from other nodes (and from this node to itself): checked, unpacked and handed to the
 * part that they are for, together with the news that a link came up or went down.
 */
#ifndef MOSIX_DAEMON_DISPATCH_H
#define MOSIX_DAEMON_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mosixd;
struct node;

/* 0, or -EPROTO when @from sent what it must not: the link is to be dropped. */
int dispatch(struct mosixd *d, uint32_t from, uint16_t type, const uint8_t *body, size_t len);

/* The link to it. */
void node_went_up(struct node *n);
void node_went_down(struct node *n);

/* Gossip's word: it is alive (again, or for the first time); it is dead, or has @left in order; its
 * address or name was found. */
void node_came_alive(struct node *n);
void node_died(struct node *n, bool left);
void node_was_found(struct node *n);

/* Queues a message from this node to itself; it is dispatched from the loop. */
int local_new(struct mosixd *d);
void local_free(struct mosixd *d);
int local_send(struct mosixd *d, uint16_t type, const void *body, size_t len);

#endif
