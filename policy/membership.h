/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of members that gossip knows: 14 bytes for each, found by number, drawn at random.
 * Only policy/gossip*.c uses it.
 */
#ifndef MOSIX_POLICY_MEMBERSHIP_H
#define MOSIX_POLICY_MEMBERSHIP_H

#include "policy/gossip.h"
#include "policy/random.h"

enum member_flag {
	MEMBER_PRESENT = 1 << 0,
	MEMBER_KEPT = 1 << 1,  /* is never forgotten */
	MEMBER_TRIED = 1 << 2, /* was asked once whether it is there */
};

#define MEMBER_NO_SLOT UINT16_MAX

struct member {
	uint32_t incarnation;
	uint16_t pos;   /* in order[] */
	uint16_t slot;  /* on the board */
	uint16_t heard; /* step of the last sign of life; of dead ones: of their death */
	uint8_t state;  /* enum gossip_state */
	uint8_t flags;
};

struct members {
	struct member **pages;
	uint32_t page_count;
	uint16_t *order; /* alive and suspect ones first, then the others; in no order */
	uint32_t count, alive, size;
};

void members_done(struct members *ms);
/* NULL: not a member. */
struct member *members_find(const struct members *ms, uint32_t node);
/* New, as UNKNOWN; NULL if there is no memory. @node must be valid and not a member. */
struct member *members_add(struct members *ms, uint32_t node);
void members_remove(struct members *ms, uint32_t node);
void members_set_state(struct members *ms, struct member *m, enum gossip_state state);
/* 0 = there is none. */
uint32_t members_random_alive(const struct members *ms, struct random *r);
uint32_t members_random_other(const struct members *ms, struct random *r);
size_t members_memory(const struct members *ms);

static inline bool member_is_up(const struct member *m)
{
	return m->state == GOSSIP_ALIVE || m->state == GOSSIP_SUSPECT;
}

/* Asks the cache for what members_find() is about to read. */
void members_prefetch(const struct members *ms, uint32_t node);

#endif
