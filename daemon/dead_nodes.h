/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of jobs when a node dies, [cluster] grace seconds being G:
 *
 * - G after a guest's home was lost its copy is frozen, after 2 G it is killed. When home comes
 * back in between, it goes on.
 * - 2 G + 10 s after the node where a job runs was lost, home reports the job lost to its deputy.
 *   By then the copy is dead even if it was only the network that failed.
 *
 * A node is lost when there is no link to it and gossip does not have it alive.
 */
#ifndef MOSIX_DAEMON_DEAD_NODES_H
#define MOSIX_DAEMON_DEAD_NODES_H

struct mosixd;
struct node;

/* Each step of gossip. */
void dead_nodes_tick(struct mosixd *d);
/* The link to it is up. */
void dead_nodes_back(struct node *n);

#endif
