/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job link between two endpoints over paths that are cut at any byte, while the guest moves:
 * every byte and control message arrives once and in order.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "job/endpoint.h"
#include "job/fifo.h"
#include <cmocka.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define WIRE_MAX (8u << 20)
#define FRAME_HEAD (LINK_REF + LINK_HEADER)

/* One direction of a path: packed frames, each behind its u32 length. */
struct wire {
	struct fifo bytes;
};

struct world {
	uint64_t random;
	struct endpoint *ep[2]; /* by enum endpoint_side */
	struct wire wire[2];    /* what that side sent */
	bool up;
	bool frozen; /* the guest may not deliver: its state is on the way */
	uint8_t *blob;
	size_t blob_len;
	uint64_t put[LINK_STREAMS], got[LINK_STREAMS], want[LINK_STREAMS];
	unsigned int signals_put, signals_got, stops_put, stops_got;
	unsigned int cuts, moves, aborts;
};

static uint32_t rnd(struct world *w, uint32_t limit)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)(w->random >> 32) % limit;
}

static uint8_t content(unsigned int stream, uint64_t at)
{
	return (uint8_t)((at * 2654435761u + stream * 97u) >> 9);
}

static enum endpoint_side sender_side(unsigned int stream)
{
	return stream == LINK_IN || stream == LINK_TTY_IN ? ENDPOINT_DEPUTY : ENDPOINT_GUEST;
}

static void wire_send(struct wire *w, const struct link_frame *f)
{
	uint8_t head[4 + FRAME_HEAD];
	uint32_t len = (uint32_t)FRAME_HEAD + f->len;

	memcpy(head, &len, 4);
	link_frame_pack(7, 1, f, head + 4);
	assert_int_equal(fifo_put(&w->bytes, head, sizeof(head), WIRE_MAX), 0);
	assert_int_equal(fifo_put(&w->bytes, f->data, f->len, WIRE_MAX), 0);
}

/* Delivers the first complete frame; false if there is none. */
static bool wire_deliver(struct wire *w, struct endpoint *to)
{
	struct link_frame f;
	uint64_t job;
	uint32_t len, gen;

	if (w->bytes.len < 4)
		return false;
	memcpy(&len, fifo_data(&w->bytes), 4);
	if (w->bytes.len < 4 + len)
		return false;
	assert_int_equal(link_frame_unpack(fifo_data(&w->bytes) + 4, len, &job, &gen, &f), 0);
	assert_int_equal(endpoint_receive(to, &f), 0);
	fifo_drop(&w->bytes, 4 + len);
	return true;
}

/* The path breaks: of what is under way a part of any length still arrives. */
static void path_cut(struct world *w)
{
	for (unsigned int side = 0; side < 2; side++) {
		struct fifo *b = &w->wire[side].bytes;

		if (b->len)
			b->len = rnd(w, (uint32_t)b->len + 1);
		while (wire_deliver(&w->wire[side], w->ep[!side]))
			;
		fifo_clear(b);
		endpoint_path_down(w->ep[side]);
	}
	w->up = false;
	w->cuts++;
}

static void path_up(struct world *w)
{
	endpoint_path_up(w->ep[0]);
	endpoint_path_up(w->ep[1]);
	w->up = true;
}

