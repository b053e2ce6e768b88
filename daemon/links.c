/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links that are made when they are needed. */
#include "daemon/links.h"

#include "common/log.h"
#include "daemon/conn.h"
#include "daemon/controls.h"
#include "daemon/dial.h"
#include "daemon/dispatch.h"
#include "daemon/gossip_io.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include "daemon/peer.h"
#include "daemon/requests.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define KEEP_MS 60000
#define FAILED_MS 5000 /* for as long it does not count as reachable */
#define QUEUE_MAX 256
#define QUEUE_BYTES_MAX (8u << 20)

struct link_message {
	struct link_message *next;
	uint16_t type;
	size_t len;
	uint8_t body[];
};

static int64_t now_ms(void)
{
	return clock_usec() / 1000;
}

static bool may_be_alive(const struct node *n)
{
	enum gossip_state s = gossip_io_state(n, NULL);

	return s == GOSSIP_ALIVE || s == GOSSIP_SUSPECT || (s == GOSSIP_UNKNOWN && n->in_map);
}

bool link_is_wanted(const struct node *n)
{
	/* Those that gossip has dead are not dialled: when they come back, gossip says so. */
	if (n->self || !node_is_known(n) || !may_be_alive(n))
		return false;
	return n->d->mesh || n->link.queue || n->link.shared ||
	       now_ms() - n->link.used_ms < KEEP_MS;
}

bool link_can_be_made(const struct node *n)
{
	enum gossip_state s = gossip_io_state(n, NULL);

	return !n->d->mesh && !n->self && node_is_known(n) &&
	       (s == GOSSIP_ALIVE || s == GOSSIP_SUSPECT) &&
	       (!n->link.failed_ms || now_ms() - n->link.failed_ms >= FAILED_MS);
}

void link_used(struct node *n)
{
	n->link.used_ms = now_ms();
}

/* ------------------------------------------------------------------ messages that wait */

int link_queue(struct node *n, uint16_t type, const void *body, size_t len)
{
	struct node_link *l = &n->link;
	struct link_message *m;

	if (l->queued >= QUEUE_MAX || l->queued_bytes + len > QUEUE_BYTES_MAX)
		return -ENOTCONN;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOMEM;
	m->type = type;
	m->len = len;
	if (len)
		memcpy(m->body, body, len);
	LL_APPEND(l->queue, m);
	l->queued++;
	l->queued_bytes += len;
	if (!n->dial)
		(void)dial_new(&n->dial, n);
	return 0;
}

void link_make(struct node *n)
{
	link_used(n);
	if (!n->dial && !n->peer)
		(void)dial_new(&n->dial, n);
}

static struct link_message *take(struct node_link *l)
{
	struct link_message *m = l->queue;

	if (m) {
		LL_DELETE(l->queue, m);
		l->queued--;
		l->queued_bytes -= m->len;
	}
	return m;
}

void link_flush(struct node *n)
{
	struct link_message *m;

	n->link.failed_ms = 0;
	/* A failure to send ends the link from the loop, not here. */
	while (n->peer && (m = take(&n->link))) {
		conn_send_raw(peer_conn(n->peer), m->type, m->body, m->len);
		free(m);
	}
}

void link_forget(struct node *n)
{
	struct link_message *m;

	while ((m = take(&n->link)))
		free(m);
}

void link_failed(struct node *n)
{
	bool lost = n->link.queue != NULL;

	if (n->d->mesh || n->peer)
		return;
	n->link.failed_ms = now_ms();
	link_forget(n);
	jobs_link_failed(n);
	moves_link_failed(n);
	if (lost)
		node_went_down(n);
}

/* ------------------------------------------------------------------ time */

static void count(struct mosixd *d)
{
	uint32_t alive = 1;

	for (struct node *n = nodes_first(d); n; n = n->hh.next)
		alive += !n->self && node_is_known(n) && may_be_alive(n);
	d->mesh = alive <= d->config.conf.mesh;
}

void links_mark(struct mosixd *d, uint32_t node)
{
	struct node *n = nodes_find(d, node);

	if (n)
		n->link.shared = true;
}

static void mark_shared(struct mosixd *d)
{
	for (struct node *n = nodes_first(d); n; n = n->hh.next)
		n->link.shared = false;
	/* At the start there are none yet. */
	if (d->jobs)
		jobs_mark_nodes(d);
	if (d->guests)
		guests_mark_nodes(d);
	if (d->requests)
		requests_mark_nodes(d);
	if (d->controls)
		controls_mark_nodes(d);
}

static void look_at(struct node *n)
{
	bool wanted = link_is_wanted(n);
	bool ours = n->number > n->d->config.self || !n->d->mesh;

	if (wanted && ours && !n->dial && !n->peer) {
		(void)dial_new(&n->dial, n);
	} else if (!wanted && n->dial && !n->peer) {
		n->dial = dial_free(n->dial);
	} else if (!wanted && n->peer && may_be_alive(n)) {
		log_debug("The link to %s is not needed now", node_title(n->d, n->number));
		n->dial = dial_free(n->dial);
		peer_drop(n->peer, "it was not needed for a minute");
	}
}

void links_tick(struct mosixd *d)
{
	struct node *n, *tmp;

	count(d);
	if (!d->mesh)
		mark_shared(d);
	for (n = nodes_first(d); n; n = tmp) {
		tmp = n->hh.next;
		look_at(n);
	}
}
