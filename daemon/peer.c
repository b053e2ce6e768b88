/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One link to another daemon: TLS handshake, Hello both ways, then messages and a Ping each
 * second. Whatever is wrong with it, it is dropped and the dialling side tries again.
 */
#include "daemon/peer.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/beat.h"
#include "daemon/conn.h"
#include "daemon/dial.h"
#include "daemon/dispatch.h"
#include "daemon/links.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "proto/messages.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PEER_VERSION_MIN 1
#define PEER_VERSION_MAX 1
#define PEER_IDENTITY "peer"
#define HELLO_SECONDS 5.0
#define SILENT_SECONDS 5
#define QUEUE_MAX (64u << 20)

struct peer {
	struct mosixd *d;
	struct node *node; /* of a dialled link; of an accepted one once Hello was good */
	struct conn *conn;
	struct ev_timer deadline; /* until Hello */
	struct ev_periodic beat;  /* then: Ping */
	struct in_addr addr;
	unsigned int silent; /* seconds */
	bool dialled;
	bool up;
	struct peer *prev, *next; /* in waiting_peers until up */
};

static struct peer *peer_free(struct peer *p)
{
	if (!p->up)
		DL_DELETE(p->d->waiting_peers, p);
	ev_timer_stop(p->d->loop, &p->deadline);
	ev_periodic_stop(p->d->loop, &p->beat);
	conn_free(p->conn);
	free(p);
	return NULL;
}

/* The end of a link, for whatever reason. */
static void peer_lost(struct peer *p, const char *why)
{
	struct node *n = p->node;
	bool up = p->up;

	if (up)
		n->peer = NULL;
	/* A node that stays away for the same reason is one line in the log, not one per try. */
	if (!n)
		log_warn("Link from %s: %s", inet_ntoa(p->addr), why);
	else if (!p->d->stopping && (up || strcmp(n->problem, why) != 0))
		log_warn("Link to %s (%s): %s", node_title(p->d, n->number), inet_ntoa(p->addr),
			 why);
	if (n && !n->peer)
		node_set_problem(n, "%s", why);
	if (p->dialled)
		dial_lost(n->dial, p, up);
	up = up && !p->d->stopping;
	peer_free(p);
	if (up)
		node_went_down(n);
}

void peer_drop(struct peer *p, const char *why)
{
	peer_lost(p, why);
}

struct conn *peer_conn(struct peer *p)
{
	return p->conn;
}

unsigned int peer_count_waiting(struct mosixd *d, struct in_addr addr, unsigned int *ret_all)
{
	unsigned int n = 0, all = 0;
	struct peer *p;

	DL_FOREACH (d->waiting_peers, p) {
		n += p->addr.s_addr == addr.s_addr;
		all++;
	}
	*ret_all = all;
	return n;
}

static void peer_send_hello(struct conn *c)
{
	struct peer *p = c->owner;
	Mosix__Hello m = MOSIX__HELLO__INIT;

	m.has_version_min = m.has_version_max = true;
	m.version_min = PEER_VERSION_MIN;
	m.version_max = PEER_VERSION_MAX;
	m.info = p->d->info;
	conn_send(c, MOSIX__MSG_TYPE__MSG_HELLO, &m.base, -1);
}

static void peer_send_ping(struct peer *p)
{
	Mosix__Load load = MOSIX__LOAD__INIT;
	Mosix__Ping m = MOSIX__PING__INIT;

	load_fill(p->d, p->node ? p->node->number : 0, &load);
	m.load = &load;
	conn_send(p->conn, MOSIX__MSG_TYPE__MSG_PING, &m.base, -1);
}

static void peer_on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct peer *p = w->data;

	(void)loop;
	(void)revents;
	peer_lost(p, "no answer to the handshake");
}

static void peer_on_beat(struct ev_loop *loop, struct ev_periodic *w, int revents)
{
	struct peer *p = w->data;

	(void)loop;
	(void)revents;
	if (++p->silent > SILENT_SECONDS) {
		peer_lost(p, "silent for 5 s");
		return;
	}
	peer_send_ping(p);
}

static bool by_lower_of(const struct peer *p, const struct node *n)
{
	return p->dialled == (p->d->config.self < n->number);
}

static bool by_lower(const struct peer *p)
{
	return by_lower_of(p, p->node);
}

static int hello_check_node(struct peer *p, uint32_t number, struct err *e)
{
	struct node *n = nodes_find(p->d, number);

	if (!n || !node_is_known(n))
		return err_set(e, -EPERM, "it says it is node %u, which is not in the map", number);
	if (n->addr.s_addr != p->addr.s_addr)
		return err_set(e, -EPERM, "it says it is node %u, which has another address%s",
			       number, n->in_map ? " in the map" : "");
	/* Where links are made when needed, either side dials. */
	if (p->dialled ? p->node != n : n->self || (p->d->mesh && n->number > p->d->config.self))
		return err_set(e, -EPERM, "it says it is node %u, which is not expected there",
			       number);
	/* If both did at a time, the one that the lower number dialled stays. */
	if (n->peer && by_lower(n->peer) && !by_lower_of(p, n))
		return err_set(e, -EALREADY, "there is a link to it already");
	p->node = n;
	return 0;
}

