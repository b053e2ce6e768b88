/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gossip: settings, time, and what is known. */
#include "policy/gossip_priv.h"

#include <errno.h>
#include <stdlib.h>

const char *gossip_state_name(enum gossip_state s)
{
	static const char *const names[GOSSIP_STATES] = {
		[GOSSIP_UNKNOWN] = "unknown", [GOSSIP_ALIVE] = "alive",
		[GOSSIP_SUSPECT] = "suspect", [GOSSIP_DEAD] = "dead",
		[GOSSIP_LEFT] = "left",
	};

	return s < GOSSIP_STATES ? names[s] : "?";
}

void gossip_config_init(struct gossip_config *c, uint32_t self, uint32_t incarnation)
{
	*c = (struct gossip_config){
		.self = self,
		.incarnation = incarnation,
		.step_ms = GOSSIP_STEP_MS,
		.window = GOSSIP_WINDOW,
		.board = GOSSIP_BOARD,
	};
}

static uint32_t within(uint32_t v, uint32_t least, uint32_t most)
{
	return v < least ? least : v > most ? most : v;
}

struct gossip *gossip_new(const struct gossip_config *c, uint64_t seed, int64_t now_ms,
			  const struct gossip_ops *ops, void *arg)
{
	struct gossip *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->config = *c;
	g->config.step_ms = within(c->step_ms, 1, 60000);
	g->config.window = within(c->window, 1, GOSSIP_WINDOW_MAX);
	g->config.board = within(c->board, 1, BOARD_NONE - 1);
	g->ops = ops;
	g->arg = arg;
	random_seed(&g->random, seed);
	g->own.facts.node = c->self;
	g->own.incarnation = c->incarnation;
	g->last_probe = (uint32_t)random_next(&g->random);
	g->now = g->last_step = g->next_step = now_ms;
	/* Not all nodes of a cluster push in the same step and pull in the next. */
	g->step = 2 + random_below(&g->random, 2);
	g->sync_wanted = true;
	board_init(&g->board, g->config.board, g->config.step_ms, now_ms);
	return g;
}

struct gossip *gossip_free(struct gossip *g)
{
	if (!g)
		return NULL;
	members_done(&g->members);
	board_done(&g->board);
	free(g->suspicions);
	free(g);
	return NULL;
}

/* ------------------------------------------------------------------ events */

/* What went by while this node slept or hung counts as two steps at most. */
static void advance(struct gossip *g, int64_t now_ms)
{
	int64_t step = g->config.step_ms, passed = now_ms - g->last_step;
	uint16_t slot;

	if (passed > 2 * step && g->health < HEALTH_MAX)
		g->health++;
	g->clock += passed < 2 * step ? passed : 2 * step;
	g->last_step = g->now = now_ms;
	/* A call that is a little late does not put off the next. */
	g->next_step += step;
	if (g->next_step < now_ms + step / 2)
		g->next_step = now_ms + step / 2;
	g->step++;
	while ((slot = board_advance(&g->board, now_ms)) != BOARD_NONE) {
		struct member *m = members_find(&g->members, g->board.slots[slot].facts.node);

		if (m)
			m->slot = MEMBER_NO_SLOT;
	}
}

void gossip_tick(struct gossip *g, int64_t now_ms)
{
	if (g->left || now_ms < g->next_step)
		return;
	advance(g, now_ms);
	g->eager_left = EAGER_PER_STEP;
	g->answers += ANSWERS_PER_STEP;
	if (g->answers > ANSWERS_MAX)
		g->answers = ANSWERS_MAX;
	probes_run(g);
	if (!g->lonely && g->members.alive &&
	    g->clock - g->heard >= (int64_t)LONELY_STEPS * g->config.step_ms)
		lonely_begin(g);
	suspicions_run(g);
	exchange_step(g);
	if (g->step % 64 == 0)
		members_sweep(g);
	send_eager(g);
}

void gossip_set_facts(struct gossip *g, const struct node_facts *own)
{
	g->own.facts = *own;
	g->own.facts.node = g->config.self;
	g->own.facts.age_ms = 0;
}

int gossip_add(struct gossip *g, uint32_t node, bool alive, bool keep)
{
	struct member *m;

	if (node < 1 || node > GOSSIP_NODE_MAX || node == g->config.self)
		return -EINVAL;
	m = members_find(&g->members, node);
	if (!m) {
		m = members_add(&g->members, node);
		if (!m)
			return -ENOMEM;
		g->untried = 1;
		if (alive) {
			members_set_state(&g->members, m, GOSSIP_ALIVE);
			g->sync_wanted = false;
		}
	}
	m->flags = (uint8_t)((m->flags & ~MEMBER_KEPT) | (keep ? MEMBER_KEPT : 0));
	return 0;
}

void gossip_remove(struct gossip *g, uint32_t node)
{
	struct member *m = members_find(&g->members, node);

	if (m)
		member_remove(g, node, m);
}

void gossip_leave(struct gossip *g, int64_t now_ms)
{
	if (g->left)
		return;
	g->now = now_ms;
	g->left = true;
	news_add(g, g->config.self, g->own.incarnation, GOSSIP_LEFT, g->config.self, true);
	for (uint32_t i = 0; i < LEAVE_TELLS && g->members.alive; i++) {
		uint32_t to = g->members.alive <= LEAVE_TELLS
				      ? g->members.order[i % g->members.alive]
				      : members_random_alive(&g->members, &g->random);

		send_plain(g, to, GOSSIP_NEWS, 0, 0);
	}
}

/* ------------------------------------------------------------------ what is known */

enum gossip_state gossip_state(const struct gossip *g, uint32_t node, uint32_t *ret_incarnation)
{
	const struct member *m = members_find(&g->members, node);
	bool self = node == g->config.self;

	if (ret_incarnation)
		*ret_incarnation = self ? g->own.incarnation : m ? m->incarnation : 0;
	if (self)
		return g->left ? GOSSIP_LEFT : GOSSIP_ALIVE;
	return m ? m->state : GOSSIP_UNKNOWN;
}

uint32_t gossip_alive(const struct gossip *g)
{
	return g->members.alive + 1;
}

uint32_t gossip_members(const struct gossip *g)
{
	return g->members.count + 1;
}

uint32_t gossip_incarnation(const struct gossip *g)
{
	return g->own.incarnation;
}

uint32_t gossip_health(const struct gossip *g)
{
	return g->health;
}

size_t gossip_facts(const struct gossip *g, int64_t now_ms, struct node_facts *ret, size_t max)
{
	struct board_walk w = {0};
	struct gossip_entry e;
	uint16_t slot;
	size_t n = 0;

	while (n < max && (slot = board_walk(&g->board, &w)) != BOARD_NONE) {
		board_read(&g->board, now_ms, slot, &e);
		ret[n++] = e.facts;
	}
	return n;
}

bool gossip_facts_of(const struct gossip *g, int64_t now_ms, uint32_t node, struct node_facts *ret)
{
	const struct member *m = members_find(&g->members, node);
	struct gossip_entry e;

	if (!m || m->slot == MEMBER_NO_SLOT)
		return false;
	board_read(&g->board, now_ms, m->slot, &e);
	*ret = e.facts;
	return true;
}

size_t gossip_memory(const struct gossip *g)
{
	return sizeof(*g) + members_memory(&g->members) + board_memory(&g->board) +
	       g->suspicion_size * sizeof(*g->suspicions);
}
