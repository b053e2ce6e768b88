/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of nodes. */
#include "daemon/nodes.h"

#include "common/cleanup.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/dial.h"
#include "daemon/dispatch.h"
#include "daemon/gossip_io.h"
#include "daemon/links.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/peer.h"
#include "proto/messages.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nodes {
	struct node *table;
};

int nodes_new(struct mosixd *d)
{
	d->nodes = calloc(1, sizeof(*d->nodes));
	return d->nodes ? 0 : -ENOMEM;
}

static void node_unlink(struct node *n, const char *why)
{
	link_forget(n);
	n->dial = dial_free(n->dial);
	if (n->peer)
		peer_drop(n->peer, why);
}

void nodes_free(struct mosixd *d)
{
	struct node *n, *tmp;

	if (!d->nodes)
		return;
	HASH_ITER (hh, d->nodes->table, n, tmp) {
		node_unlink(n, "mosixd ends");
		HASH_DEL(d->nodes->table, n);
		msg_free(n->info);
		free(n);
	}
	free(d->nodes);
	d->nodes = NULL;
}

static struct node *node_add(struct mosixd *d, uint32_t number)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->d = d;
	n->number = number;
	n->self = number == d->config.self;
	n->epoch = n->self;
	n->port = d->config.conf.port;
	mosix__load__init(&n->load);
	HASH_ADD(hh, d->nodes->table, number, sizeof(n->number), n);
	return n;
}

struct node *nodes_get(struct mosixd *d, uint32_t number)
{
	struct node *n = nodes_find(d, number);

	return n || number < 1 || number > UINT16_MAX ? n : node_add(d, number);
}

static int node_sync(struct mosixd *d, const struct map_node *m)
{
	struct node *n = nodes_get(d, m->number);

	if (!n)
		return -ENOMEM;
	if (node_is_known(n) && n->addr.s_addr != m->addr.s_addr)
		node_unlink(n, "its address changed in the map");
	n->in_map = true;
	n->addr = m->addr;
	snprintf(n->name, sizeof(n->name), "%s", m->name);
	return 0;
}

/* This node need not be in the map. */
static int sync_self(struct mosixd *d)
{
	const struct map_node *self = config_self(&d->config);
	struct node *n = nodes_get(d, self->number);

	if (!n)
		return -ENOMEM;
	n->found = true;
	n->addr = self->addr;
	snprintf(n->name, sizeof(n->name), "%s", self->name);
	return 0;
}

int nodes_sync(struct mosixd *d)
{
	struct node *n, *tmp;
	int r = 0;

	HASH_ITER (hh, d->nodes->table, n, tmp) {
		if (n->in_map && !map_by_number(&d->config.map, n->number)) {
			n->in_map = n->found = false;
			node_unlink(n, "it is no longer in the map");
			gossip_io_forget(n);
		}
	}
	r = sync_self(d);
	for (uint32_t i = 0; i < d->config.map.count && r == 0; i++)
		r = node_sync(d, &d->config.map.nodes[i]);
	gossip_io_sync(d);
	links_tick(d);
	return r;
}

/* ------------------------------------------------------------------ what gossip finds */

bool node_is_known(const struct node *n)
{
	return n->in_map || n->found;
}

bool node_is_listed(const struct node *n)
{
	return n->in_map || n->self || (n->found && gossip_io_state(n, NULL) != GOSSIP_UNKNOWN);
}

void nodes_found(struct node *n, struct in_addr addr, uint16_t port, const char *name)
{
	bool changed = !node_is_known(n) || (!n->in_map && n->addr.s_addr != addr.s_addr);

	if (n->self)
		return;
	n->port = port;
	if (n->in_map)
		return;
	if (changed && node_is_known(n))
		node_unlink(n, "its address changed");
	changed |= name && strcmp(n->name, name) != 0;
	n->found = true;
	n->addr = addr;
	if (name)
		snprintf(n->name, sizeof(n->name), "%s", name);
	if (changed)
		node_was_found(n);
}

struct node *nodes_random_alive(struct mosixd *d)
{
	struct node *n, *ret = NULL;
	unsigned int seen = 0;