static int hello_check(struct peer *p, const Mosix__Hello *m, struct err *e)
{
	if (m->version_min > PEER_VERSION_MAX || m->version_max < PEER_VERSION_MIN)
		return err_set(e, -EPROTO,
			       "it speaks versions %u to %u of the protocol, this node %u to %u: "
			       "install the same MOSIX on both",
			       m->version_min, m->version_max, PEER_VERSION_MIN, PEER_VERSION_MAX);
	if (!m->info)
		return err_set(e, -EPROTO, "its Hello lacks the node's description");
	return hello_check_node(p, m->info->node, e);
}

static void peer_went_up(struct peer *p, Mosix__Hello *m)
{
	struct node *n = p->node;

	if (n->peer)
		peer_drop(n->peer, "replaced by a newer connection");
	DL_DELETE(p->d->waiting_peers, p);
	p->up = true;
	n->peer = p;
	n->epoch++;
	n->problem[0] = '\0';
	msg_free(n->info);
	n->info = steal_ptr(m->info);
	ev_timer_stop(p->d->loop, &p->deadline);
	beat_start(p->d->loop, &p->beat, peer_on_beat, p);
	log_info("Link to %s (%s) is up", node_title(p->d, n->number), inet_ntoa(p->addr));
	peer_send_ping(p);
	node_went_up(n);
}

static int peer_on_hello(struct peer *p, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__Hello *m = NULL;
	struct err e;

	if (message_check(CONN_FROM_PEER, PHASE_START, f->type, f->len) < 0)
		return -EPROTO;
	m = msg_unpack(&mosix__hello__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	if (hello_check(p, m, &e) < 0) {
		peer_lost(p, e.text);
		return 0;
	}
	peer_went_up(p, m);
	return 0;
}

static int peer_on_ping(struct peer *p, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__Ping *m = NULL;

	m = msg_unpack(&mosix__ping__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	node_take_load(p->node, m->load);
	return 0;
}

static int peer_on_frame(struct conn *c, struct chan_frame *f)
{
	struct peer *p = c->owner;
	int r;

	p->silent = 0;
	if (!p->up)
		return peer_on_hello(p, f);
	if (f->type == MOSIX__MSG_TYPE__MSG_PING)
		return peer_on_ping(p, f);
	link_used(p->node);
	r = dispatch(p->d, p->node->number, f->type, f->body, f->len);
	if (r < 0)
		log_warn("%s sent a message of type %u that is not valid",
			 node_title(p->d, p->node->number), f->type);
	return r;
}

static void peer_on_closed(struct conn *c, int error)
{
	struct peer *p = c->owner;

	if (error == -EACCES)
		peer_lost(p, "it has another cluster key");
	else if (error == -EPIPE)
		peer_lost(p, "it closed the connection");
	else
		peer_lost(p, strerror(-error));
}

static const struct conn_ops peer_ops = {
	.ready = peer_send_hello,
	.frame = peer_on_frame,
	.closed = peer_on_closed,
};

static void tune_socket(int fd)
{
	unsigned int timeout_ms = SILENT_SECONDS * 1000;
	int on = 1;

	/* Neither is needed for correctness; where they fail, Ping notices a dead link. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

static int peer_conn_new(struct peer *p, int fd)
{
	struct stream *s;
	struct chan *c;
	int r;

	tune_socket(fd);
	r = stream_new_tls(&s, fd, !p->dialled, PEER_IDENTITY, p->d->config.peer_key);
	if (r < 0)
		return r;
	r = chan_new(&c, s, CHAN_FRAME_MAX, QUEUE_MAX);
	if (r < 0)
		return r;
	return conn_new(&p->conn, p->d->loop, c, &peer_ops, p);
}

static struct peer *peer_new(struct mosixd *d, struct node *n, int fd, struct in_addr addr)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p) {
		fd_close(fd);
		return NULL;
	}
	p->d = d;
	p->node = n;
	p->dialled = n != NULL;
	p->addr = addr;
	if (peer_conn_new(p, fd) < 0) {
		free(p);
		return NULL;
	}
	ev_init(&p->beat, peer_on_beat);
	ev_timer_init(&p->deadline, peer_on_deadline, HELLO_SECONDS, 0.0);
	p->deadline.data = p;
	ev_timer_start(d->loop, &p->deadline);
	DL_APPEND(d->waiting_peers, p);
	return p;
}

void peer_accept(struct mosixd *d, int fd, struct in_addr from)
{
	if (!peer_new(d, NULL, fd, from))
		log_warn("Link from %s: out of memory", inet_ntoa(from));
}

struct peer *peer_dialled(struct node *n, int fd)
{
	return peer_new(n->d, n, fd, n->addr);
}
