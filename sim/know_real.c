/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's own gossip and membership (policy/gossip.h) for every node, and the network between
 * them: each datagram is packed, may be lost, takes its time, is unpacked and handled.
 */
#include "policy/gossip.h"
#include "policy/gossip_wire.h"
#include "sim/run.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_GOSSIP 302u

struct real_node {
	struct know *know;
	struct gossip *gossip;
	uint32_t index, lives;
};

/* All datagrams take equally long: the first sent is the first to arrive. */
struct post {
	int64_t at_us;
	uint32_t from, to, length; /* followed by so many bytes */
};

struct know {
	struct sim *s;
	struct know_stats stats;
	struct random random;
	struct gossip_ops ops;
	struct real_node *nodes;
	uint8_t *queue;
	size_t head, tail, size;
	struct node_facts *facts; /* scratch */
};

/* ------------------------------------------------------------------ the network */

static bool queue_room(struct know *k, size_t need)
{
	size_t size = 2 * (k->tail - k->head + need);
	uint8_t *p;

	if (k->tail + need <= k->size)
		return true;
	if (k->tail != k->head)
		memmove(k->queue, k->queue + k->head, k->tail - k->head);
	k->tail -= k->head;
	k->head = 0;
	if (size <= k->size)
		return true;
	p = realloc(k->queue, size);
	if (!p)
		return false;
	k->queue = p;
	k->size = size;
	return true;
}

static void on_send(void *arg, uint32_t to, const struct gossip_datagram *dg)
{
	const struct real_node *n = arg;
	struct know *k = n->know;
	struct post post = {k->s->now_us + (int64_t)(k->s->conf->latency * 1e6), n->index,
			    node_index(to), (uint32_t)gossip_size(dg)};

	k->stats.messages++;
	k->stats.bytes += post.length + GOSSIP_WIRE_AROUND;
	if (post.to >= k->s->c.count ||
	    (k->s->conf->loss > 0 && random_unit(&k->random) < k->s->conf->loss))
		return;
	if (!queue_room(k, sizeof(post) + post.length)) {
		k->s->error = -ENOMEM;
		return;
	}
	memcpy(k->queue + k->tail, &post, sizeof(post));
	k->tail += sizeof(post);
	gossip_pack(dg, k->queue + k->tail, post.length);
	k->tail += post.length;
}

static void deliver(struct know *k, const struct post *post, const uint8_t *bytes)
{
	struct gossip_unpacked u;

	if (!sim_reachable(k->s, post->from, post->to) || !k->nodes[post->to].gossip)
		return;
	if (gossip_unpack(bytes, post->length, &u) < 0)
		return;
	u.dg.from = node_number(post->from);
	gossip_receive(k->nodes[post->to].gossip, post->at_us / 1000, &u.dg);
}

/* What an arrival causes is sent at that time, not at the end of the slot. */
static void real_until(struct know *k, int64_t us)
{
	int64_t now = k->s->now_us;

	while (k->head < k->tail) {
		uint8_t bytes[GOSSIP_WIRE_MAX];
		struct post post;

		memcpy(&post, k->queue + k->head, sizeof(post));
		if (post.at_us > us)
			break;
		memcpy(bytes, k->queue + k->head + sizeof(post), post.length);
		k->head += sizeof(post) + post.length;
		k->s->now_us = post.at_us;
		deliver(k, &post, bytes);
	}
	k->s->now_us = now;
}

/* ------------------------------------------------------------------ nodes */

static bool node_start(struct know *k, uint32_t node)
{
	struct real_node *n = &k->nodes[node];
	struct gossip_config c;
	bool first = !n->lives++;

	gossip_config_init(&c, node_number(node), n->lives);
	if (k->s->conf->window)
		c.window = k->s->conf->window;
	k->stats.window = c.window;
	n->gossip = gossip_new(&c, random_next(&k->random), sim_now_ms(k->s), &k->ops, n);
	if (!n->gossip)
		return false;
	/* The first time they all know each other; later they have the map, and must find out. */
	for (uint32_t i = 0; i < k->s->c.count; i++)
		if (i != node && gossip_add(n->gossip, node_number(i), first, true) < 0)
			return false;
	return true;
}

static void real_free(struct know *k)
{
	for (uint32_t i = 0; k->nodes && i < k->s->c.count; i++)
		gossip_free(k->nodes[i].gossip);
	free(k->nodes);
	free(k->facts);
	free(k->queue);
	free(k);
}

static struct know *real_new(struct sim *s)
{
	struct know *k = calloc(1, sizeof(*k));
	bool ok;

	if (!k)
		return NULL;
	k->s = s;
	k->ops.send = on_send;
	random_seed(&k->random, s->conf->seed * 1000 + STREAM_GOSSIP);
	k->nodes = calloc(s->c.count, sizeof(*k->nodes));
	k->facts = calloc(s->c.count, sizeof(*k->facts));
	ok = k->nodes && k->facts;
	for (uint32_t i = 0; ok && i < s->c.count; i++) {
		k->nodes[i].know = k;
		k->nodes[i].index = i;
		ok = node_start(k, i);
	}
	if (ok)
		return k;
	real_free(k);
	return NULL;
}

static void real_step(struct know *k, uint32_t node)
{
	k->stats.node_seconds += GOSSIP_STEP_MS / 1000.0;
	gossip_tick(k->nodes[node].gossip, sim_now_ms(k->s));
}

static void real_facts(struct know *k, uint32_t node, const struct node_facts *f)
{
	gossip_set_facts(k->nodes[node].gossip, f);
}

static void real_down(struct know *k, uint32_t node)
{
	k->nodes[node].gossip = gossip_free(k->nodes[node].gossip);
}

static void real_up(struct know *k, uint32_t node)
{
	if (!node_start(k, node))
		k->s->error = -ENOMEM;
}

/* ------------------------------------------------------------------ what is known */

static size_t real_view(struct know *k, uint32_t node, struct node_facts *ret, size_t max)
{
	return gossip_facts(k->nodes[node].gossip, sim_now_ms(k->s), ret, max);
}

static uint32_t real_alive(struct know *k, uint32_t node)
{
	return gossip_alive(k->nodes[node].gossip);
}

static void real_ages(struct know *k, uint32_t node)
{
	size_t count = real_view(k, node, k->facts, k->s->c.count);
	double oldest = 0;

	for (size_t i = 0; i < count; i++) {
		double steps = k->facts[i].age_ms / (double)GOSSIP_STEP_MS;

		know_count_age(&k->stats, steps);
		oldest = steps > oldest ? steps : oldest;
	}
	know_count_max(&k->stats, oldest);
}

static struct know_stats *real_stats(struct know *k)
{
	return &k->stats;
}

const struct know_ops know_real = {
	.name = "real",
	.new = real_new,
	.free = real_free,
	.until = real_until,
	.step = real_step,
	.facts = real_facts,
	.down = real_down,
	.up = real_up,
	.view = real_view,
	.alive = real_alive,
	.ages = real_ages,
	.stats = real_stats,
};
