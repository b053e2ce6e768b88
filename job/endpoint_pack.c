/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An endpoint as bytes, so that the guest's end of the link can travel with the job.
 */
#include "common/cleanup.h"
#include "job/endpoint_priv.h"
#include "job/pack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENDPOINT_VERSION 1u
/* Offsets beyond this cannot be real and would only invite overflows. */
#define OFFSET_MAX (UINT64_MAX >> 2)

static void sender_pack(struct packer *p, const struct sender *o)
{
	pack_u64(p, o->base);
	pack_u8(p, o->eof);
	pack_u8(p, o->eof_acked);
	pack_u8(p, o->broken);
	pack_u64(p, o->taken);
	pack_blob(p, fifo_data(&o->queue), o->queue.len);
}

static void receiver_pack(struct packer *p, const struct receiver *in)
{
	pack_u64(p, in->delivered);
	pack_u8(p, in->eof);
	pack_u8(p, in->closed);
	pack_u8(p, in->broken);
	pack_u8(p, in->broken_known);
	pack_u64(p, in->taken);
	pack_blob(p, fifo_data(&in->queue), in->queue.len);
}

static void control_pack(struct packer *p, const struct control_queue *q)
{
	pack_u64(p, q->done);
	pack_u32(p, (uint32_t)(q->last - q->done));
	for (uint64_t seq = q->done + 1; seq <= q->last; seq++) {
		const struct control *c = &q->messages[seq % ENDPOINT_CONTROL_QUEUE];

		pack_u8(p, (uint8_t)c->kind);
		pack_u32(p, c->arg);
		pack_blob(p, c->data, c->len);
	}
}

int endpoint_pack(const struct endpoint *ep, uint8_t **ret, size_t *ret_len)
{
	struct packer p = {0};

	pack_u32(&p, ENDPOINT_VERSION);
	pack_u8(&p, (uint8_t)ep->side);
	for (unsigned int s = 0; s < LINK_STREAMS; s++) {
		sender_pack(&p, &ep->streams[s].out);
		receiver_pack(&p, &ep->streams[s].in);
	}
	control_pack(&p, &ep->out);
	control_pack(&p, &ep->in);
	if (p.failed) {
		free(p.data);
		return -ENOMEM;
	}
	*ret = p.data;
	*ret_len = p.len;
	return 0;
}

static int queue_unpack(struct unpacker *u, struct fifo *q, size_t max)
{
	size_t len;
	const uint8_t *data = unpack_blob(u, max, &len);

	return len ? fifo_put(q, data, len, max) : 0;
}

static int sender_unpack(struct unpacker *u, struct sender *o)
{
	o->base = o->sent = unpack_u64(u);
	o->eof = unpack_bool(u);
	o->eof_acked = unpack_bool(u);
	o->broken = unpack_bool(u);
	o->taken = unpack_u64(u);
	if (o->base > OFFSET_MAX)
		u->failed = true;
	return queue_unpack(u, &o->queue, ENDPOINT_STREAM_MAX);
}

static int receiver_unpack(struct unpacker *u, struct receiver *in)
{
	in->delivered = unpack_u64(u);
	in->eof = unpack_bool(u);
	in->closed = unpack_bool(u);
	in->broken = unpack_bool(u);
	in->broken_known = unpack_bool(u);
	in->taken = unpack_u64(u);
	if (in->delivered > OFFSET_MAX)
		u->failed = true;
	return queue_unpack(u, &in->queue, LINK_WINDOW);
}

static void control_unpack(struct unpacker *u, struct control_queue *q, enum endpoint_side from)
{
	uint32_t count;

	q->done = q->last = unpack_u64(u);
	count = unpack_u32(u);
	if (q->done > OFFSET_MAX || count > ENDPOINT_CONTROL_QUEUE)
		u->failed = true;
	while (!u->failed && count--) {
		uint8_t kind = unpack_u8(u);
		uint32_t arg = unpack_u32(u);
		size_t len;
		const uint8_t *data = unpack_blob(u, ENDPOINT_CONTROL_DATA, &len);

		if (u->failed || arg > UINT16_MAX || kind >= _LINK_KIND_MAX ||
		    control_check(from, (enum link_kind)kind, (uint16_t)arg, len) < 0 ||
		    control_append(q, (enum link_kind)kind, (uint16_t)arg, data, len) < 0)
			u->failed = true;
	}
}

int endpoint_unpack(struct endpoint **ret, const uint8_t *data, size_t len)
{
	_cleanup_(endpoint_freep) struct endpoint *ep = NULL;
	struct unpacker u = {.data = data, .len = len};
	uint32_t version = unpack_u32(&u);
	uint8_t side = unpack_u8(&u);
	int r;

	if (version != ENDPOINT_VERSION || side != ENDPOINT_GUEST)
		return -EPROTO;
	r = endpoint_new(&ep, ENDPOINT_GUEST);
	for (unsigned int s = 0; r >= 0 && s < LINK_STREAMS; s++) {
		r = sender_unpack(&u, &ep->streams[s].out);
		if (r >= 0)
			r = receiver_unpack(&u, &ep->streams[s].in);
	}
	if (r < 0)
		return r;
	control_unpack(&u, &ep->out, ENDPOINT_GUEST);
	control_unpack(&u, &ep->in, ENDPOINT_DEPUTY);
	if (u.failed || u.len)
		return -EPROTO;
	ep->control_sent = ep->control_ever = ep->out.last;
	*ret = steal_ptr(ep);
	return 0;
}
