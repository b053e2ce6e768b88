/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This node's load, as told to the peers with each Ping, to who is refused, and to the home of a
 * job that has ended. */
#ifndef MOSIX_DAEMON_LOAD_H
#define MOSIX_DAEMON_LOAD_H

#include "policy/facts.h"
#include "proto/mosix.pb-c.h"

struct mosixd;

/* As told to node @to; 0: to all. */
void load_facts(struct mosixd *d, uint32_t to, struct node_facts *ret);
void load_fill(struct mosixd *d, uint32_t to, Mosix__Load *ret);
/* Now, not with the next Ping. */
void load_tell(struct mosixd *d, uint32_t node);
void load_from_facts(const struct node_facts *f, Mosix__Load *ret);
/* Takes the numbers alone, not what the message holds beside them. */
void load_copy(Mosix__Load *to, const Mosix__Load *from);

#endif
