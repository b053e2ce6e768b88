/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gossip datagrams as bytes. */
#include "policy/gossip_wire.h"

#include <errno.h>

#define AGE_UNIT_MS 20u

/* ------------------------------------------------------------------ numbers */

static void put(uint8_t **p, uint64_t v, unsigned int bytes)
{
	uint64_t most = bytes == 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1;

	v = v < most ? v : most;
	for (unsigned int i = 0; i < bytes; i++, v >>= 8)
		*(*p)++ = (uint8_t)v;
}

static uint32_t get(const uint8_t **p, unsigned int bytes)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint32_t)*(*p)++ << 8 * i;
	return v;
}

/* ------------------------------------------------------------------ parts */

static void put_entry(uint8_t **p, const struct gossip_entry *e)
{
	const struct node_facts *f = &e->facts;

	put(p, f->node, 2);
	put(p, f->flags, 2);
	put(p, f->cpus, 3);
	put(p, f->speed, 3);
	put(p, f->runnable, 3);
	put(p, f->mem_total, 4);
	put(p, f->mem_free, 4);
	put(p, f->guests, 2);
	put(p, f->jobs, 2);
	put(p, f->classes, 1);
	put(p, f->cpu_class, 4);
	put(p, f->age_ms / AGE_UNIT_MS, 2);
	put(p, e->incarnation, 4);
	put(p, e->seq, 4);
}

static void get_entry(const uint8_t **p, struct gossip_entry *e)
{
	struct node_facts *f = &e->facts;

	f->node = get(p, 2);
	f->flags = get(p, 2);
	f->cpus = get(p, 3);
	f->speed = get(p, 3);
	f->runnable = get(p, 3);
	f->mem_total = get(p, 4);
	f->mem_free = get(p, 4);
	f->guests = (uint16_t)get(p, 2);
	f->jobs = (uint16_t)get(p, 2);
	f->classes = (uint8_t)get(p, 1);
	f->cpu_class = get(p, 4);
	f->age_ms = get(p, 2) * AGE_UNIT_MS;
	e->incarnation = get(p, 4);
	e->seq = get(p, 4);
}

static void put_update(uint8_t **p, const struct gossip_update *u)
{
	put(p, u->node, 2);
	put(p, u->incarnation, 4);
	put(p, u->by, 2);
	put(p, u->state, 1);
}

static int get_update(const uint8_t **p, struct gossip_update *u)
{
	uint32_t state;

	u->node = get(p, 2);
	u->incarnation = get(p, 4);
	u->by = get(p, 2);
	state = get(p, 1);
	if (u->node == 0 || state == GOSSIP_UNKNOWN || state >= GOSSIP_STATES)
		return -EPROTO;
	u->state = state;
	return 0;
}

/* ------------------------------------------------------------------ the whole */

size_t gossip_size(const struct gossip_datagram *dg)
{
	return GOSSIP_WIRE_HEAD + (size_t)dg->entry_count * GOSSIP_WIRE_ENTRY +
	       (size_t)dg->update_count * GOSSIP_WIRE_UPDATE;
}

size_t gossip_pack(const struct gossip_datagram *dg, uint8_t *buf, size_t size)
{
	uint8_t *p = buf;

	if (gossip_size(dg) > size || dg->entry_count > UINT8_MAX || dg->update_count > UINT8_MAX)
		return 0;
	put(&p, dg->kind, 1);
	put(&p, dg->incarnation, 4);
	put(&p, dg->probe, 4);
	put(&p, dg->target, 2);
	put(&p, dg->entry_count, 1);
	put(&p, dg->update_count, 1);
	for (uint32_t i = 0; i < dg->entry_count; i++)
		put_entry(&p, &dg->entries[i]);
	for (uint32_t i = 0; i < dg->update_count; i++)
		put_update(&p, &dg->updates[i]);
	return (size_t)(p - buf);
}

static int get_head(const uint8_t **p, struct gossip_datagram *dg)
{
	uint32_t kind = get(p, 1);

	*dg = (struct gossip_datagram){.incarnation = get(p, 4)};
	dg->probe = get(p, 4);
	dg->target = get(p, 2);
	dg->entry_count = get(p, 1);
	dg->update_count = get(p, 1);
	if (kind >= GOSSIP_KINDS || dg->entry_count > GOSSIP_WINDOW_MAX ||
	    dg->update_count > GOSSIP_UPDATES_MAX)
		return -EPROTO;
	dg->kind = kind;
	return 0;
}

int gossip_unpack(const uint8_t *buf, size_t len, struct gossip_unpacked *ret)
{
	const uint8_t *p = buf;

	if (len < GOSSIP_WIRE_HEAD || get_head(&p, &ret->dg) < 0 || gossip_size(&ret->dg) != len)
		return -EPROTO;
	for (uint32_t i = 0; i < ret->dg.entry_count; i++) {
		get_entry(&p, &ret->entries[i]);
		if (ret->entries[i].facts.node == 0)
			return -EPROTO;
	}
	for (uint32_t i = 0; i < ret->dg.update_count; i++)
		if (get_update(&p, &ret->updates[i]) < 0)
			return -EPROTO;
	ret->dg.entries = ret->entries;
	ret->dg.updates = ret->updates;
	return 0;
}
