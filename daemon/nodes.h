/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of nodes: every node in the map or found by gossip, this one too, with what is known of
 * it and the link to it. Messages to a node go through here; those to this node come back from the
 * loop, so that home and executing side need not care whether they are the same machine.
 */
#ifndef MOSIX_DAEMON_NODES_H
#define MOSIX_DAEMON_NODES_H

#include "common/err.h"
#include "daemon/links.h"
#include "policy/facts.h"
#include "proto/mosix.pb-c.h"
#include <netinet/in.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

struct conn;
struct dial;
struct mosixd;
struct peer;

struct node {
	struct mosixd *d;
	uint32_t number;
	struct in_addr addr;
	char name[64];
	bool self;
	bool in_map;           /* false: found by gossip, or left over from an earlier map */
	bool found;            /* gossip told its address */
	uint16_t port;         /* TCP and UDP */
	uint64_t identity;     /* of the machine, drawn when it joined; 0 = not known */
	bool busy;             /* it has jobs or guests, as it said when we met */
	int64_t asked_ms;      /* when its address was asked for */
	struct node_link link; /* daemon/links.h */
	struct dial *dial;     /* for nodes that we dial */
	struct peer *peer;     /* the link, once both Hellos were good */
	uint64_t epoch;        /* counts the links, from 1 on */
	int64_t lost_ms;       /* daemon/dead_nodes.c: since when it is lost; 0 = it is not */
	bool reported_lost;    /* … and the jobs on it were given up */
	Mosix__NodeInfo *info; /* of others, as last told; see node_info() */
	Mosix__Load load;
	int64_t load_usec;     /* when it was told */
	char problem[ERR_MAX]; /* why there is no link; "" = none or not tried */
	UT_hash_handle hh;
};

int nodes_new(struct mosixd *d);
void nodes_free(struct mosixd *d);
/* Brings the table in line with the map: new nodes are dialled, changed and gone ones dropped. */
int nodes_sync(struct mosixd *d);

struct node *nodes_first(struct mosixd *d);
unsigned int nodes_count(struct mosixd *d);
void nodes_sort(struct mosixd *d, int (*cmp)(struct node *a, struct node *b));
struct node *nodes_find(struct mosixd *d, uint32_t number);
struct node *nodes_find_addr(struct mosixd *d, struct in_addr addr);
/* The node with that number, which is added if need be; NULL if there is no memory. */
struct node *nodes_get(struct mosixd *d, uint32_t number);
/* Gossip says where it is. Of nodes in the map only the port counts. @name: NULL = not known. */
void nodes_found(struct node *n, struct in_addr addr, uint16_t port, const char *name);
/* One of the others that gossip has alive and whose address is known; NULL = there is none. */
struct node *nodes_random_alive(struct mosixd *d);
/* Is its address known? */
bool node_is_known(const struct node *n);
/* Is it to be shown? Not those that gossip has forgotten, too. */
bool node_is_listed(const struct node *n);
/* How many are alive, this one too. */
uint32_t nodes_alive(struct mosixd *d);
/* What a user typed: number, name, address. */
struct node *nodes_find_text(struct mosixd *d, const char *text);
/* True for this node, for those with a link and, where links are made when they are needed, for
 * those that are alive: messages can be sent to it. */
bool node_up(const struct node *n);
/* True for this node and for those with a link. */
bool node_is_linked(const struct node *n);
/* Number of the link that a message sent now goes over. */
uint64_t node_epoch(const struct node *n);
/* What it is; NULL = never heard of. */
const Mosix__NodeInfo *node_info(const struct node *n);
/* What it says of itself, fresh. */
void node_take_load(struct node *n, const Mosix__Load *load);
/* "n2" or "node 2", for sentences. Valid until the next call. */
const char *node_title(struct mosixd *d, uint32_t number);
void node_set_problem(struct node *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0, or -ENOTCONN and other negative numbers: not sent. */
int node_send(struct mosixd *d, uint32_t number, uint16_t type, const ProtobufCMessage *m);
int node_send_raw(struct mosixd *d, uint32_t number, uint16_t type, const void *body, size_t len);
/* The connection to a remote node, for flow control; NULL if there is none. */
struct conn *node_conn(struct mosixd *d, uint32_t number);

#endif
