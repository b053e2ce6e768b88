/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board: the latest entries of other nodes, in a ring of buckets by the step in which they were
 * born, so that the freshest, the oldest and a newer entry each cost the same at any size. Only
 * policy/gossip*.c uses it.
 */
#ifndef MOSIX_POLICY_GOSSIP_BOARD_H
#define MOSIX_POLICY_GOSSIP_BOARD_H

#include "policy/gossip.h"

#define BOARD_RING 256u       /* steps: what is older is gone */
#define BOARD_NONE UINT16_MAX /* no slot */

struct board {
	struct gossip_entry *slots; /* facts.age_ms: when it was born, ms */
	uint16_t *next, *prev;      /* of each slot, within its bucket or the free list */
	uint8_t *bucket;            /* of each slot */
	uint16_t heads[BOARD_RING];
	uint64_t used[BOARD_RING / 64]; /* bit: the bucket is not empty */
	uint16_t free;
	uint32_t count, size, max;
	uint32_t step_ms;
	int64_t now; /* step */
};

void board_init(struct board *b, uint32_t max, uint32_t step_ms, int64_t now_ms);
void board_done(struct board *b);
/* The slot of an entry that the time has taken off, or BOARD_NONE when all are gone that must: call
 * it until then whenever time has passed. The slot is still readable. */
uint16_t board_advance(struct board *b, int64_t now_ms);
/* A place for an entry that was not there; if the board is full, the oldest one goes: *ret_lost is
 * its node (else 0). BOARD_NONE: it is older than all others, or no memory. */
uint16_t board_add(struct board *b, int64_t now_ms, const struct gossip_entry *e,
		   uint32_t *ret_lost);
/* Replaces the entry in @slot. */
void board_replace(struct board *b, int64_t now_ms, uint16_t slot, const struct gossip_entry *e);
void board_remove(struct board *b, uint16_t slot);
/* Entry as of now. */
void board_read(const struct board *b, int64_t now_ms, uint16_t slot, struct gossip_entry *ret);
/* ms since it was born */
uint32_t board_age(const struct board *b, int64_t now_ms, uint16_t slot);
/* From the freshest (to a step) to the oldest; starts as {0}; BOARD_NONE at the end. */
struct board_walk {
	int64_t step;
	uint32_t seen;
	uint16_t next;
};
uint16_t board_walk(const struct board *b, struct board_walk *w);
/* Slots of the @max oldest, oldest first. */
uint32_t board_oldest(const struct board *b, uint16_t *ret, uint32_t max);
size_t board_memory(const struct board *b);

/* Asks the cache for what is about to be read. */
static inline void board_prefetch(const struct board *b, uint16_t slot)
{
	if (slot != BOARD_NONE)
		__builtin_prefetch(&b->slots[slot]);
}

#endif
