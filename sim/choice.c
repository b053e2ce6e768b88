/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes to choose from, and what was sent to them. */
#include "sim/choice.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SENT_MAX 128u
#define SAMPLE_US 1000000 /* what a node says of itself may be as old when it says so */

struct sent {
	int64_t at_us;
	uint32_t to;
	float memory;
};

struct sender {
	struct sent ring[SENT_MAX];
	uint32_t count; /* in all */
	uint32_t counter;
};

struct chooser {
	struct sender **senders; /* of nodes that sent something */
	struct choice *choices;
	int64_t *heard_us; /* of each choice: when it said so */
	uint32_t *where;   /* node: its choice, if listed in this round */
	uint32_t *round;
	uint32_t now;
	struct sender spare; /* stands in if there is no memory */
};

void chooser_done(struct sim *s)
{
	struct chooser *c = s->state;

	if (!c)
		return;
	for (uint32_t i = 0; c->senders && i < s->c.count; i++)
		free(c->senders[i]);
	free(c->senders);
	free(c->choices);
	free(c->heard_us);
	free(c->where);
	free(c->round);
	free(c);
	s->state = NULL;
}

int chooser_init(struct sim *s)
{
	struct chooser *c = calloc(1, sizeof(*c));
	size_t n = s->c.count;

	s->state = c;
	if (!c)
		return -ENOMEM;
	c->senders = calloc(n, sizeof(struct sender *));
	c->choices = calloc(n, sizeof(*c->choices));
	c->heard_us = calloc(n, sizeof(*c->heard_us));
	c->where = calloc(n, sizeof(*c->where));
	c->round = calloc(n, sizeof(*c->round));
	return c->senders && c->choices && c->heard_us && c->where && c->round ? 0 : -ENOMEM;
}

static struct sender *sender_of(struct sim *s, uint32_t node)
{
	struct chooser *c = s->state;

	if (!c->senders[node])
		c->senders[node] = calloc(1, sizeof(struct sender));
	if (!c->senders[node])
		s->error = -ENOMEM;
	return c->senders[node] ? c->senders[node] : &c->spare;
}

uint32_t *chooser_counter(struct sim *s, uint32_t node)
{
	return &sender_of(s, node)->counter;
}

void chooser_sent(struct sim *s, uint32_t node, uint32_t to, double memory)
{
	struct sender *sender = sender_of(s, node);

	sender->ring[sender->count++ % SENT_MAX] = (struct sent){s->now_us, to, (float)memory};
}

/* ------------------------------------------------------------------ the list */

static void add(struct chooser *c, uint32_t at, const struct node_facts *f, int64_t heard_us)
{
	uint32_t node = node_index(f->node);

	c->choices[at] = (struct choice){
		.node = node,
		.jobs = f->runnable / 1000.0,
		.cpus = f->cpus / 1000.0,
		.speed = f->speed / (double)SPEED_STANDARD,
		.memory = f->mem_total,
		.free = f->mem_free,
	};
	c->heard_us[at] = heard_us;
	c->where[node] = at;
	c->round[node] = c->now;
}

static void debit(struct chooser *c, const struct sender *sender, int64_t margin_us)
{
	uint32_t count = sender->count < SENT_MAX ? sender->count : SENT_MAX;

	for (uint32_t i = 0; i < count; i++) {
		const struct sent *sent = &sender->ring[i];
		uint32_t at = c->where[sent->to];

		if (c->round[sent->to] != c->now || sent->at_us < c->heard_us[at] - margin_us)
			continue;
		c->choices[at].jobs++;
		c->choices[at].free = fmax(c->choices[at].free - (double)sent->memory, 0);
	}
}

struct choice *chooser_list(struct sim *s, uint32_t node, uint32_t *ret_count)
{
	const struct sim_node *n = &s->c.nodes[node];
	struct chooser *c = s->state;
	struct sim_view v;
	uint32_t count = 0;

	c->now++;
	sim_view(s, node, VIEW_NODES, &v);
	v.self.runnable = 1000 * (n->count + n->coming);
	add(c, count++, &v.self, SIM_NEVER);
	for (size_t i = 0; i < v.node_count; i++)
		add(c, count++, &v.nodes[i], s->now_us - (int64_t)v.nodes[i].age_ms * 1000);
	debit(c, sender_of(s, node), s->conf->gossip == KNOW_EXACT ? 0 : SAMPLE_US);
	*ret_count = count;
	return c->choices;
}

double known_memory(const struct sim *s, uint32_t job)
{
	return s->trace->jobs[job].hint ? (double)s->trace->jobs[job].memory : 0;
}

double choice_load(const struct choice *c, double more)
{
	return LOAD_STANDARD * (c->jobs + more) / c->cpus / c->speed;
}
