/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams: what is in them, to whom they go, and what follows from one that comes. */
#include "policy/gossip_priv.h"

/* ------------------------------------------------------------------ sending */

static struct gossip_update update_of(const struct gossip *g, uint32_t node, const struct member *m)
{
	return (struct gossip_update){
		.node = node,
		.incarnation = m->incarnation,
		.state = m->state,
		.by = m->state == GOSSIP_SUSPECT ? g->config.self : 0,
	};
}

/* What the receiver should know of itself. */
static uint32_t collect_about(struct gossip *g, uint32_t to, struct gossip_update *ret)
{
	const struct member *m = members_find(&g->members, to);

	if (g->told.node == to) {
		*ret = g->told;
		g->told.node = 0;
		return 1;
	}
	if (!m || m->state == GOSSIP_ALIVE || m->state == GOSSIP_UNKNOWN)
		return 0;
	*ret = update_of(g, to, m);
	return 1;
}

static uint32_t collect_hearsay(struct gossip *g, struct gossip_update *ret)
{
	const struct members *ms = &g->members;
	uint32_t n = 0;

	for (int i = 0; i < HEARSAY_SENT && ms->count; i++) {
		uint32_t node = ms->order[random_below(&g->random, ms->count)];
		const struct member *m = members_find(ms, node);

		if (m->state != GOSSIP_UNKNOWN && m->state != GOSSIP_SUSPECT)
			ret[n++] = update_of(g, node, m);
	}
	return n;
}

static uint32_t collect_updates(struct gossip *g, uint32_t to, bool hearsay,
				struct gossip_update *ret)
{
	uint32_t n = collect_about(g, to, ret);

	n += news_collect(g, ret + n, NEWS_SENT);
	if (hearsay)
		n += collect_hearsay(g, ret + n);
	return n;
}

static void send(struct gossip *g, uint32_t to, struct gossip_datagram *dg)
{
	dg->from = g->config.self;
	dg->incarnation = g->own.incarnation;
	if (to == g->from)
		g->answered = true;
	g->ops->send(g->arg, to, dg);
}

void send_plain(struct gossip *g, uint32_t to, enum gossip_kind kind, uint32_t probe,
		uint32_t target)
{
	struct gossip_update updates[NEWS_SENT + HEARSAY_SENT + 1];
	struct gossip_datagram dg = {
		.kind = kind, .probe = probe, .target = target, .updates = updates};

	dg.update_count = collect_updates(g, to, false, updates);
	send(g, to, &dg);
}

void send_entries(struct gossip *g, uint32_t to, enum gossip_kind kind, uint32_t probe)
{
	struct gossip_update updates[NEWS_SENT + HEARSAY_SENT + 1];
	struct gossip_entry entries[GOSSIP_WINDOW_MAX];
	struct gossip_datagram dg = {
		.kind = kind, .probe = probe, .updates = updates, .entries = entries};
	struct board_walk w = {0};
	uint16_t slots[GOSSIP_WINDOW_MAX];
	uint32_t n = 0;

	g->own.seq++;
	entries[dg.entry_count++] = g->own;
	while (n < g->config.window - 1 && (slots[n] = board_walk(&g->board, &w)) != BOARD_NONE)
		board_prefetch(&g->board, slots[n++]);
	for (uint32_t i = 0; i < n; i++)
		if (g->board.slots[slots[i]].facts.node != to)
			board_read(&g->board, g->now, slots[i], &entries[dg.entry_count++]);
	dg.update_count = collect_updates(g, to, true, updates);
	send(g, to, &dg);
}

void send_eager(struct gossip *g)
{
	while (g->eager && g->news_count && g->eager_left && g->members.alive) {
		send_plain(g, members_random_alive(&g->members, &g->random), GOSSIP_NEWS, 0, 0);
		g->eager_left--;
	}
	g->eager = false;
}

/* ------------------------------------------------------------------ one step */

/* Of the members without an entry one, as far as a few tries find it; else the one with the oldest
 * entry. Those that are being looked at already are passed over. */
static uint32_t pick_oldest(struct gossip *g)
{
	uint16_t slots[PROBES_MAX];
	uint32_t n;

	for (int i = 0; i < 4 && g->board.count < g->members.alive; i++) {
		uint32_t node = members_random_alive(&g->members, &g->random);

		if (members_find(&g->members, node)->slot == MEMBER_NO_SLOT &&
		    g->members.alive <= g->config.board && !probe_pending(g, node))
			return node;
	}
	n = board_oldest(&g->board, slots, PROBES_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t node = g->board.slots[slots[i]].facts.node;

		if (!probe_pending(g, node) &&
		    members_find(&g->members, node)->state == GOSSIP_ALIVE)
			return node;
	}
	return members_random_alive(&g->members, &g->random);
}

/* Once each, soon: members that were never heard of. */
static void try_unknown(struct gossip *g)
{
	struct members *ms = &g->members;
	uint32_t sent = 0;

	for (uint32_t i = ms->alive; g->untried && i < ms->count && sent < TRIES_PER_STEP; i++) {
		struct member *m = members_find(ms, ms->order[i]);

		if (m->flags & MEMBER_TRIED || m->state != GOSSIP_UNKNOWN)
			continue;
		m->flags |= MEMBER_TRIED;
		send_plain(g, ms->order[i], GOSSIP_PING, 0, 0);
		sent++;
	}
	if (sent < TRIES_PER_STEP)
		g->untried = 0;
}

