/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a job link against a hostile other end: frames, local events and packed states in
 * any order. First byte: bit 0 = which side, bit 1 = the rest is a packed state. Otherwise steps
 * follow: an operation, and what it needs.
 */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "job/endpoint.h"
#include "test/fuzz/fuzz.h"

struct input {
	const uint8_t *p;
	size_t left;
};

static uint8_t next(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static bool sends(enum endpoint_side side, unsigned int stream)
{
	bool to_guest = stream == LINK_IN || stream == LINK_TTY_IN;

	return to_guest == (side == ENDPOINT_DEPUTY);
}

static void drain(struct endpoint *ep)
{
	struct link_frame f;

	for (int i = 0; endpoint_next_to_send(ep, &f); i++) {
		uint8_t body[LINK_REF + LINK_HEADER];

		fuzz_check(i < 1000 && f.len <= LINK_DATA_MAX);
		link_frame_pack(1, 1, &f, body);
	}
}

/* A frame of at most 255 bytes of data, through the parser or not at all. */
static void receive(struct endpoint *ep, struct input *in)
{
	uint8_t body[LINK_REF + LINK_HEADER + 255] = {0};
	size_t len = LINK_HEADER + next(in);
	struct link_frame f;
	uint64_t job;
	uint32_t gen;
	int r;

	if (len > in->left)
		len = in->left;
	memcpy(body + LINK_REF, in->p, len);
	in->p += len;
	in->left -= len;
	if (link_frame_unpack(body, LINK_REF + len, &job, &gen, &f) < 0)
		return;
	r = endpoint_receive(ep, &f);
	fuzz_check(r == 0 || r == -EPROTO || r == -ENOMEM);
	if (r < 0)
		endpoint_path_down(ep);
}

static void write_local(struct endpoint *ep, unsigned int stream, uint8_t count)
{
	static const uint8_t data[256 * 64];
	size_t space = endpoint_space(ep, stream), len = count * 64u;

	fuzz_check(space <= LINK_WINDOW);
	if (len > space)
		len = space;
	if (len)
		(void)endpoint_put(ep, stream, data, len);
	if (count == 255)
		endpoint_put_eof(ep, stream);
}

static void read_local(struct endpoint *ep, unsigned int stream, uint8_t count)
{
	const uint8_t *p;
	size_t len = endpoint_pending(ep, stream, &p);

	fuzz_check(len <= ENDPOINT_STREAM_MAX);
	if (count == 255) {
		endpoint_break(ep, stream);
		return;
	}
	if (len > count * 64u)
		len = count * 64u;
	if (len)
		endpoint_delivered(ep, stream, len);
	if (endpoint_at_end(ep, stream))
		endpoint_end_delivered(ep, stream);
}

static void local_control(struct endpoint *ep, uint8_t count)
{
	struct link_frame f;

	if (endpoint_control_next(ep, &f))
		endpoint_control_done(ep);
	(void)endpoint_control_put(ep, count % _LINK_KIND_MAX, count, "123456789", count % 10u);
}

/* Only guests move. What was packed must be accepted again, and be the same. */
static void check_pack(struct endpoint *ep)
{
	_cleanup_(endpoint_freep) struct endpoint *again = NULL;
	_cleanup_free_ uint8_t *one = NULL, *two = NULL;
	size_t one_len, two_len;

	fuzz_check(endpoint_pack(ep, &one, &one_len) == 0);
	fuzz_check(endpoint_unpack(&again, one, one_len) == 0);
	fuzz_check(endpoint_pack(again, &two, &two_len) == 0);
	fuzz_check(one_len == two_len && memcmp(one, two, one_len) == 0);
}

static void step(struct endpoint *ep, enum endpoint_side side, struct input *in)
{
	uint8_t op = next(in);
	unsigned int stream = (op >> 4) % LINK_STREAMS;

	switch (op & 7) {
	case 0:
		endpoint_path_up(ep);
		break;
	case 1:
		endpoint_path_down(ep);
		break;
	case 2:
		if (sends(side, stream))
			write_local(ep, stream, next(in));
		else
			read_local(ep, stream, next(in));
		break;
	case 3:
		local_control(ep, next(in));
		break;
	case 4:
		if (side == ENDPOINT_GUEST)
			check_pack(ep);
		break;
	default:
		receive(ep, in);
	}
	drain(ep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(endpoint_freep) struct endpoint *ep = NULL;
	struct input in = {.p = data, .left = size};
	uint8_t kind = next(&in);
	enum endpoint_side side = kind & 1 ? ENDPOINT_GUEST : ENDPOINT_DEPUTY;

	if (kind & 2) {
		if (endpoint_unpack(&ep, in.p, in.left) < 0)
			return 0;
		check_pack(ep);
		endpoint_path_up(ep);
		drain(ep);
		return 0;
	}
	fuzz_check(endpoint_new(&ep, side) == 0);
	endpoint_path_up(ep);
	drain(ep);
	for (int i = 0; in.left && i < 2000; i++)
		step(ep, side, &in);
	return 0;
}