static void produce(struct world *w, unsigned int stream)
{
	struct endpoint *ep = w->ep[sender_side(stream)];
	size_t n = endpoint_space(ep, stream), left = w->want[stream] - w->put[stream];
	uint8_t buf[4096];

	if (sender_side(stream) == ENDPOINT_GUEST && w->frozen)
		return;
	n = n < left ? n : left;
	n = n < sizeof(buf) ? n : sizeof(buf);
	if (n)
		n = 1 + rnd(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		buf[i] = content(stream, w->put[stream] + i);
	if (n)
		assert_int_equal(endpoint_put(ep, stream, buf, n), 0);
	w->put[stream] += n;
	if (w->put[stream] == w->want[stream])
		endpoint_put_eof(ep, stream);
}

static void consume(struct world *w, unsigned int stream)
{
	enum endpoint_side side = !sender_side(stream);
	const uint8_t *data;
	size_t n;

	if (side == ENDPOINT_GUEST && w->frozen)
		return;
	n = endpoint_pending(w->ep[side], stream, &data);
	if (n) {
		n = 1 + rnd(w, (uint32_t)n);
		for (size_t i = 0; i < n; i++)
			if (data[i] != content(stream, w->got[stream] + i))
				fail_msg("stream %u differs at %llu", stream,
					 (unsigned long long)w->got[stream] + i);
		w->got[stream] += n;
		endpoint_delivered(w->ep[side], stream, n);
	}
	if (endpoint_at_end(w->ep[side], stream)) {
		assert_int_equal(w->got[stream], w->want[stream]);
		endpoint_end_delivered(w->ep[side], stream);
	}
}

static void control(struct world *w)
{
	struct link_frame f;

	if (rnd(w, 4) == 0 && w->signals_put < 500 &&
	    endpoint_control_put(w->ep[ENDPOINT_DEPUTY], LINK_SIGNAL,
				 (uint16_t)(1 + w->signals_put % 64), NULL, 0) == 0)
		w->signals_put++;
	if (!w->frozen && rnd(w, 4) == 0 && w->stops_put < 500 &&
	    endpoint_control_put(w->ep[ENDPOINT_GUEST], LINK_STOPPED,
				 (uint16_t)(1 + w->stops_put % 64), NULL, 0) == 0)
		w->stops_put++;
	if (!w->frozen && endpoint_control_next(w->ep[ENDPOINT_GUEST], &f)) {
		assert_int_equal(f.kind, LINK_SIGNAL);
		assert_int_equal(f.arg, 1 + w->signals_got++ % 64);
		endpoint_control_done(w->ep[ENDPOINT_GUEST]);
	}
	if (endpoint_control_next(w->ep[ENDPOINT_DEPUTY], &f)) {
		assert_int_equal(f.kind, LINK_STOPPED);
		assert_int_equal(f.arg, 1 + w->stops_got++ % 64);
		endpoint_control_done(w->ep[ENDPOINT_DEPUTY]);
	}
}

static void move_begin(struct world *w)
{
	assert_int_equal(endpoint_pack(w->ep[ENDPOINT_GUEST], &w->blob, &w->blob_len), 0);
	w->frozen = true;
}

static void move_end(struct world *w, bool commit)
{
	if (commit) {
		if (w->up)
			path_cut(w);
		endpoint_free(w->ep[ENDPOINT_GUEST]);
		assert_int_equal(endpoint_unpack(&w->ep[ENDPOINT_GUEST], w->blob, w->blob_len), 0);
		w->moves++;
	} else {
		w->aborts++;
	}
	free(w->blob);
	w->blob = NULL;
	w->frozen = false;
}

static void transmit(struct world *w)
{
	struct link_frame f;

	for (unsigned int side = 0; side < 2; side++) {
		for (uint32_t n = rnd(w, 5); n; n--)
			if (endpoint_next_to_send(w->ep[side], &f))
				wire_send(&w->wire[side], &f);
		for (uint32_t n = rnd(w, 5); n; n--)
			(void)wire_deliver(&w->wire[side], w->ep[!side]);
	}
}

static bool all_done(const struct world *w)
{
	for (unsigned int s = 0; s < LINK_STREAMS; s++)
		if (!endpoint_finished(w->ep[sender_side(s)], s))
			return false;
	return endpoint_control_finished(w->ep[0]) && endpoint_control_finished(w->ep[1]);
}

static void world_step(struct world *w, uint32_t trouble)
{
	for (unsigned int s = 0; s < LINK_STREAMS; s++) {
		if (rnd(w, 2))
			produce(w, s);
		if (rnd(w, 2))
			consume(w, s);
	}
	control(w);
	if (!w->up && rnd(w, 4) == 0)
		path_up(w);
	transmit(w);
	if (w->up && rnd(w, trouble) == 0)
		path_cut(w);
	/* One end sees a new path while the other goes on with the old one. */
	if (w->up && rnd(w, trouble) == 0)
		endpoint_path_up(w->ep[rnd(w, 2)]);
	if (rnd(w, trouble) == 0) {
		if (w->frozen)
			move_end(w, rnd(w, 3) != 0);
		else
			move_begin(w);
	}
}

static void world_run(uint64_t seed, uint32_t trouble, uint32_t bytes)
{
	struct world w = {.random = seed * 0x9e3779b97f4a7c15u + 1};
	unsigned int steps = 0;

	assert_int_equal(endpoint_new(&w.ep[0], ENDPOINT_DEPUTY), 0);
	assert_int_equal(endpoint_new(&w.ep[1], ENDPOINT_GUEST), 0);
	for (unsigned int s = 0; s < LINK_STREAMS; s++)
		w.want[s] = rnd(&w, bytes);
	while (!all_done(&w) || w.frozen) {
		world_step(&w, trouble);
		if (++steps > 5000000)
			fail_msg("seed %llu does not come to an end", (unsigned long long)seed);
	}
	for (unsigned int s = 0; s < LINK_STREAMS; s++)
		assert_int_equal(w.got[s], w.want[s]);
	assert_int_equal(w.signals_got, w.signals_put);
	assert_int_equal(w.stops_got, w.stops_put);
	for (unsigned int side = 0; side < 2; side++) {
		endpoint_free(w.ep[side]);
		fifo_clear(&w.wire[side].bytes);
	}
}

static void test_cuts_and_moves(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++)
		world_run(seed, 20 + (uint32_t)seed * 3, 1u << 18);
}

