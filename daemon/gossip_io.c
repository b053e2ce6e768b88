/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gossip in the daemon: its time, its news, and what it knows. */
#include "daemon/gossip_io_priv.h"

#include "common/log.h"
#include "daemon/dead_nodes.h"
#include "daemon/dispatch.h"
#include "daemon/links.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_SECONDS (GOSSIP_STEP_MS / 1000.0)
#define SEEDS_ALONE 4   /* ticks between tries of the seeds while this node is alone */
#define SEEDS_OTHER 120 /* … and otherwise, lest two parts never hear of each other */

int64_t gossip_now_ms(void)
{
	return clock_usec() / 1000;
}

/* ------------------------------------------------------------------ actions of gossip */

static void on_send(void *arg, uint32_t to, const struct gossip_datagram *dg)
{
	struct gossip_io *io = arg;
	uint8_t body[SESSION_BODY_MAX];
	size_t len = gossip_pack(dg, body, sizeof(body));

	if (len)
		gossip_net_send(io, to, body, len);
}

/* Who hears of them may ask gossip for more: they wait until it has returned. */
static void on_news(void *arg, const struct gossip_news *news)
{
	struct gossip_io *io = arg;
	size_t size = io->news_size ? io->news_size * 2 : 16;
	struct gossip_news *list;

	if (io->news_count == io->news_size) {
		list = realloc(io->news, size * sizeof(*list));
		if (!list)
			return;
		io->news = list;
		io->news_size = size;
	}
	io->news[io->news_count++] = *news;
}

static const struct gossip_ops io_ops = {.send = on_send, .news = on_news};

static bool is_up(enum gossip_state s)
{
	return s == GOSSIP_ALIVE || s == GOSSIP_SUSPECT;
}

static void handle_news(struct gossip_io *io, const struct gossip_news *news)
{
	struct node *n = nodes_get(io->d, news->node);

	if (!n || n->self)
		return;
	if (!node_is_known(n))
		card_ask(io, n->number, news->from);
	if (news->is == GOSSIP_SUSPECT)
		log_debug("%s is suspected to be dead", node_title(io->d, n->number));
	else if (news->was != GOSSIP_SUSPECT || news->is != GOSSIP_ALIVE)
		log_info("%s is %s", node_title(io->d, n->number), gossip_state_name(news->is));
	if (is_up(news->is) && !is_up(news->was))
		node_came_alive(n);
	else if (news->is == GOSSIP_DEAD || news->is == GOSSIP_LEFT)
		node_died(n, news->is == GOSSIP_LEFT);
}

static void handle_all_news(struct gossip_io *io)
{
	/* One may bring more. */
	for (size_t i = 0; i < io->news_count; i++) {
		struct gossip_news news = io->news[i];

		handle_news(io, &news);
	}
	io->news_count = 0;
}

/* ------------------------------------------------------------------ events for gossip */

static void try_seeds(struct gossip_io *io)
{
	const struct conf *c = &io->d->config.conf;
	const struct gossip_datagram ping = {.kind = GOSSIP_PING,
					     .from = io->d->config.self,
					     .incarnation = gossip_incarnation(io->g)};
	bool alone = gossip_alive(io->g) == 1;
	uint8_t body[GOSSIP_WIRE_HEAD];
	size_t len;

	if (io->ticks++ % (alone ? SEEDS_ALONE : SEEDS_OTHER))
		return;
	len = gossip_pack(&ping, body, sizeof(body));
	for (uint32_t i = 0; i < c->seed_count; i++) {
		struct sockaddr_in sin = {.sin_family = AF_INET,
					  .sin_addr = c->seeds[i].addr,
					  .sin_port = htons(c->seeds[i].port)};

		if (!nodes_find_addr(io->d, sin.sin_addr) || alone)
			gossip_net_send_addr(io, 0, &sin, body, len);
	}
}

static void on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct gossip_io *io = w->data;
	struct node_facts own;

	(void)loop;
	(void)revents;
	load_facts(io->d, 0, &own);
	gossip_set_facts(io->g, &own);
	gossip_tick(io->g, gossip_now_ms());
	try_seeds(io);
	handle_all_news(io);
	links_tick(io->d);
	dead_nodes_tick(io->d);
}

