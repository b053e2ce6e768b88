/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board of entries. */
#include "policy/gossip_board.h"

#include <stdlib.h>
#include <string.h>

void board_init(struct board *b, uint32_t max, uint32_t step_ms, int64_t now_ms)
{
	*b = (struct board){.free = BOARD_NONE, .max = max, .step_ms = step_ms};
	b->now = now_ms / step_ms;
	memset(b->heads, 0xff, sizeof(b->heads));
}

void board_done(struct board *b)
{
	free(b->slots);
	free(b->next);
	free(b->prev);
	free(b->bucket);
}

/* ------------------------------------------------------------------ lists */

static void link_in(struct board *b, uint16_t slot, int64_t born_step)
{
	uint8_t k = (uint8_t)((uint64_t)born_step % BOARD_RING);

	b->bucket[slot] = k;
	b->prev[slot] = BOARD_NONE;
	b->next[slot] = b->heads[k];
	if (b->heads[k] != BOARD_NONE)
		b->prev[b->heads[k]] = slot;
	b->heads[k] = slot;
	b->used[k / 64] |= 1ull << k % 64;
}

static void link_out(struct board *b, uint16_t slot)
{
	uint8_t k = b->bucket[slot];

	if (b->prev[slot] != BOARD_NONE)
		b->next[b->prev[slot]] = b->next[slot];
	else
		b->heads[k] = b->next[slot];
	if (b->next[slot] != BOARD_NONE)
		b->prev[b->next[slot]] = b->prev[slot];
	if (b->heads[k] == BOARD_NONE)
		b->used[k / 64] &= ~(1ull << k % 64);
}

/* ------------------------------------------------------------------ slots */

static int resize(void *array, size_t count, size_t size)
{
	void **p = array, *new = realloc(*p, count * size);

	if (!new)
		return -1;
	*p = new;
	return 0;
}

static int grow(struct board *b)
{
	uint32_t size = b->size ? b->size * 2 : 16;

	if (size > b->max)
		size = b->max;
	if (size == b->size)
		return -1;
	if (resize(&b->slots, size, sizeof(*b->slots)) < 0 ||
	    resize(&b->next, size, sizeof(*b->next)) < 0 ||
	    resize(&b->prev, size, sizeof(*b->prev)) < 0 ||
	    resize(&b->bucket, size, sizeof(*b->bucket)) < 0)
		return -1;
	for (uint32_t i = size; i-- > b->size;) {
		b->next[i] = b->free;
		b->free = (uint16_t)i;
	}
	b->size = size;
	return 0;
}

void board_remove(struct board *b, uint16_t slot)
{
	link_out(b, slot);
	b->next[slot] = b->free;
	b->free = slot;
	b->count--;
}

/* Its step of birth, within what the ring holds. */
static int64_t born_step(const struct board *b, int64_t now_ms, uint32_t age_ms)
{
	int64_t step = (now_ms - age_ms) / b->step_ms;

	if (step > b->now)
		return b->now;
	return step > b->now - (int64_t)BOARD_RING + 1 ? step : b->now - (int64_t)BOARD_RING + 1;
}

static void write_slot(struct board *b, int64_t now_ms, uint16_t slot, const struct gossip_entry *e)
{
	b->slots[slot] = *e;
	b->slots[slot].facts.age_ms = (uint32_t)(now_ms - e->facts.age_ms);
	link_in(b, slot, born_step(b, now_ms, e->facts.age_ms));
}

static uint32_t make_room(struct board *b, int64_t now_ms, const struct gossip_entry *e)
{
	uint16_t oldest;
	uint32_t node;

	if (!board_oldest(b, &oldest, 1) || board_age(b, now_ms, oldest) <= e->facts.age_ms)
		return 0;
	node = b->slots[oldest].facts.node;
	board_remove(b, oldest);
	return node;
}

uint16_t board_add(struct board *b, int64_t now_ms, const struct gossip_entry *e,
		   uint32_t *ret_lost)
{
	uint16_t slot;

	*ret_lost = 0;
	if (e->facts.age_ms / b->step_ms >= BOARD_RING - 1)
		return BOARD_NONE;
	if (b->free == BOARD_NONE && grow(b) < 0)
		*ret_lost = make_room(b, now_ms, e);
	slot = b->free;
	if (slot == BOARD_NONE)
		return BOARD_NONE;
	b->free = b->next[slot];
	b->count++;
	write_slot(b, now_ms, slot, e);
	return slot;
}

void board_replace(struct board *b, int64_t now_ms, uint16_t slot, const struct gossip_entry *e)
{
	link_out(b, slot);
	write_slot(b, now_ms, slot, e);
}

uint16_t board_advance(struct board *b, int64_t now_ms)
{
	int64_t now = now_ms / b->step_ms;
	uint16_t slot;

	if (now > b->now + (int64_t)BOARD_RING)
		b->now = now - (int64_t)BOARD_RING;
	while (b->now < now) {
		/* The bucket of the coming step holds what is a whole ring old. */
		slot = b->heads[(uint64_t)(b->now + 1) % BOARD_RING];
		if (slot != BOARD_NONE) {
			board_remove(b, slot);
			return slot;
		}
		b->now++;
	}
	return BOARD_NONE;
}

/* ------------------------------------------------------------------ reading */

uint32_t board_age(const struct board *b, int64_t now_ms, uint16_t slot)
{
	return (uint32_t)now_ms - b->slots[slot].facts.age_ms;
}

void board_read(const struct board *b, int64_t now_ms, uint16_t slot, struct gossip_entry *ret)
{
	*ret = b->slots[slot];
	ret->facts.age_ms = board_age(b, now_ms, slot);
}

uint16_t board_walk(const struct board *b, struct board_walk *w)
{
	uint16_t slot;

	if (w->seen == b->count)
		return BOARD_NONE;
	if (w->seen++ == 0) {
		w->step = b->now;
		w->next = b->heads[(uint64_t)w->step % BOARD_RING];
	}
	while (w->next == BOARD_NONE)
		w->next = b->heads[(uint64_t)--w->step % BOARD_RING];
	slot = w->next;
	w->next = b->next[slot];
	return slot;
}

/* The next bucket that is not empty, from @k on around the ring; there is one. */
static uint32_t next_used(const struct board *b, uint32_t k)
{
	uint64_t bits = b->used[k / 64] & (~0ull << k % 64);
	uint32_t word = k / 64;

	while (!bits) {
		word = (word + 1) % (BOARD_RING / 64);
		bits = b->used[word];
	}
	return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

uint32_t board_oldest(const struct board *b, uint16_t *ret, uint32_t max)
{
	uint32_t n = 0, k = (uint32_t)((uint64_t)(b->now + 1) % BOARD_RING);

	if (max > b->count)
		max = b->count;
	while (n < max) {
		k = next_used(b, k);
		for (uint16_t s = b->heads[k]; s != BOARD_NONE && n < max; s = b->next[s])
			ret[n++] = s;
		k = (k + 1) % BOARD_RING;
	}
	return n;
}

size_t board_memory(const struct board *b)
{
	return b->size * (sizeof(*b->slots) + 2 * sizeof(*b->next) + sizeof(*b->bucket));
}
