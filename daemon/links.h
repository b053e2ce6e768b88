/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which nodes there are links to. Up to [cluster] mesh nodes all have links to all; of two the one
 * with the lower number dials. In a larger cluster a link is made when there is something to send,
 * by either side, is kept while a job is shared or an answer awaited, and is dropped a minute after
 * its last use.
 */
#ifndef MOSIX_DAEMON_LINKS_H
#define MOSIX_DAEMON_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mosixd;
struct node;
struct link_message;

/* Of struct node. */
struct node_link {
	struct link_message *queue; /* waits for the link */
	unsigned int queued;
	size_t queued_bytes;
	int64_t used_ms;   /* last message but Ping, either way */
	int64_t failed_ms; /* last failure to reach it; 0 = none since the last link */
	bool shared;       /* a job of one is at the other, or one waits for the other's answer */
};

/* Each step of gossip, and when something has changed: makes and drops links. */
void links_tick(struct mosixd *d);
/* Is a link to it to be had, or worth trying? */
bool link_is_wanted(const struct node *n);
/* There is none, but one would be made for a message. */
bool link_can_be_made(const struct node *n);
/* Something is about to be sent, or came. */
void link_used(struct node *n);
/* It is needed: in the marking of links that is done each time (links_tick). */
void links_mark(struct mosixd *d, uint32_t node);
/* It is to be made, although nothing is to be sent yet. */
void link_make(struct node *n);
/* A message for when the link is up. 0, -ENOTCONN: too many wait already; -ENOMEM. */
int link_queue(struct node *n, uint16_t type, const void *body, size_t len);
/* The link is up: sends what waited. */
void link_flush(struct node *n);
/* It could not be reached: what waited is lost, and everybody is told as if a link had been. */
void link_failed(struct node *n);
void link_forget(struct node *n);

#endif
