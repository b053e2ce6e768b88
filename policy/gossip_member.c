/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is believed of members: SWIM's states and incarnations, Lifeguard's suspicion. Two things
 * are added. A sign of life of the last two seconds weighs more than what others say; and a death
 * that is told as hearsay (by = 0: from a table, not as news) makes this node look for itself, so
 * that two halves of a cluster that meet again do not bury each other with old news.
 */
#include "policy/gossip_priv.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ news to spread */

static uint32_t bits(uint32_t n)
{
	return n ? 32 - (uint32_t)__builtin_clz(n) : 0;
}

static struct spread *news_at(struct gossip *g, uint32_t i)
{
	return &g->news[(g->news_head + i) % NEWS_KEPT];
}

/* What is newest goes first. */
void news_add(struct gossip *g, uint32_t node, uint32_t incarnation, enum gossip_state state,
	      uint32_t by, bool eager)
{
	struct spread *s = NULL;

	for (uint32_t i = 0; i < g->news_count && !s; i++)
		if (news_at(g, i)->update.node == node)
			s = news_at(g, i);
	if (!s) {
		g->news_head = (g->news_head + NEWS_KEPT - 1) % NEWS_KEPT;
		g->news_count += g->news_count < NEWS_KEPT;
		s = news_at(g, 0);
	}
	*s = (struct spread){{.node = node, .incarnation = incarnation, .state = state, .by = by},
			     0};
	g->eager |= eager;
}

uint32_t news_collect(struct gossip *g, struct gossip_update *ret, uint32_t max)
{
	uint32_t limit = 3 * bits(g->members.alive) + 2;
	uint32_t n = g->news_count < max ? g->news_count : max;

	for (uint32_t i = 0; i < n; i++) {
		struct spread s = *news_at(g, 0);

		g->news_head = (g->news_head + 1) % NEWS_KEPT;
		g->news_count--;
		ret[i] = s.update;
		if (++s.sent < limit)
			*news_at(g, g->news_count++) = s;
	}
	return n;
}

/* ------------------------------------------------------------------ suspicion */

static struct suspicion *suspicion_find(struct gossip *g, uint32_t node)
{
	for (uint32_t i = 0; i < g->suspicion_count; i++)
		if (g->suspicions[i].node == node)
			return &g->suspicions[i];
	return NULL;
}

static struct suspicion *suspicion_add(struct gossip *g, uint32_t node)
{
	uint32_t size = g->suspicion_size ? g->suspicion_size * 2 : 8;
	struct suspicion *list;

	if (g->suspicion_count == g->suspicion_size) {
		list = realloc(g->suspicions, size * sizeof(*list));
		if (!list)
			return NULL;
		g->suspicions = list;
		g->suspicion_size = size;
	}
	list = &g->suspicions[g->suspicion_count++];
	*list = (struct suspicion){.node = node, .since = g->clock, .since_ms = g->now};
	return list;
}

static void suspicion_remove(struct gossip *g, uint32_t node)
{
	struct suspicion *s = suspicion_find(g, node);

	if (s)
		*s = g->suspicions[--g->suspicion_count];
}

/* True: @by is one more, and that counts. */
static bool suspicion_confirm(struct suspicion *s, uint32_t by)
{
	if (s->count > CONFIRMATIONS)
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->by[i] == by)
			return false;
	s->by[s->count++] = by;
	return true;
}

/* Lifeguard's: max - (max - min) · log(c + 1)/log(k + 1) after c of k confirmations. */
static int64_t suspicion_ms(const struct gossip *g, const struct suspicion *s)
{
	static const int64_t percent[CONFIRMATIONS + 1][CONFIRMATIONS + 1] = {
		{100}, {0, 100}, {0, 63, 100}, {0, 50, 79, 100}};
	uint32_t n = g->members.alive, k = n > 1 ? n - 1 : 0, c = s->count ? s->count - 1 : 0;
	int64_t log10_n = 30 * (int64_t)bits(n), least;

	least = 5 * (int64_t)g->config.step_ms * (log10_n > 100 ? log10_n : 100) / 100;
	/* Cut off, it has nobody who could confirm. */
	if (g->lonely)
		return least;
	k = k < CONFIRMATIONS ? k : CONFIRMATIONS;
	c = c < k ? c : k;
	return 2 * least - least * percent[k][c] / 100;
}

