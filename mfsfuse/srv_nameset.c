/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing with linear probing; what is taken out is closed up behind. */
#include "mfsfuse/srv_nameset.h"

#include <stdlib.h>

#define SIZE_MIN 16u
#define SIZE_MAX_SLOTS 16384u

static uint32_t hash(const char *name)
{
	uint32_t h = 0x811c9dc5u;

	while (*name)
		h = (h ^ (uint8_t)*name++) * 0x01000193u;
	h ^= h >> 15;
	return h ? h : 1;
}

/* Where it is, or the free slot where it would be. */
static uint32_t find(const struct nameset *s, uint32_t h)
{
	uint32_t at = h & (s->size - 1);

	while (s->slots[at] && s->slots[at] != h)
		at = (at + 1) & (s->size - 1);
	return at;
}

static bool grow(struct nameset *s)
{
	const uint32_t size = s->size ? s->size * 2 : SIZE_MIN;
	struct nameset n = {.size = size, .used = s->used};

	n.slots = size <= SIZE_MAX_SLOTS ? calloc(size, sizeof(*n.slots)) : NULL;
	if (!n.slots)
		return false;
	for (uint32_t i = 0; i < s->size; i++) {
		if (s->slots[i])
			n.slots[find(&n, s->slots[i])] = s->slots[i];
	}
	free(s->slots);
	*s = n;
	return true;
}

void nameset_add(struct nameset *s, const char *name)
{
	const uint32_t h = hash(name);
	uint32_t at;

	if (s->all)
		return;
	if (s->used * 4 >= s->size * 3 && !grow(s)) {
		nameset_clear(s);
		s->all = true;
		return;
	}
	at = find(s, h);
	s->used += !s->slots[at];
	s->slots[at] = h;
}

bool nameset_has(const struct nameset *s, const char *name)
{
	return s->all || (s->size && s->slots[find(s, hash(name))]);
}

bool nameset_take(struct nameset *s, const char *name)
{
	uint32_t at, next;

	if (s->all || !s->size)
		return s->all;
	at = find(s, hash(name));
	if (!s->slots[at])
		return false;
	s->slots[at] = 0;
	s->used--;
	/* Those behind it may have been pushed there by it. */
	for (next = (at + 1) & (s->size - 1); s->slots[next]; next = (next + 1) & (s->size - 1)) {
		const uint32_t h = s->slots[next];

		s->slots[next] = 0;
		s->slots[find(s, h)] = h;
	}
	return true;
}

void nameset_clear(struct nameset *s)
{
	free(s->slots);
	*s = (struct nameset){.slots = NULL};
}