static void test_calm(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		world_run(seed, 1u << 30, 1u << 21);
}

/* Sends everything that both have to send, until neither has. */
static void exchange(struct endpoint *a, struct endpoint *b)
{
	struct link_frame f;
	bool more = true;

	while (more) {
		more = false;
		while (endpoint_next_to_send(a, &f)) {
			assert_int_equal(endpoint_receive(b, &f), 0);
			more = true;
		}
		while (endpoint_next_to_send(b, &f)) {
			assert_int_equal(endpoint_receive(a, &f), 0);
			more = true;
		}
	}
}

struct pair {
	struct endpoint *deputy, *guest;
};

static int pair_setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	*state = p;
	if (!p || endpoint_new(&p->deputy, ENDPOINT_DEPUTY) < 0 ||
	    endpoint_new(&p->guest, ENDPOINT_GUEST) < 0)
		return -1;
	endpoint_path_up(p->deputy);
	endpoint_path_up(p->guest);
	exchange(p->deputy, p->guest);
	return endpoint_synced(p->deputy) && endpoint_synced(p->guest) ? 0 : -1;
}

static int pair_teardown(void **state)
{
	struct pair *p = *state;

	endpoint_free(p->deputy);
	endpoint_free(p->guest);
	free(p);
	return 0;
}

static void test_window(void **state)
{
	static const uint8_t zeros[LINK_WINDOW * 2];
	struct pair *p = *state;
	const uint8_t *data;

	assert_int_equal(endpoint_space(p->guest, LINK_OUT), LINK_WINDOW);
	assert_int_equal(endpoint_put(p->guest, LINK_OUT, zeros, sizeof(zeros)), 0);
	assert_int_equal(endpoint_space(p->guest, LINK_OUT), 0);
	exchange(p->guest, p->deputy);
	assert_int_equal(endpoint_pending(p->deputy, LINK_OUT, &data), LINK_WINDOW);
	endpoint_delivered(p->deputy, LINK_OUT, 1000);
	exchange(p->guest, p->deputy);
	assert_int_equal(endpoint_pending(p->deputy, LINK_OUT, &data), LINK_WINDOW);
	assert_int_equal(endpoint_put(p->guest, LINK_OUT, zeros, ENDPOINT_STREAM_MAX), -ENOBUFS);
}

static void test_broken_survives_a_cut(void **state)
{
	struct pair *p = *state;
	struct link_frame f;
	const uint8_t *data;

	assert_int_equal(endpoint_put(p->guest, LINK_OUT, "hello", 5), 0);
	exchange(p->guest, p->deputy);
	assert_int_equal(endpoint_pending(p->deputy, LINK_OUT, &data), 5);
	endpoint_break(p->deputy, LINK_OUT);
	/* Sent, but the path is cut before it arrives. */
	assert_true(endpoint_next_to_send(p->deputy, &f));
	assert_int_equal(f.kind, LINK_BROKEN);
	endpoint_path_down(p->deputy);
	endpoint_path_down(p->guest);
	assert_int_equal(endpoint_put(p->guest, LINK_OUT, "more", 4), 0);
	endpoint_put_eof(p->guest, LINK_OUT);
	assert_false(endpoint_finished(p->guest, LINK_OUT));
	endpoint_path_up(p->deputy);
	endpoint_path_up(p->guest);
	exchange(p->guest, p->deputy);
	assert_true(endpoint_broken(p->guest, LINK_OUT));
	assert_true(endpoint_finished(p->guest, LINK_OUT));
	assert_true(endpoint_break_known(p->deputy, LINK_OUT));
	assert_true(endpoint_closed(p->deputy, LINK_OUT));
	assert_false(endpoint_at_end(p->deputy, LINK_OUT));
}