void gossip_io_datagram(struct gossip_io *io, const struct session_opened *o)
{
	static struct gossip_unpacked u;
	size_t len = o->len;

	if (card_receive(io, o))
		return;
	if (gossip_unpack(o->body, len, &u) < 0)
		return;
	u.dg.from = o->from;
	gossip_receive(io->g, gossip_now_ms(), &u.dg);
	handle_all_news(io);
}

void gossip_io_met(struct gossip_io *io, uint32_t number, const struct sockaddr_in *addr)
{
	struct node *n = nodes_get(io->d, number);

	if (!n)
		return;
	if (!node_is_known(n))
		nodes_found(n, addr->sin_addr, ntohs(addr->sin_port), NULL);
	(void)gossip_add(io->g, number, false, n->in_map);
}

void gossip_io_sync(struct mosixd *d)
{
	struct gossip_io *io = d->gossip;

	if (!io)
		return;
	for (struct node *n = nodes_first(d); n; n = n->hh.next)
		if (n->in_map && !n->self)
			(void)gossip_add(io->g, n->number, false, true);
}

void gossip_io_forget(struct node *n)
{
	if (n->d->gossip)
		gossip_remove(n->d->gossip->g, n->number);
}

/* ------------------------------------------------------------------ life */

static int start(struct mosixd *d, struct gossip_io *io, struct err *e)
{
	struct gossip_config c;
	uint64_t seed;
	int r;

	r = identity_load(&io->identity, NULL, e);
	if (r < 0)
		return r;
	r = sessions_new(&io->sessions, d->config.gossip_key, d->config.self);
	if (r == 0)
		r = key_random((uint8_t *)&seed, sizeof(seed));
	if (r < 0)
		return err_sys(e, r, "Cannot seal gossip");
	/* Higher than in every earlier life, unless the clock was set back: then the others say so
	 * and it is raised. */
	gossip_config_init(&c, d->config.self, (uint32_t)time(NULL));
	io->g = gossip_new(&c, seed, gossip_now_ms(), &io_ops, io);
	if (!io->g)
		return err_sys(e, -ENOMEM, "Cannot gossip");
	return gossip_net_open(d, e);
}

int gossip_io_new(struct mosixd *d, struct err *e)
{
	struct gossip_io *io = calloc(1, sizeof(*io));
	int r;

	if (!io)
		return err_sys(e, -ENOMEM, "Cannot gossip");
	io->d = d;
	d->gossip = io;
	ev_timer_init(&io->tick, on_tick, 0.0, STEP_SECONDS);
	io->tick.data = io;
	r = start(d, io, e);
	if (r < 0)
		return r;
	gossip_io_sync(d);
	ev_timer_start(d->loop, &io->tick);
	return 0;
}

void gossip_io_free(struct mosixd *d)
{
	struct gossip_io *io = d->gossip;

	if (!io)
		return;
	ev_timer_stop(d->loop, &io->tick);
	gossip_net_close(io);
	sessions_free(io->sessions);
	gossip_free(io->g);
	free(io->news);
	free(io);
	d->gossip = NULL;
}

void gossip_io_leave(struct mosixd *d)
{
	log_info("This node leaves the cluster");
	gossip_leave(d->gossip->g, gossip_now_ms());
}

/* ------------------------------------------------------------------ what is known */

enum gossip_state gossip_io_state(const struct node *n, uint32_t *ret_incarnation)
{
	if (ret_incarnation)
		*ret_incarnation = 0;
	if (!n->d->gossip)
		return n->self ? GOSSIP_ALIVE : GOSSIP_UNKNOWN;
	return gossip_state(n->d->gossip->g, n->number, ret_incarnation);
}

bool gossip_io_facts(const struct node *n, struct node_facts *ret)
{
	if (n->self) {
		load_facts(n->d, 0, ret);
		return true;
	}
	return n->d->gossip && gossip_facts_of(n->d->gossip->g, gossip_now_ms(), n->number, ret);
}

uint32_t gossip_io_alive(struct mosixd *d)
{
	return d->gossip ? gossip_alive(d->gossip->g) : 1;
}

uint32_t gossip_io_health(struct mosixd *d)
{
	return d->gossip ? gossip_health(d->gossip->g) : 0;
}
