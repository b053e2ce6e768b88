/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes: every exchange is one. Who does not answer is tried by three others, who say so when
 * they fail as well (Lifeguard's nack: then it is not this node that is deaf); then it is
 * suspected.
 */
#include "policy/gossip_priv.h"

static struct probe *probe_of(struct gossip *g, uint32_t node)
{
	for (int i = 0; i < PROBES_MAX; i++)
		if (g->probes[i].id && g->probes[i].node == node && !g->probes[i].origin)
			return &g->probes[i];
	return NULL;
}

static struct probe *probe_new(struct gossip *g, uint32_t node)
{
	struct probe *p = NULL;

	for (int i = 0; i < PROBES_MAX && !p; i++)
		if (!g->probes[i].id)
			p = &g->probes[i];
	if (!p)
		return NULL;
	if (++g->last_probe == 0)
		g->last_probe = 1;
	*p = (struct probe){.id = g->last_probe, .node = node, .since = g->clock};
	g->probe_count++;
	return p;
}

static void probe_end(struct gossip *g, struct probe *p)
{
	p->id = 0;
	g->probe_count--;
}

bool probe_pending(const struct gossip *g, uint32_t node)
{
	return g->probe_count && probe_of((struct gossip *)g, node);
}

uint32_t probe_start(struct gossip *g, uint32_t node)
{
	struct probe *p = probe_of(g, node) ? NULL : probe_new(g, node);

	return p ? p->id : 0;
}

void probe_check(struct gossip *g, uint32_t node)
{
	uint32_t id = probe_start(g, node);

	if (id)
		send_plain(g, node, GOSSIP_PING, id, 0);
}

void probe_relay(struct gossip *g, const struct gossip_datagram *dg)
{
	struct probe *p;

	if (dg->target == g->config.self || !members_find(&g->members, dg->target))
		return;
	p = probe_new(g, dg->target);
	if (!p)
		return;
	p->origin = dg->from;
	p->origin_id = dg->probe;
	send_plain(g, dg->target, GOSSIP_PING, p->id, 0);
}

static void probe_done(struct gossip *g, struct probe *p)
{
	uint32_t origin = p->origin, id = p->origin_id;

	probe_end(g, p);
	if (origin)
		send_plain(g, origin, GOSSIP_ACK, id, 0);
	else if (g->health)
		g->health--;
}

void probe_answered(struct gossip *g, const struct gossip_datagram *dg)
{
	for (int i = 0; i < PROBES_MAX; i++) {
		struct probe *p = &g->probes[i];

		if (!p->id || p->id != dg->probe)
			continue;
		if (dg->kind == GOSSIP_NACK)
			p->nacks++;
		else if (dg->from == p->node || p->indirect)
			probe_done(g, p);
		return;
	}
}

void probes_forget(struct gossip *g, uint32_t node)
{
	for (int i = 0; i < PROBES_MAX && g->probe_count; i++)
		if (g->probes[i].id && g->probes[i].node == node)
			probe_end(g, &g->probes[i]);
}

/* ------------------------------------------------------------------ time */

/* Others that are well, each once. */
static uint32_t pick_helpers(struct gossip *g, uint32_t node, uint32_t ret[RELAYS])
{
	uint32_t n = 0;

	for (int tries = 0; tries < 4 * RELAYS && n < RELAYS; tries++) {
		uint32_t other = members_random_alive(&g->members, &g->random);
		bool twice = other == 0 || other == node || probe_pending(g, other) ||
			     members_find(&g->members, other)->state != GOSSIP_ALIVE;

		for (uint32_t i = 0; i < n; i++)
			twice |= ret[i] == other;
		if (!twice)
			ret[n++] = other;
	}
	return n;
}

static void ask_helpers(struct gossip *g, struct probe *p)
{
	uint32_t helpers[RELAYS], n = pick_helpers(g, p->node, helpers);

	p->indirect = true;
	p->relays = (uint8_t)n;
	for (uint32_t i = 0; i < n; i++)
		send_plain(g, helpers[i], GOSSIP_RELAY, p->id, p->node);
	/* It may be but one datagram that was lost. */
	send_plain(g, p->node, GOSSIP_PING, p->id, 0);
}

static void probe_failed(struct gossip *g, struct probe *p)
{
	uint32_t node = p->node;

	/* Others are heard, but not those that were asked: is it this node that misses much? */
	if (p->relays && !p->nacks && g->heard > p->since && g->health < HEALTH_MAX)
		g->health++;
	probe_end(g, p);
	member_suspect(g, node);
}

static void probe_run(struct gossip *g, struct probe *p)
{
	int64_t unit = (int64_t)g->config.step_ms * (1 + g->health), age = g->clock - p->since;

	if (p->origin) {
		if (age >= g->config.step_ms) {
			send_plain(g, p->origin, GOSSIP_NACK, p->origin_id, 0);
			probe_end(g, p);
		}
	} else if (!p->indirect) {
		if (age >= unit)
			ask_helpers(g, p);
	} else if (age >= 3 * unit) {
		probe_failed(g, p);
	}
}

void probes_run(struct gossip *g)
{
	for (int i = 0; i < PROBES_MAX && g->probe_count; i++)
		if (g->probes[i].id)
			probe_run(g, &g->probes[i]);
}