static void test_window_size_is_the_latest(void **state)
{
	struct pair *p = *state;
	struct winsize ws = {.ws_row = 1}, got;
	struct link_frame f;

	for (ws.ws_row = 1; ws.ws_row <= 200; ws.ws_row++)
		assert_int_equal(endpoint_control_put(p->deputy, LINK_WINSIZE, 0, &ws, sizeof(ws)),
				 0);
	exchange(p->deputy, p->guest);
	assert_true(endpoint_control_next(p->guest, &f));
	memcpy(&got, f.data, sizeof(got));
	assert_int_equal(got.ws_row, 200);
	endpoint_control_done(p->guest);
	assert_false(endpoint_control_next(p->guest, &f));
	exchange(p->deputy, p->guest);
	assert_true(endpoint_control_finished(p->deputy));
}

/* A daemon that restarts may give one end a new path before the other knows that the old is gone.
 */
static void test_one_sided_new_path(void **state)
{
	struct pair *p = *state;
	struct link_frame f;
	const uint8_t *data;

	assert_int_equal(endpoint_put(p->deputy, LINK_IN, "abc", 3), 0);
	assert_true(endpoint_next_to_send(p->deputy, &f)); /* lost */
	endpoint_path_up(p->guest);
	exchange(p->guest, p->deputy);
	assert_true(endpoint_synced(p->guest));
	assert_int_equal(endpoint_pending(p->guest, LINK_IN, &data), 3);
}

static void test_refuses_nonsense(void **state)
{
	struct pair *p = *state;
	struct link_frame bad[] = {
		{.kind = LINK_DATA, .stream = LINK_IN, .data = (const uint8_t *)"x", .len = 1},
		{.kind = LINK_DATA,
		 .stream = LINK_OUT,
		 .seq = 1,
		 .data = (const uint8_t *)"x",
		 .len = 1},
		{.kind = LINK_EOF, .stream = LINK_OUT, .seq = 9},
		{.kind = LINK_ACK, .stream = LINK_IN, .seq = 1},
		{.kind = LINK_ACK, .stream = LINK_IN, .arg = LINK_ACK_EOF},
		{.kind = LINK_ACK, .stream = LINK_CONTROL, .seq = 1},
		{.kind = LINK_SIGNAL, .arg = SIGTERM, .seq = 1},
		{.kind = LINK_STOPPED, .arg = 65, .seq = 1},
		{.kind = LINK_STOPPED, .arg = SIGSTOP, .seq = 2},
		{.kind = LINK_BROKEN, .stream = LINK_OUT},
		{.kind = LINK_HELLO, .len = 3},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(endpoint_receive(p->deputy, &bad[i]), -EPROTO);
}

/* Whatever is done to a packed state, unpacking it is refused or gives a usable endpoint. */
static void test_damaged_state(void **state)
{
	struct pair *p = *state;
	_cleanup_free_ uint8_t *good = NULL;
	struct world w = {.random = 42};
	struct winsize ws = {0};
	size_t len;

	assert_int_equal(endpoint_put(p->guest, LINK_OUT, "some output", 11), 0);
	assert_int_equal(endpoint_put(p->deputy, LINK_IN, "some input", 10), 0);
	assert_int_equal(endpoint_control_put(p->deputy, LINK_WINSIZE, 0, &ws, sizeof(ws)), 0);
	exchange(p->deputy, p->guest);
	assert_int_equal(endpoint_pack(p->guest, &good, &len), 0);
	for (size_t cut = 0; cut < len; cut++) {
		struct endpoint *ep = NULL;

		assert_int_equal(endpoint_unpack(&ep, good, cut), -EPROTO);
	}
	for (unsigned int i = 0; i < 20000; i++) {
		_cleanup_(endpoint_freep) struct endpoint *ep = NULL;
		_cleanup_free_ uint8_t *bad = malloc(len);
		struct link_frame f;

		assert_non_null(bad);
		memcpy(bad, good, len);
		for (uint32_t n = 1 + rnd(&w, 3); n; n--)
			bad[rnd(&w, (uint32_t)len)] = (uint8_t)rnd(&w, 256);
		if (endpoint_unpack(&ep, bad, len) < 0)
			continue;
		endpoint_path_up(ep);
		while (endpoint_next_to_send(ep, &f))
			;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_cuts_and_moves),
		cmocka_unit_test_setup_teardown(test_window, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_broken_survives_a_cut, pair_setup,
						pair_teardown),
		cmocka_unit_test_setup_teardown(test_window_size_is_the_latest, pair_setup,
						pair_teardown),
		cmocka_unit_test_setup_teardown(test_one_sided_new_path, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_refuses_nonsense, pair_setup, pair_teardown),
		cmocka_unit_test_setup_teardown(test_damaged_state, pair_setup, pair_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
