/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packing and bounded unpacking of protobuf messages.
 */
#include "common/msg.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"

/* What unpacking may take from malloc() in all: protobuf-c's bookkeeping needs up to about 80
 * bytes per field, and a field is seldom shorter than a few bytes. */
#define BUDGET_BASE (16u << 10)
#define BUDGET_PER_BYTE 24

/* malloc()'s own: a header, and never less than this. */
#define CHUNK_HEADER 8
#define CHUNK_MIN 24

struct budget {
	size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;
	size_t cost = (size > CHUNK_MIN ? size : CHUNK_MIN) + CHUNK_HEADER;

	if (size > SIZE_MAX - CHUNK_HEADER || cost > b->left)
		return NULL;
	b->left -= cost;
	return malloc(size);
}

static void budget_free(void *data, void *p)
{
	(void)data;
	free(p);
}

void *msg_unpack(const ProtobufCMessageDescriptor *d, const void *body, size_t len)
{
	struct budget b = {.left = BUDGET_BASE + len * BUDGET_PER_BYTE};
	ProtobufCAllocator a = {
		.alloc = budget_alloc,
		.free = budget_free,
		.allocator_data = &b,
	};

	if (len > CHAN_FRAME_MAX)
		return NULL;
	return protobuf_c_message_unpack(d, &a, len, body);
}

void msg_free(void *m)
{
	/* The pieces came from malloc(), which is protobuf-c's default. */
	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
}

void msg_freep(void *m)
{
	msg_free(*(void **)m);
}

int msg_pack(const ProtobufCMessage *m, uint8_t **ret, size_t *ret_len)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *buf = malloc(len ? len : 1);

	if (!buf)
		return -ENOMEM;
	*ret_len = protobuf_c_message_pack(m, buf);
	*ret = buf;
	return 0;
}

int msg_send(struct chan *c, uint16_t type, const ProtobufCMessage *m, int fd)
{
	_cleanup_free_ uint8_t *buf = NULL;
	size_t len;
	int r;

	if (protobuf_c_message_get_packed_size(m) > CHAN_FRAME_MAX)
		return -EMSGSIZE;
	r = msg_pack(m, &buf, &len);
	if (r < 0)
		return r;
	return chan_send(c, type, buf, len, fd);
}
