/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cards: which machine has which number, address and name. A node gives its own to whomever it
 * meets, and those of others to whoever asks. For nodes of the map, the map's word counts.
 */
#include "daemon/gossip_io_priv.h"

#include "common/log.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_PAUSE_MS 1000

/* ------------------------------------------------------------------ sending */

static void send_card_of(struct gossip_io *io, uint32_t to, const struct node *n)
{
	uint8_t body[CARD_MAX];
	struct card c = {.number = n->number,
			 .identity = n->self ? io->identity : n->identity,
			 .addr = n->addr,
			 .port = n->port,
			 .busy = n->self ? jobs_count(io->d) || guests_count(io->d) : n->busy};
	size_t len;

	(void)gossip_io_state(n, &c.incarnation);
	snprintf(c.name, sizeof(c.name), "%s", n->name);
	len = card_pack(&c, body);
	gossip_net_send(io, to, body, len);
}

void card_send(struct gossip_io *io, uint32_t to)
{
	const struct node *self = nodes_find(io->d, io->d->config.self);

	if (self)
		send_card_of(io, to, self);
}

/* Of a node that is known to exist and cannot be reached: @whom, who spoke of it, or anybody. */
void card_ask(struct gossip_io *io, uint32_t about, uint32_t whom)
{
	struct node *n = nodes_get(io->d, about), *other = whom ? nodes_find(io->d, whom) : NULL;
	uint8_t body[SESSION_BODY_MIN] = {CARD_ASK};
	uint16_t number = htole16((uint16_t)about);
	int64_t now = gossip_now_ms();

	if (!n || n->self || now - n->asked_ms < ASK_PAUSE_MS)
		return;
	n->asked_ms = now;
	if (!other || other->self || !node_is_known(other))
		other = nodes_random_alive(io->d);
	if (!other)
		return;
	memcpy(body + 1, &number, 2);
	gossip_net_send(io, other->number, body, sizeof(body));
}

/* ------------------------------------------------------------------ two with one number */

/* Does the machine that we know keep the number? The map decides, then who has jobs, then who was
 * there first, then the identity: everybody who sees both comes to the same. */
static bool keeps(const struct node *n, const struct card *c)
{
	uint32_t incarnation;

	(void)gossip_io_state(n, &incarnation);
	if (n->in_map)
		return n->addr.s_addr != c->addr.s_addr;
	if (n->busy != c->busy)
		return n->busy;
	if (incarnation != c->incarnation)
		return incarnation < c->incarnation;
	return n->identity < c->identity;
}

static void tell_conflict(struct gossip_io *io, const struct card *loser)
{
	const struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_addr = loser->addr, .sin_port = htons(loser->port)};
	uint8_t body[CLAIM_SIZE];

	claim_pack(body, CARD_CONFLICT, loser->number, loser->identity);
	gossip_net_send_addr(io, loser->number, &sin, body, sizeof(body));
}

static bool in_conflict(struct gossip_io *io, const struct node *n, const struct card *c)
{
	enum gossip_state s = gossip_io_state(n, NULL);

	return n->identity && n->identity != c->identity && n->addr.s_addr != c->addr.s_addr &&
	       (s == GOSSIP_ALIVE || s == GOSSIP_SUSPECT) && io->d->gossip;
}

static void on_conflict(struct gossip_io *io, uint32_t number, uint64_t identity)
{
	if (number != io->d->config.self || identity != io->identity)
		return;
	if (io->d->config.fixed || jobs_count(io->d) || guests_count(io->d)) {
		log_err("Another machine has number %u as well: give one of them another [node] "
			"number and restart its mosixd",
			io->d->config.self);
		return;
	}
	log_warn("Another machine has number %u: this one takes another", io->d->config.self);
	(void)identity_save(io->identity, 0, NULL);
	ev_break(io->d->loop, EVBREAK_ALL);
	io->d->restart = true;
}

/* ------------------------------------------------------------------ receiving */

static void on_card(struct gossip_io *io, uint32_t from, const struct card *c)
{
	struct node *n = nodes_get(io->d, c->number);
	struct in_addr addr = c->addr;

	if (!n || n->self)
		return;
	if (in_conflict(io, n, c)) {
		struct card known = {.number = n->number,
				     .identity = n->identity,
				     .addr = n->addr,
				     .port = n->port};
		bool stays = keeps(n, c);

		tell_conflict(io, stays ? c : &known);
		node_set_problem(n, "two machines have its number: %s and another",
				 inet_ntoa(n->addr));
		if (stays)
			return;
	}
	/* What others tell of it must not undo what itself said. */
	if (from != c->number && n->identity && node_is_known(n))
		return;
	n->identity = c->identity;
	n->busy = c->busy;
	if (!addr.s_addr)
		addr = n->addr;
	if (addr.s_addr)
		nodes_found(n, addr, c->port, c->name);
}

static void on_ask(struct gossip_io *io, uint32_t from, uint32_t number)
{
	const struct node *n = nodes_find(io->d, number);

	if (n && node_is_known(n))
		send_card_of(io, from, n);
}

bool card_receive(struct gossip_io *io, const struct session_opened *o)
{
	uint64_t identity;
	uint32_t number;
	struct card c;

	switch (o->body[0]) {
	case CARD:
		if (card_unpack(o->body, o->len, &c))
			on_card(io, o->from, &c);
		return true;
	case CARD_ASK:
		on_ask(io, o->from, (uint32_t)o->body[1] | (uint32_t)o->body[2] << 8);
		return true;
	case CARD_CONFLICT:
		if (claim_unpack(o->body, o->len, CARD_CONFLICT, &number, &identity))
			on_conflict(io, number, identity);
		return true;
	default:
		return false;
	}
}

/* ------------------------------------------------------------------ who asks for a number */

static bool is_free(struct mosixd *d, uint32_t number, uint64_t identity)
{
	const struct node *n = nodes_find(d, number);

	return number && (!n || (!n->in_map && !n->self && n->identity == identity));
}

static uint32_t choose_number(struct mosixd *d, uint32_t wanted, uint64_t identity)
{
	struct node *n;

	/* The one that it had. */
	for (n = nodes_first(d); n; n = n->hh.next)
		if (identity && n->identity == identity && !n->in_map && !n->self)
			return n->number;
	for (int i = 0; i < 1000; i++) {
		uint16_t random;

		if (is_free(d, wanted, identity))
			return wanted;
		if (key_random((uint8_t *)&random, sizeof(random)) < 0)
			return 0;
		wanted = random;
	}
	return 0;
}

void card_stranger(struct gossip_io *io, const struct session_opened *o,
		   const struct sockaddr_in *from)
{
	uint8_t body[JOIN_ASK_SIZE] = {0}, out[SESSION_DATAGRAM_MAX];
	uint32_t wanted, counter = htole32(o->counter);
	uint64_t identity;
	int len;

	if (!claim_unpack(o->body, o->len, JOIN_ASK, &wanted, &identity) ||
	    o->len < JOIN_ASK_SIZE || o->from != 0 || !o->hello)
		return;
	claim_pack(body, JOIN_ANSWER, choose_number(io->d, wanted, identity), o->session);
	memcpy(body + CLAIM_SIZE, &counter, 4);
	len = sessions_close(io->sessions, 0, body, sizeof(body), out, NULL);
	if (len > 0)
		(void)sendto(io->io.fd, out, (size_t)len, MSG_DONTWAIT,
			     (const struct sockaddr *)from, sizeof(*from));
}
