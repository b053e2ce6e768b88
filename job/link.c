/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the job link to bytes and back.
 */
#include "job/link.h"

#include "job/pack.h"
#include <errno.h>
#include <stdbool.h>

static void put_uint(uint8_t *b, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> (8 * i));
}

void link_frame_pack(uint64_t job, uint32_t gen, const struct link_frame *f,
		     uint8_t ret[LINK_REF + LINK_HEADER])
{
	uint8_t *h = ret + LINK_REF;

	put_uint(ret, job, 8);
	put_uint(ret + 8, gen, 4);
	put_uint(ret + 12, 0, 4);
	h[0] = (uint8_t)f->kind;
	h[1] = f->stream;
	put_uint(h + 2, f->arg, 2);
	put_uint(h + 4, f->len, 4);
	put_uint(h + 8, f->seq, 8);
}

/* Which streams and how many bytes each kind may have; the endpoint checks the rest. */
static const struct {
	uint8_t streams;
	uint32_t len_min, len_max;
} link_limits[_LINK_KIND_MAX] = {
	[LINK_DATA] = {LINK_STREAMS, 1, LINK_DATA_MAX},
	[LINK_ACK] = {LINK_STREAMS + 1, 0, 0},
	[LINK_EOF] = {LINK_STREAMS, 0, 0},
	[LINK_HELLO] = {1, 8 * (LINK_STREAMS + 1), 8 * (LINK_STREAMS + 1)},
	[LINK_BROKEN] = {LINK_STREAMS, 0, 0},
	[LINK_SIGNAL] = {1, 0, 0},
	[LINK_WINSIZE] = {1, 1, 64},
	[LINK_TERMIOS] = {1, 1, 64},
	[LINK_STOPPED] = {1, 0, 0},
	[LINK_CONT] = {1, 0, 0},
	[LINK_ENDED] = {1, 0, 0},
	[LINK_GROUND] = {1, 0, 0},
};

int link_frame_unpack(const uint8_t *body, size_t len, uint64_t *ret_job, uint32_t *ret_gen,
		      struct link_frame *ret)
{
	struct unpacker u = {.data = body, .len = len};
	struct link_frame f = {0};
	uint64_t job = unpack_u64(&u);
	uint32_t gen = unpack_u32(&u);
	uint8_t kind;

	(void)unpack_u32(&u);
	kind = unpack_u8(&u);
	f.stream = unpack_u8(&u);
	f.arg = (uint16_t)unpack_uint(&u, 2);
	f.len = unpack_u32(&u);
	f.seq = unpack_u64(&u);
	f.data = unpack_raw(&u, f.len);
	if (u.failed || u.len || !kind || kind >= _LINK_KIND_MAX)
		return -EPROTO;
	f.kind = (enum link_kind)kind;
	if (f.stream >= link_limits[kind].streams || f.len < link_limits[kind].len_min ||
	    f.len > link_limits[kind].len_max)
		return -EPROTO;

	*ret_job = job;
	*ret_gen = gen;
	*ret = f;
	return 0;
}