/* Those that are not alive may have come back without a word. */
static void try_other(struct gossip *g)
{
	uint32_t every =
		g->members.alive + 1 > CONTACT_STEPS ? g->members.alive + 1 : CONTACT_STEPS;
	uint32_t node;

	/* By chance, so that not all nodes of a cluster do it in the same step. */
	if (g->hopeful)
		g->hopeful--;
	else if (random_below(&g->random, every))
		return;
	node = members_random_other(&g->members, &g->random);
	if (node)
		send_plain(g, node, GOSSIP_PING, 0, 0);
}

static void sync_step(struct gossip *g)
{
	uint32_t pause = g->sync_next ? SYNC_STEPS : RESYNC_STEPS;

	if (!g->sync_wanted || !g->members.alive ||
	    (g->sync_step && g->step - g->sync_step < pause))
		return;
	if (!g->sync_next) {
		g->sync_next = 1;
		g->sync_from = members_random_alive(&g->members, &g->random);
	} else if (g->sync_asked == g->sync_next) {
		/* No answer: ask another one. */
		g->sync_from = members_random_alive(&g->members, &g->random);
	}
	g->sync_asked = g->sync_next;
	g->sync_step = g->step;
	send_plain(g, g->sync_from, GOSSIP_SYNC, 0, g->sync_next);
}

void exchange_step(struct gossip *g)
{
	uint32_t to;

	if (g->members.alive) {
		to = g->step % 2 ? members_random_alive(&g->members, &g->random) : pick_oldest(g);
		if (g->step % 2)
			send_entries(g, to, GOSSIP_PUSH, probe_start(g, to));
		else
			send_plain(g, to, GOSSIP_PULL, probe_start(g, to), 0);
	}
	try_unknown(g);
	try_other(g);
	sync_step(g);
}

/* ------------------------------------------------------------------ receiving */

static void send_page(struct gossip *g, const struct gossip_datagram *dg)
{
	struct gossip_update updates[PAGE_UPDATES];
	struct gossip_datagram page = {.kind = GOSSIP_SYNCED, .updates = updates};
	uint32_t node = dg->target;

	for (; node <= g->members.page_count * 64 && page.update_count < PAGE_UPDATES; node++) {
		const struct member *m = members_find(&g->members, node);

		if (m && m->state != GOSSIP_UNKNOWN && m->state != GOSSIP_SUSPECT)
			updates[page.update_count++] = update_of(g, node, m);
	}
	page.target = node <= g->members.page_count * 64 ? node : 0;
	send(g, dg->from, &page);
}

static void on_page(struct gossip *g, const struct gossip_datagram *dg)
{
	if (!g->sync_wanted || dg->from != g->sync_from || !g->sync_next)
		return;
	g->sync_next = dg->target > g->sync_next ? dg->target : 0;
	g->sync_wanted = g->sync_next != 0;
}

static void reply(struct gossip *g, const struct gossip_datagram *dg)
{
	switch (dg->kind) {
	case GOSSIP_PUSH:
	case GOSSIP_PING:
		send_plain(g, dg->from, GOSSIP_ACK, dg->probe, 0);
		break;
	case GOSSIP_PULL:
		if (g->answers >= 8) {
			g->answers -= 8;
			send_entries(g, dg->from, GOSSIP_ANSWER, dg->probe);
		} else {
			send_plain(g, dg->from, GOSSIP_ACK, dg->probe, 0);
		}
		break;
	case GOSSIP_RELAY:
		probe_relay(g, dg);
		break;
	case GOSSIP_ACK:
	case GOSSIP_ANSWER:
	case GOSSIP_NACK:
		probe_answered(g, dg);
		break;
	case GOSSIP_SYNC:
		send_page(g, dg);
		break;
	case GOSSIP_SYNCED:
		on_page(g, dg);
		break;
	case GOSSIP_NEWS:
	case GOSSIP_KINDS:
		break;
	}
}

static uint16_t slot_of(const struct gossip *g, uint32_t node)
{
	const struct member *m = members_find(&g->members, node);

	return m ? m->slot : MEMBER_NO_SLOT;
}

static void take_in(struct gossip *g, const struct gossip_datagram *dg)
{
	for (uint32_t i = 0; i < dg->entry_count; i++)
		members_prefetch(&g->members, dg->entries[i].facts.node);
	for (uint32_t i = 0; i < dg->entry_count; i++)
		board_prefetch(&g->board, slot_of(g, dg->entries[i].facts.node));
	for (uint32_t i = 0; i < dg->entry_count; i++)
		member_entry(g, &dg->entries[i]);
	for (uint32_t i = 0; i < dg->update_count; i++)
		member_update(g, &dg->updates[i]);
}

static bool plausible(const struct gossip *g, const struct gossip_datagram *dg)
{
	return dg->from >= 1 && dg->from <= GOSSIP_NODE_MAX && dg->from != g->config.self &&
	       dg->incarnation != UINT32_MAX && dg->entry_count <= GOSSIP_WINDOW_MAX &&
	       dg->update_count <= GOSSIP_UPDATES_MAX;
}

void gossip_receive(struct gossip *g, int64_t now_ms, const struct gossip_datagram *dg)
{
	if (g->left || !plausible(g, dg))
		return;
	g->now = now_ms;
	g->from = dg->from;
	g->answered = g->refuted = false;
	g->told.node = 0;
	g->heard = g->clock;
	if (g->lonely)
		lonely_end(g);
	member_heard(g, dg->from, dg->incarnation);
	take_in(g, dg);
	reply(g, dg);
	if ((g->refuted || g->told.node) && !g->answered)
		send_plain(g, dg->from, GOSSIP_NEWS, 0, 0);
	g->from = 0;
	send_eager(g);
}
