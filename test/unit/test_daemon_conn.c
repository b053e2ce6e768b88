/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels in the daemon's event loop: delivery, flow control, ends, and being freed anywhere.
 */
#include "test/unit/harness.h"

#include <ev.h>

#include "common/fd.h"
#include "daemon/conn.h"

#define QUEUE_MAX (8u << 20)

struct end {
	struct conn *conn;
	unsigned int frames;
	uint32_t last_len;
	int error;  /* with which it was closed */
	int answer; /* what the callback returns */
	bool free_inside;
	struct end *pushes; /* each frame goes on to that one */
};

static struct ev_loop *loop;

static int on_frame(struct conn *c, struct chan_frame *f)
{
	struct end *e = c->owner;

	e->frames++;
	e->last_len = f->len;
	if (e->pushes) {
		conn_send_raw(e->pushes->conn, f->type, f->body, f->len);
		conn_push_back(c, e->pushes->conn);
	}
	if (e->free_inside)
		e->conn = conn_free(c);
	return e->answer;
}

static void on_closed(struct conn *c, int error)
{
	struct end *e = c->owner;

	e->error = error;
	e->conn = conn_free(c);
}

static const struct conn_ops ops = {.frame = on_frame, .closed = on_closed};

static void open_end(struct end *e, int fd)
{
	struct stream *s;
	struct chan *c;

	*e = (struct end){0};
	assert_int_equal(stream_new_plain(&s, fd), 0);
	assert_int_equal(chan_new(&c, s, CHAN_FRAME_MAX, QUEUE_MAX), 0);
	assert_int_equal(conn_new(&e->conn, loop, c, &ops, e), 0);
}

static void open_pair(struct end *a, struct end *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	open_end(a, pair[0]);
	open_end(b, pair[1]);
}

/* Until nothing moves any more. */
static void settle(void)
{
	for (int i = 0; i < 2000; i++)
		ev_run(loop, EVRUN_NOWAIT);
}

static int setup(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ev_loop_destroy(loop);
	return 0;
}

static void test_frames(void **state)
{
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	for (int i = 0; i < 200; i++)
		assert_int_equal(conn_send_raw(a.conn, 7, "hello", 5), 0);
	settle();
	assert_int_equal(b.frames, 200);
	assert_int_equal(b.last_len, 5);
	a.conn = conn_free(a.conn);
	settle();
	assert_int_equal(b.error, -EPIPE);
	assert_null(b.conn);
}

static void test_last_words(void **state)
{
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	settle();
	/* All that was said before the end is heard, also more than is taken at a time. */
	for (int i = 0; i < 500; i++)
		assert_int_equal(conn_send_raw(a.conn, 7, "x", 1), 0);
	ev_run(loop, EVRUN_NOWAIT);
	a.conn = conn_free(a.conn);
	settle();
	assert_int_equal(b.frames, 500);
	assert_int_equal(b.error, -EPIPE);
}

static void test_refused(void **state)
{
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	b.answer = -EPROTO;
	conn_send_raw(a.conn, 7, "x", 1);
	conn_send_raw(a.conn, 7, "x", 1);
	settle();
	assert_int_equal(b.frames, 1);
	assert_int_equal(b.error, -EPROTO);
	assert_true(a.error == -EPIPE || a.error == -ECONNRESET);
}

static void test_freed_inside(void **state)
{
	struct end a, b;

	(void)state;
	open_pair(&a, &b);
	b.free_inside = true;
	conn_send_raw(a.conn, 7, "x", 1);
	conn_send_raw(a.conn, 7, "x", 1);
	settle();
	assert_int_equal(b.frames, 1);
	assert_int_equal(b.error, 0);
	assert_null(b.conn);
	conn_free(a.conn);
}

static void test_overflow(void **state)
{
	static const uint8_t body[1 << 20];
	struct end a, b;
	int r = 0;

	(void)state;
	open_pair(&a, &b);
	for (int i = 0; i < 20 && r == 0; i++)
		r = conn_send_raw(a.conn, 7, body, sizeof(body));
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(conn_send_raw(a.conn, 7, "x", 1), -ENOTCONN);
	assert_int_equal(a.error, 0); /* not from within the send */
	settle();
	assert_int_equal(a.error, -ENOBUFS);
	assert_null(a.conn);
	conn_free(b.conn);
}

/* source -> relay (two ends) -> a sink that is not read at first. */
static void test_push_back(void **state)
{
	static const uint8_t body[64 << 10];
	struct end source, in, out;
	unsigned int sent = 0;
	int pair[2];
	uint8_t buf[65536];
	size_t got = 0;

	(void)state;
	open_pair(&source, &in);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	open_end(&out, pair[0]);
	fd_set_nonblock(pair[1], true);
	in.pushes = &out;
	/* The relay keeps a bounded amount, however much is sent. */
	for (int i = 0; i < 200; i++) {
		if (chan_queued(source.conn->chan) < sizeof(body)) {
			assert_int_equal(conn_send_raw(source.conn, 7, body, sizeof(body)), 0);
			sent++;
		}
		for (int k = 0; k < 20; k++)
			ev_run(loop, EVRUN_NOWAIT);
	}
	assert_true(sent < 100);
	assert_true(in.frames < sent);
	assert_true(chan_queued(out.conn->chan) >= CONN_HIGH_WATER);
	assert_true(chan_queued(out.conn->chan) < CONN_HIGH_WATER + 2 * sizeof(body));
	assert_ptr_equal(in.conn->blocked_on, out.conn);
	/* When the sink is read, all of it comes through. */
	for (int i = 0; i < 20000 && got < sent * (sizeof(body) + CHAN_HEADER); i++) {
		ssize_t n = read(pair[1], buf, sizeof(buf));

		got += n > 0 ? (size_t)n : 0;
		ev_run(loop, EVRUN_NOWAIT);
	}
	assert_int_equal(got, sent * (sizeof(body) + CHAN_HEADER));
	assert_int_equal(in.frames, sent);
	assert_null(in.conn->blocked_on);
	conn_free(source.conn);
	conn_free(in.conn);
	conn_free(out.conn);
	close(pair[1]);
}

/* Whichever of two that wait for each other goes first, the other is not left hanging. */
static void test_push_back_freed(void **state)
{
	static const uint8_t body[1 << 20];
	struct end a, b, c, d;

	(void)state;
	open_pair(&a, &b);
	open_pair(&c, &d);
	for (int i = 0; i < 3; i++)
		conn_send_raw(c.conn, 7, body, sizeof(body));
	conn_push_back(b.conn, c.conn);
	assert_ptr_equal(b.conn->blocked_on, c.conn);
	conn_free(c.conn);
	assert_null(b.conn->blocked_on);
	conn_send_raw(a.conn, 7, "x", 1);
	settle();
	assert_int_equal(b.frames, 1);
	for (int i = 0; i < 3; i++)
		conn_send_raw(a.conn, 7, body, sizeof(body));
	conn_push_back(b.conn, a.conn);
	conn_free(b.conn);
	assert_null(a.conn->blocked);
	conn_free(a.conn);
	conn_free(d.conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_push_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_push_back_freed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