/* ------------------------------------------------------------------ changes of state */

static void forget_facts(struct gossip *g, uint32_t node, struct member *m)
{
	probes_forget(g, node);
	if (m->slot != MEMBER_NO_SLOT)
		board_remove(&g->board, m->slot);
	m->slot = MEMBER_NO_SLOT;
}

static void become(struct gossip *g, uint32_t node, struct member *m, enum gossip_state state,
		   bool added)
{
	struct gossip_news news = {.node = node,
				   .was = m->state,
				   .is = state,
				   .incarnation = m->incarnation,
				   .from = g->from ? g->from : g->config.self,
				   .added = added};

	if (m->state == state)
		return;
	if (m->state == GOSSIP_SUSPECT)
		suspicion_remove(g, node);
	if (state == GOSSIP_DEAD || state == GOSSIP_LEFT)
		forget_facts(g, node, m);
	if (state != GOSSIP_SUSPECT)
		m->heard = (uint16_t)g->step;
	members_set_state(&g->members, m, state);
	if (g->ops->news)
		g->ops->news(g->arg, &news);
}

static bool heard_lately(const struct gossip *g, const struct member *m)
{
	return m->state == GOSSIP_ALIVE && (uint16_t)(g->step - m->heard) < HEARD_STEPS;
}

/* Something speaks of an incarnation that this node is not, or has it dead: be a newer one. */
static void refute(struct gossip *g, uint32_t incarnation, bool doubted)
{
	if (incarnation < g->own.incarnation || g->left)
		return;
	g->own.incarnation = incarnation + 1;
	if (doubted && g->health < HEALTH_MAX)
		g->health++;
	news_add(g, g->config.self, g->own.incarnation, GOSSIP_ALIVE, 0, true);
	g->refuted = true;
}

static struct member *member_new(struct gossip *g, uint32_t node, uint32_t incarnation)
{
	struct member *m = members_add(&g->members, node);

	if (!m)
		return NULL;
	m->incarnation = incarnation;
	become(g, node, m, GOSSIP_ALIVE, true);
	news_add(g, node, incarnation, GOSSIP_ALIVE, 0, true);
	return m;
}

static void update_alive(struct gossip *g, const struct gossip_update *u, struct member *m)
{
	bool newer = m->incarnation < u->incarnation;
	/* Its first incarnation that is heard of, if it was said to be alive. */
	bool expected = m->state == GOSSIP_ALIVE && m->incarnation == 0;

	if (!newer && m->state != GOSSIP_UNKNOWN)
		return;
	m->incarnation = u->incarnation;
	if (m->state == GOSSIP_DEAD)
		g->hopeful = HOPE_STEPS;
	if (!expected)
		news_add(g, u->node, u->incarnation, GOSSIP_ALIVE, 0, m->state != GOSSIP_ALIVE);
	become(g, u->node, m, GOSSIP_ALIVE, false);
}

static void suspect(struct gossip *g, uint32_t node, struct member *m, uint32_t by)
{
	struct suspicion *s;

	if (m->state == GOSSIP_ALIVE) {
		become(g, node, m, GOSSIP_SUSPECT, false);
		if (!suspicion_add(g, node))
			become(g, node, m, GOSSIP_ALIVE, false);
	}
	s = suspicion_find(g, node);
	if (s && suspicion_confirm(s, by))
		news_add(g, node, m->incarnation, GOSSIP_SUSPECT, by, true);
}

static void update_suspect(struct gossip *g, const struct gossip_update *u, struct member *m)
{
	if (u->incarnation < m->incarnation || heard_lately(g, m) || u->by == 0)
		return;
	if (u->incarnation > m->incarnation || m->state == GOSSIP_UNKNOWN)
		update_alive(g, u, m);
	if (!member_is_up(m))
		return;
	/* About four in the whole cluster look for themselves when they hear it first. */
	if (m->state == GOSSIP_ALIVE && random_below(&g->random, g->members.alive) < 4)
		probe_check(g, u->node);
	suspect(g, u->node, m, u->by);
}

