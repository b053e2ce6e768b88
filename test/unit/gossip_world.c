/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network of gossiping nodes in simulated time. */
#include "test/unit/gossip_world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 8192

/* ------------------------------------------------------------------ the network */

static void on_send(void *arg, uint32_t to, const struct gossip_datagram *dg)
{
	struct world_node *n = arg;
	struct world *w = n->w;
	uint8_t bytes[BYTES_MAX];
	struct world_mail *m;
	size_t len = gossip_pack(dg, bytes, sizeof(bytes));

	assert(len == gossip_size(dg) && dg->from == n->number);
	assert(len <= GOSSIP_WIRE_MAX || w->config.window > GOSSIP_WINDOW);
	n->bytes += len + GOSSIP_WIRE_AROUND;
	n->datagrams++;
	if (random_below(&w->random, 100) < w->loss_percent)
		return;
	m = malloc(sizeof(*m) + len);
	assert(m);
	*m = (struct world_mail){.at = w->now + 1, .from = n->number, .to = to, .len = len};
	memcpy(m->bytes, bytes, len);
	*w->tail = m;
	w->tail = &m->next;
}

static void on_news(void *arg, const struct gossip_news *news)
{
	struct world_node *n = arg;
	const struct world_node *about = &n->w->nodes[news->node];

	n->w->suspected += news->is == GOSSIP_SUSPECT;
	n->w->died += news->is == GOSSIP_DEAD;
	n->w->false_deaths += news->is == GOSSIP_DEAD && about->g && about->part == n->part &&
			      news->incarnation >= gossip_incarnation(about->g);
}

static const struct gossip_ops world_ops = {on_send, on_news};

static void deliver(struct world *w, struct world_mail *m)
{
	struct world_node *to = m->to <= w->count ? &w->nodes[m->to] : NULL;
	struct gossip_unpacked u;

	if (!to || !to->g || to->part != w->nodes[m->from].part)
		return;
	assert(gossip_unpack(m->bytes, m->len, &u) == 0);
	u.dg.from = m->from;
	gossip_receive(to->g, w->now, &u.dg);
}

static void deliver_all(struct world *w)
{
	struct world_mail *m;

	while ((m = w->first) && m->at <= w->now) {
		w->first = m->next;
		if (!w->first)
			w->tail = &w->first;
		if (m->to <= w->count && w->nodes[m->to].frozen) {
			m->at = w->now + 1;
			m->next = NULL;
			*w->tail = m;
			w->tail = &m->next;
			continue;
		}
		deliver(w, m);
		free(m);
	}
}

/* ------------------------------------------------------------------ nodes */

static void tick(struct world *w, struct world_node *n)
{
	struct node_facts own = {.cpus = 1000, .speed = 10000, .mem_free = (uint32_t)w->now};

	gossip_set_facts(n->g, &own);
	gossip_tick(n->g, w->now);
}

void world_run(struct world *w, int64_t ms)
{
	for (int64_t end = w->now + ms; w->now < end;) {
		uint32_t phase = (uint32_t)(++w->now % w->config.step_ms);

		deliver_all(w);
		for (uint32_t i = w->by_phase[phase]; i; i = w->nodes[i].next)
			if (w->nodes[i].g && !w->nodes[i].frozen)
				tick(w, &w->nodes[i]);
	}
}

void world_start(struct world *w, uint32_t node, uint32_t seed_node)
{
	struct world_node *n = &w->nodes[node];

	assert(!n->g);
	w->config.self = node;
	w->config.incarnation = w->clock_set_back ? 1 : (uint32_t)(w->now / 1000);
	n->g = gossip_new(&w->config, random_next(&w->random), w->now, &world_ops, n);
	assert(n->g);
	if (seed_node)
		assert(gossip_add(n->g, seed_node, false, true) == 0);
}

void world_kill(struct world *w, uint32_t node)
{
	w->nodes[node].g = gossip_free(w->nodes[node].g);
}

struct world *world_new(uint32_t count, uint64_t seed, const struct gossip_config *config)
{
	struct world *w = calloc(1, sizeof(*w));

	assert(w);
	gossip_config_init(&w->config, 0, 0);
	if (config)
		w->config = *config;
	random_seed(&w->random, seed);
	w->tail = &w->first;
	w->now = 10000;
	w->count = count;
	w->nodes = calloc(count + 1, sizeof(*w->nodes));
	w->by_phase = calloc(w->config.step_ms, sizeof(*w->by_phase));
	assert(w->nodes && w->by_phase);
	for (uint32_t i = 1; i <= count; i++) {
		uint32_t phase = random_below(&w->random, w->config.step_ms);

		w->nodes[i] = (struct world_node){.w = w, .number = i, .next = w->by_phase[phase]};
		w->by_phase[phase] = i;
	}
	return w;
}

void world_start_all(struct world *w)
{
	for (uint32_t i = 1; i <= w->count; i++) {
		world_start(w, i, 0);
		for (uint32_t k = 1; k <= w->count; k++)
			if (k != i)
				assert(gossip_add(w->nodes[i].g, k, true, false) == 0);
	}
}

struct world *world_free(struct world *w)
{
	struct world_mail *m;

	while ((m = w->first)) {
		w->first = m->next;
		free(m);
	}
	for (uint32_t i = 1; i <= w->count; i++)
		gossip_free(w->nodes[i].g);
	free(w->nodes);
	free(w->by_phase);
	free(w);
	return NULL;
}

/* ------------------------------------------------------------------ looking */

uint32_t world_see(struct world *w, uint32_t part, uint32_t node, enum gossip_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= w->count; i++)
		if (i != node && w->nodes[i].g && w->nodes[i].part == part)
			n += gossip_state(w->nodes[i].g, node, NULL) == state;
	return n;
}

static bool sees_right(struct world *w, const struct world_node *n)
{
	for (uint32_t i = 1; i <= w->count; i++) {
		enum gossip_state s = gossip_state(n->g, i, NULL);
		bool there = w->nodes[i].g && w->nodes[i].part == n->part;

		if (there ? s != GOSSIP_ALIVE : s == GOSSIP_ALIVE || s == GOSSIP_SUSPECT)
			return false;
	}
	return true;
}

bool world_right(struct world *w)
{
	for (uint32_t i = 1; i <= w->count; i++)
		if (w->nodes[i].g && !sees_right(w, &w->nodes[i]))
			return false;
	return true;
}

int64_t world_settle(struct world *w, int64_t max)
{
	for (int64_t ms = 0; ms <= max; ms += 100) {
		if (world_right(w))
			return ms;
		world_run(w, 100);
	}
	return -1;
}

double world_age(struct world *w)
{
	double sum = 0;
	size_t n = 0;

	for (uint32_t i = 1; i <= w->count; i++) {
		for (uint32_t k = 1; k <= w->count; k++) {
			struct node_facts f;

			if (i == k || !gossip_facts_of(w->nodes[i].g, w->now, k, &f))
				continue;
			/* Told age and true age differ by the rounding of a few hops at most. */
			assert((int64_t)f.age_ms <= w->now - f.mem_free + 10);
			assert((int64_t)f.age_ms + w->config.step_ms + 700 >= w->now - f.mem_free);
			sum += f.age_ms;
			n++;
		}
	}
	return sum / (double)n / w->config.step_ms;
}
