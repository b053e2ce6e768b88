/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Little-endian records.
 */
#include "job/pack.h"

#include <stdlib.h>
#include <string.h>

static bool pack_reserve(struct packer *p, size_t more)
{
	size_t size = p->size ? p->size : 256;
	uint8_t *data;

	if (p->failed)
		return false;
	if (p->size - p->len >= more)
		return true;
	while (size - p->len < more)
		size *= 2;
	data = realloc(p->data, size);
	if (!data) {
		p->failed = true;
		return false;
	}
	p->data = data;
	p->size = size;
	return true;
}

void pack_raw(struct packer *p, const void *data, size_t len)
{
	if (!len || !pack_reserve(p, len))
		return;
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

void pack_uint(struct packer *p, uint64_t v, unsigned int bytes)
{
	uint8_t b[8];

	for (unsigned int i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(v >> (8 * i));
	pack_raw(p, b, bytes);
}

void pack_blob(struct packer *p, const void *data, size_t len)
{
	pack_u32(p, (uint32_t)len);
	pack_raw(p, data, len);
}

const uint8_t *unpack_raw(struct unpacker *u, size_t len)
{
	const uint8_t *data = u->data;

	if (u->failed || u->len < len) {
		u->failed = true;
		return NULL;
	}
	u->data += len;
	u->len -= len;
	return data;
}

uint64_t unpack_uint(struct unpacker *u, unsigned int bytes)
{
	const uint8_t *b = unpack_raw(u, bytes);
	uint64_t v = 0;

	for (unsigned int i = 0; b && i < bytes; i++)
		v |= (uint64_t)b[i] << (8 * i);
	return v;
}

const uint8_t *unpack_blob(struct unpacker *u, size_t max, size_t *ret_len)
{
	size_t len = unpack_u32(u);
	const uint8_t *data;

	if (len > max)
		u->failed = true;
	data = unpack_raw(u, len);
	*ret_len = data ? len : 0;
	return data;
}