static void update_gone(struct gossip *g, const struct gossip_update *u, struct member *m)
{
	if (u->incarnation < m->incarnation)
		return;
	if (u->state == GOSSIP_DEAD && member_is_up(m) && (heard_lately(g, m) || u->by == 0)) {
		probe_check(g, u->node);
		return;
	}
	m->incarnation = u->incarnation;
	if (m->state != GOSSIP_DEAD && m->state != GOSSIP_LEFT && m->state != GOSSIP_UNKNOWN)
		news_add(g, u->node, u->incarnation, u->state, u->by, true);
	if (m->state != GOSSIP_LEFT)
		become(g, u->node, m, u->state, false);
}

static void update_self(struct gossip *g, const struct gossip_update *u)
{
	if (u->state != GOSSIP_ALIVE)
		refute(g, u->incarnation, u->state == GOSSIP_SUSPECT);
	else if (u->incarnation > g->own.incarnation)
		refute(g, u->incarnation, false);
}

void member_update(struct gossip *g, const struct gossip_update *u)
{
	struct member *m;

	if (u->node < 1 || u->node > GOSSIP_NODE_MAX || u->incarnation == UINT32_MAX)
		return;
	if (u->node == g->config.self) {
		update_self(g, u);
		return;
	}
	m = members_find(&g->members, u->node);
	if (!m) {
		/* Nobody needs to know of the death of one it never knew. */
		if (u->state != GOSSIP_DEAD && u->state != GOSSIP_LEFT)
			m = member_new(g, u->node, u->incarnation);
		if (!m)
			return;
	}
	switch (u->state) {
	case GOSSIP_ALIVE:
		update_alive(g, u, m);
		break;
	case GOSSIP_SUSPECT:
		update_suspect(g, u, m);
		break;
	case GOSSIP_DEAD:
	case GOSSIP_LEFT:
		update_gone(g, u, m);
		break;
	case GOSSIP_UNKNOWN:
	case GOSSIP_STATES:
		break;
	}
}

/* ------------------------------------------------------------------ signs of life */

static void sign_of_life(struct gossip *g, uint32_t node, struct member *m)
{
	m->heard = (uint16_t)g->step;
	if (m->state == GOSSIP_SUSPECT)
		become(g, node, m, GOSSIP_ALIVE, false);
}

/* Remembers to tell it what was thought of it: only a new incarnation of its own ends that
 * everywhere. */
static void tell_it(struct gossip *g, uint32_t node, const struct member *m)
{
	g->told = (struct gossip_update){
		.node = node,
		.incarnation = m->incarnation,
		.state = m->state,
		.by = m->state == GOSSIP_SUSPECT ? g->config.self : 0,
	};
}

void member_heard(struct gossip *g, uint32_t node, uint32_t incarnation)
{
	struct gossip_update u = {.node = node, .incarnation = incarnation, .state = GOSSIP_ALIVE};
	struct member *m = members_find(&g->members, node);

	if (m && !member_is_up(m) && m->state != GOSSIP_UNKNOWN)
		g->sync_wanted = true; /* there may be more of them, where it was */
	member_update(g, &u);
	m = members_find(&g->members, node);
	if (!m)
		return;
	if (m->state != GOSSIP_ALIVE || m->incarnation > incarnation)
		tell_it(g, node, m);
	if (member_is_up(m) && m->incarnation <= incarnation)
		sign_of_life(g, node, m);
}

/* Told by others: it was alive when it said that. */
static void entry_as_sign(struct gossip *g, const struct gossip_entry *e, struct member *m)
{
	const struct suspicion *s;
	int64_t born = g->now - e->facts.age_ms;

	if (m->state != GOSSIP_SUSPECT)
		return;
	s = suspicion_find(g, e->facts.node);
	if (s && born > s->since_ms)
		sign_of_life(g, e->facts.node, m);
}

