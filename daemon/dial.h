/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps a link to one node: connects, and again after 0.2 s to 1 s when it fails. Of two nodes
 * the one with the lower number dials.
 */
#ifndef MOSIX_DAEMON_DIAL_H
#define MOSIX_DAEMON_DIAL_H

#include <stdbool.h>

struct dial;
struct node;
struct peer;

int dial_new(struct dial **ret, struct node *n);
/* Also drops a link that is not up yet. NULL is fine; returns NULL. */
struct dial *dial_free(struct dial *dl);
/* The link @p ended (@was_up) or never came up. @dl may be NULL. */
void dial_lost(struct dial *dl, struct peer *p, bool was_up);

#endif
