/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of members. */
#include "policy/membership.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 64u

void members_done(struct members *ms)
{
	for (uint32_t i = 0; i < ms->page_count; i++)
		free(ms->pages[i]);
	free(ms->pages);
	free(ms->order);
	*ms = (struct members){0};
}

struct member *members_find(const struct members *ms, uint32_t node)
{
	uint32_t page = node / PAGE;
	struct member *m;

	if (page >= ms->page_count || !ms->pages[page])
		return NULL;
	m = &ms->pages[page][node % PAGE];
	return m->flags & MEMBER_PRESENT ? m : NULL;
}

void members_prefetch(const struct members *ms, uint32_t node)
{
	uint32_t page = node / PAGE;

	if (page < ms->page_count && ms->pages[page])
		__builtin_prefetch(&ms->pages[page][node % PAGE]);
}

static int grow_pages(struct members *ms, uint32_t page)
{
	struct member **pages;

	if (page >= ms->page_count) {
		pages = realloc(ms->pages, (page + 1) * sizeof(*pages));
		if (!pages)
			return -1;
		memset(pages + ms->page_count, 0, (page + 1 - ms->page_count) * sizeof(*pages));
		ms->pages = pages;
		ms->page_count = page + 1;
	}
	if (!ms->pages[page])
		ms->pages[page] = calloc(PAGE, sizeof(struct member));
	return ms->pages[page] ? 0 : -1;
}

static int grow_order(struct members *ms)
{
	uint32_t size = ms->size ? ms->size * 2 : 16;
	uint16_t *order;

	if (ms->count < ms->size)
		return 0;
	order = realloc(ms->order, size * sizeof(*order));
	if (!order)
		return -1;
	ms->order = order;
	ms->size = size;
	return 0;
}

struct member *members_add(struct members *ms, uint32_t node)
{
	struct member *m;

	assert(node >= 1 && node <= GOSSIP_NODE_MAX);
	if (grow_pages(ms, node / PAGE) < 0 || grow_order(ms) < 0)
		return NULL;
	m = &ms->pages[node / PAGE][node % PAGE];
	*m = (struct member){
		.pos = (uint16_t)ms->count,
		.slot = MEMBER_NO_SLOT,
		.state = GOSSIP_UNKNOWN,
		.flags = MEMBER_PRESENT,
	};
	ms->order[ms->count++] = (uint16_t)node;
	return m;
}

static void swap(struct members *ms, uint32_t a, uint32_t b)
{
	uint16_t x = ms->order[a], y = ms->order[b];

	ms->order[a] = y;
	ms->order[b] = x;
	members_find(ms, x)->pos = (uint16_t)b;
	members_find(ms, y)->pos = (uint16_t)a;
}

void members_set_state(struct members *ms, struct member *m, enum gossip_state state)
{
	bool was = member_is_up(m);

	m->state = (uint8_t)state;
	if (was == member_is_up(m))
		return;
	if (was)
		swap(ms, m->pos, --ms->alive);
	else
		swap(ms, m->pos, ms->alive++);
}

void members_remove(struct members *ms, uint32_t node)
{
	struct member *m = members_find(ms, node);

	members_set_state(ms, m, GOSSIP_DEAD);
	swap(ms, m->pos, ms->count - 1);
	ms->count--;
	m->flags = 0;
}

uint32_t members_random_alive(const struct members *ms, struct random *r)
{
	return ms->alive ? ms->order[random_below(r, ms->alive)] : 0;
}

uint32_t members_random_other(const struct members *ms, struct random *r)
{
	uint32_t n = ms->count - ms->alive;

	return n ? ms->order[ms->alive + random_below(r, n)] : 0;
}

size_t members_memory(const struct members *ms)
{
	size_t bytes = ms->page_count * sizeof(*ms->pages) + ms->size * sizeof(*ms->order);

	for (uint32_t i = 0; i < ms->page_count; i++)
		bytes += ms->pages[i] ? PAGE * sizeof(struct member) : 0;
	return bytes;
}