	for (n = d->nodes->table; n; n = n->hh.next) {
		enum gossip_state s = gossip_io_state(n, NULL);

		if (n->self || !node_is_known(n) || (s != GOSSIP_ALIVE && s != GOSSIP_SUSPECT))
			continue;
		/* Each as likely as the others; not worth better chance. */
		if ((unsigned int)random() % ++seen == 0)
			ret = n;
	}
	return ret;
}

uint32_t nodes_alive(struct mosixd *d)
{
	return gossip_io_alive(d);
}

/* ------------------------------------------------------------------ finding */

struct node *nodes_first(struct mosixd *d)
{
	return d->nodes->table;
}

unsigned int nodes_count(struct mosixd *d)
{
	return HASH_COUNT(d->nodes->table);
}

void nodes_sort(struct mosixd *d, int (*cmp)(struct node *a, struct node *b))
{
	HASH_SORT(d->nodes->table, cmp);
}

struct node *nodes_find(struct mosixd *d, uint32_t number)
{
	struct node *n;

	HASH_FIND(hh, d->nodes->table, &number, sizeof(number), n);
	return n;
}

struct node *nodes_find_addr(struct mosixd *d, struct in_addr addr)
{
	struct node *n;

	for (n = d->nodes->table; n; n = n->hh.next)
		if (node_is_known(n) && n->addr.s_addr == addr.s_addr)
			return n;
	return NULL;
}

struct node *nodes_find_text(struct mosixd *d, const char *text)
{
	const struct map_node *m = map_by_text(&d->config.map, text);
	struct in_addr a;
	struct node *n;

	if (m)
		return nodes_find(d, m->number);
	if (inet_pton(AF_INET, text, &a) == 1)
		return nodes_find_addr(d, a);
	for (n = d->nodes->table; n && *text; n = n->hh.next) {
		char number[16];

		snprintf(number, sizeof(number), "%u", n->number);
		if (node_is_known(n) && (!strcmp(n->name, text) || !strcmp(number, text)))
			return n;
	}
	return NULL;
}

bool node_up(const struct node *n)
{
	return node_is_linked(n) || (n && link_can_be_made(n));
}

bool node_is_linked(const struct node *n)
{
	return n && node_is_known(n) && (n->self || n->peer);
}

uint64_t node_epoch(const struct node *n)
{
	return node_is_linked(n) ? n->epoch : n->epoch + 1;
}

const Mosix__NodeInfo *node_info(const struct node *n)
{
	return n->self ? n->d->info : n->info;
}

void node_take_load(struct node *n, const Mosix__Load *load)
{
	if (!n || n->self || !load)
		return;
	load_copy(&n->load, load);
	n->load_usec = clock_usec();
}

const char *node_title(struct mosixd *d, uint32_t number)
{
	static char text[2][96];
	static unsigned int turn;
	struct node *n = nodes_find(d, number);
	char *s = text[turn++ % 2];

	if (n && n->name[0])
		snprintf(s, sizeof(text[0]), "%s", n->name);
	else
		snprintf(s, sizeof(text[0]), "node %u", number);
	return s;
}

void node_set_problem(struct node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->problem, sizeof(n->problem), fmt, ap);
	va_end(ap);
}

int node_send_raw(struct mosixd *d, uint32_t number, uint16_t type, const void *body, size_t len)
{
	struct node *n = nodes_find(d, number);

	if (!node_up(n))
		return -ENOTCONN;
	/* Its peer would close the connection. */
	if (len > message_info(type)->max)
		return -EMSGSIZE;
	if (n->self)
		return local_send(d, type, body, len);
	link_used(n);
	if (!n->peer)
		return link_queue(n, type, body, len);
	return conn_send_raw(peer_conn(n->peer), type, body, len);
}

int node_send(struct mosixd *d, uint32_t number, uint16_t type, const ProtobufCMessage *m)
{
	_cleanup_free_ uint8_t *body = NULL;
	size_t len;
	int r;

	r = msg_pack(m, &body, &len);
	if (r < 0)
		return r;
	return node_send_raw(d, number, type, body, len);
}

struct conn *node_conn(struct mosixd *d, uint32_t number)
{
	struct node *n = nodes_find(d, number);

	return n && n->peer ? peer_conn(n->peer) : NULL;
}