static void entry_keep(struct gossip *g, const struct gossip_entry *e, struct member *m)
{
	const struct gossip_entry *have;
	struct member *lost;
	uint32_t node;

	if (m->slot != MEMBER_NO_SLOT) {
		have = &g->board.slots[m->slot];
		if (have->incarnation < e->incarnation ||
		    (have->incarnation == e->incarnation && have->seq < e->seq))
			board_replace(&g->board, g->now, m->slot, e);
		return;
	}
	m->slot = board_add(&g->board, g->now, e, &node);
	lost = node ? members_find(&g->members, node) : NULL;
	if (lost)
		lost->slot = MEMBER_NO_SLOT;
}

void member_entry(struct gossip *g, const struct gossip_entry *e)
{
	struct gossip_update u = {
		.node = e->facts.node, .incarnation = e->incarnation, .state = GOSSIP_ALIVE};
	struct member *m;

	if (e->facts.node == g->config.self) {
		member_update(g, &u);
		return;
	}
	/* What is older than the board's ring is not worth a new member. */
	if (e->facts.age_ms / g->config.step_ms >= BOARD_RING - 1)
		return;
	m = members_find(&g->members, e->facts.node);
	if (!m || m->incarnation < e->incarnation || m->state == GOSSIP_UNKNOWN)
		member_update(g, &u);
	m = m ? m : members_find(&g->members, e->facts.node);
	if (!m || !member_is_up(m) || e->incarnation < m->incarnation)
		return;
	entry_as_sign(g, e, m);
	entry_keep(g, e, m);
}

/* ------------------------------------------------------------------ time */

void member_suspect(struct gossip *g, uint32_t node)
{
	struct member *m = members_find(&g->members, node);

	if (m && member_is_up(m))
		suspect(g, node, m, g->config.self);
}

void lonely_begin(struct gossip *g)
{
	uint32_t max = g->members.alive;

	g->lonely = true;
	for (uint32_t i = 0; i < max; i++) {
		uint32_t node = g->members.order[i];
		struct member *m = members_find(&g->members, node);
		struct suspicion *s;

		if (m->state != GOSSIP_ALIVE)
			continue;
		become(g, node, m, GOSSIP_SUSPECT, false);
		s = suspicion_add(g, node);
		if (s)
			s->lonely = true;
		else
			become(g, node, m, GOSSIP_ALIVE, false);
	}
}

void lonely_end(struct gossip *g)
{
	g->lonely = false;
	for (uint32_t i = 0; i < g->suspicion_count;) {
		uint32_t node = g->suspicions[i].node;

		/* Another one takes its place. */
		if (g->suspicions[i].lonely)
			become(g, node, members_find(&g->members, node), GOSSIP_ALIVE, false);
		else
			i++;
	}
}

static void bury(struct gossip *g, uint32_t node)
{
	struct member *m = members_find(&g->members, node);

	news_add(g, node, m->incarnation, GOSSIP_DEAD, g->config.self, true);
	become(g, node, m, GOSSIP_DEAD, false);
}

void suspicions_run(struct gossip *g)
{
	for (uint32_t i = 0; i < g->suspicion_count;) {
		const struct suspicion *s = &g->suspicions[i];

		/* bury() puts another one in its place. */
		if (g->clock - s->since >= suspicion_ms(g, s))
			bury(g, s->node);
		else
			i++;
	}
}

void member_remove(struct gossip *g, uint32_t node, struct member *m)
{
	if (m->state == GOSSIP_SUSPECT)
		suspicion_remove(g, node);
	forget_facts(g, node, m);
	members_remove(&g->members, node);
}

void members_sweep(struct gossip *g)
{
	struct members *ms = &g->members;

	for (uint32_t i = ms->count; i-- > ms->alive;) {
		uint32_t node = ms->order[i];
		const struct member *m = members_find(ms, node);

		if (!(m->flags & MEMBER_KEPT) && m->state != GOSSIP_UNKNOWN &&
		    (uint16_t)(g->step - m->heard) >= TOMBSTONE_STEPS)
			members_remove(ms, node);
	}
}
