/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain streams and channels: order, bounds, descriptors, and what hostile peers send.
 */
#include "test/unit/harness.h"

#include <endian.h>
#include <poll.h>

#include "common/chan.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define BODY_MAX (1u << 20)
#define QUEUE_MAX (3u << 20)

/* Two channels that are connected. */
struct pair {
	struct chan *a, *b;
};

static struct chan *make_chan(int fd, uint32_t max_body, size_t max_queue)
{
	struct stream *s = NULL;
	struct chan *c = NULL;

	assert_int_equal(stream_new_plain(&s, fd), 0);
	assert_int_equal(chan_new(&c, s, max_body, max_queue), 0);
	return c;
}

static struct pair make_pair(void)
{
	int s[2];

	test_socketpair(s);
	return (struct pair){
		.a = make_chan(s[0], BODY_MAX, QUEUE_MAX),
		.b = make_chan(s[1], BODY_MAX, QUEUE_MAX),
	};
}

static void pair_done(struct pair *p)
{
	p->a = chan_free(p->a);
	p->b = chan_free(p->b);
}

/* A channel, and the bare socket of its peer. */
static struct chan *make_victim(int *ret_peer)
{
	int s[2];

	test_socketpair(s);
	*ret_peer = s[1];
	return make_chan(s[0], BODY_MAX, QUEUE_MAX);
}

static void put_header(uint8_t p[CHAN_HEADER], uint32_t len, uint16_t type, uint16_t flags)
{
	len = htole32(len);
	type = htole16(type);
	flags = htole16(flags);
	memcpy(p, &len, 4);
	memcpy(p + 4, &type, 2);
	memcpy(p + 6, &flags, 2);
}

static void send_fds(int sock, const void *buf, size_t len, int fd, size_t count)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(253 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sock, &mh, 0), len);
}

/* ------------------------------------------------------------------ streams */

static void test_stream(void **state)
{
	_cleanup_(stream_freep) struct stream *a = NULL, *b = NULL;
	int s[2];
	char buf[8];

	(void)state;
	test_socketpair(s);
	assert_int_equal(stream_new_plain(&a, s[0]), 0);
	assert_int_equal(stream_new_plain(&b, s[1]), 0);
	assert_int_equal(stream_handshake(a), 0);
	assert_false(stream_is_tls(a));
	assert_true(stream_passes_fds(a));
	assert_int_equal(stream_read(b, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(stream_read_full(b, buf, 1, 0), -ETIMEDOUT);
	assert_int_equal(stream_write_full(a, "hello", 5, 1000), 0);
	assert_int_equal(stream_read_full(b, buf, 5, 1000), 0);
	assert_memory_equal(buf, "hello", 5);
	a = stream_free(a);
	assert_int_equal(stream_read(b, buf, sizeof(buf)), 0);
	assert_int_equal(stream_read_full(b, buf, 1, 1000), -ECONNRESET);
	assert_int_equal(stream_write(b, "x", 1), -EPIPE);
}

static void test_stream_takes_fd(void **state)
{
	struct stream *s = NULL;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(stream_new_plain(&s, p[0]), -ENOTSOCK);
	assert_int_equal(fcntl(p[0], F_GETFD), -1);
	assert_null(s);
	fd_close(p[1]);
	assert_null(stream_free(NULL));
}

/* ------------------------------------------------------------------ frames */

static void test_frames_in_order(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	struct chan_frame f;
	char body[32];

	(void)state;
	for (uint16_t i = 0; i < 1000; i++) {
		snprintf(body, sizeof(body), "frame %u", i);
		assert_int_equal(chan_send(p.a, i, body, i % 9 ? strlen(body) : 0, -1), 0);
	}
	assert_int_equal(chan_flush(p.a, 1000), 0);
	assert_int_equal(chan_queued(p.a), 0);
	for (uint16_t i = 0; i < 1000; i++) {
		assert_int_equal(chan_recv(p.b, &f, 1000), 1);
		snprintf(body, sizeof(body), "frame %u", i);
		assert_int_equal(f.type, i);
		assert_int_equal(f.len, i % 9 ? strlen(body) : 0);
		assert_memory_equal(f.body, body, f.len);
		assert_false(f.has_fd);
	}
	assert_int_equal(chan_next(p.b, &f), 0);
	assert_int_equal(chan_recv(p.b, &f, 0), -ETIMEDOUT);
}

/* Both ends are driven in turns, as an event loop would do it. */
static void pump(struct pair *p, uint32_t *ret_sum, unsigned int *ret_count)
{
	struct chan_frame f;

	for (;;) {
		struct pollfd w[2] = {
			{.fd = chan_fd(p->a), .events = chan_events(p->a)},
			{.fd = chan_fd(p->b), .events = chan_events(p->b)},
		};

		if (poll(w, 2, 0) == 0)
			return;
		if (w[0].revents)
			assert_int_equal(chan_process(p->a), 0);
		if (w[1].revents)
			assert_int_equal(chan_process(p->b), 0);
		while (chan_next(p->b, &f) > 0) {
			for (uint32_t i = 0; i < f.len; i++)
				*ret_sum = *ret_sum * 31 + f.body[i];
			(*ret_count)++;
		}
	}
}

static void test_large_and_small(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	uint8_t *body = malloc(BODY_MAX);
	uint32_t sum = 0, want = 0;
	unsigned int count = 0, sent = 0;

	(void)state;
	for (uint32_t i = 0; i < BODY_MAX; i++)
		body[i] = (uint8_t)(i * 7 + (i >> 8));
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t len = (round * 2654435761u) % (round % 5 ? 40000 : BODY_MAX + 1);

		assert_int_equal(chan_send(p.a, 1, body, len, -1), 0);
		for (uint32_t i = 0; i < len; i++)
			want = want * 31 + body[i];
		sent++;
		if (round % 3 == 0)
			pump(&p, &sum, &count);
	}
	pump(&p, &sum, &count);
	assert_int_equal(count, sent);
	assert_int_equal(sum, want);
	free(body);
}

static void test_bytes_dribble_in(void **state)
{
	uint8_t bytes[3 * (CHAN_HEADER + 5)];
	struct chan_frame f;
	unsigned int got = 0;
	int peer;
	_cleanup_(chan_freep) struct chan *c = make_victim(&peer);

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		put_header(bytes + i * (CHAN_HEADER + 5), 5, (uint16_t)i, 0);
		memcpy(bytes + i * (CHAN_HEADER + 5) + CHAN_HEADER, "12345", 5);
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(write(peer, bytes + i, 1), 1);
		assert_int_equal(chan_process(c), 0);
		while (chan_next(c, &f) > 0) {
			assert_int_equal(f.type, got++);
			assert_memory_equal(f.body, "12345", 5);
		}
	}
	assert_int_equal(got, 3);
	fd_close(peer);
}

/* An owner that does not take its frames is not flooded, and loses nothing. */
static void test_backpressure(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	static uint8_t body[32 << 10];
	struct chan_frame f;
	unsigned int sent = 0, got = 0;

	(void)state;
	for (;;) {
		if (chan_send(p.a, 1, body, sizeof(body), -1) < 0)
			break;
		sent++;
		assert_int_equal(chan_process(p.a), 0);
		assert_int_equal(chan_process(p.b), 0);
	}
	assert_true(sent >= 90 && sent < 200);
	assert_int_equal(chan_events(p.b) & POLLIN, 0);
	assert_int_equal(chan_send(p.a, 1, body, sizeof(body), -1), -ENOBUFS);
	while (got < sent) {
		assert_int_equal(chan_recv(p.b, &f, 1000), 1);
		assert_int_equal(f.len, sizeof(body));
		got++;
		assert_int_equal(chan_process(p.a), 0);
	}
	assert_int_equal(chan_queued(p.a), 0);
	assert_int_equal(chan_send(p.a, 1, body, sizeof(body), -1), 0);
}

static void test_limits(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	struct stream *s = NULL;
	struct chan *c = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(chan_send(p.a, 1, NULL, (size_t)CHAN_FRAME_MAX + 1, -1), -EMSGSIZE);
	assert_int_equal(chan_send(p.a, 1, NULL, SIZE_MAX, -1), -EMSGSIZE);
	assert_int_equal(chan_send(p.a, 1, "x", 1, 1000), -EBADF);
	assert_int_equal(chan_queued(p.a), 0);
	test_socketpair(fds);
	assert_int_equal(stream_new_plain(&s, fds[0]), 0);
	assert_int_equal(chan_new(&c, s, CHAN_FRAME_MAX + 1, 0), -EINVAL);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	fd_close(fds[1]);
	assert_null(chan_free(NULL));
}

/* ------------------------------------------------------------------ ends */

static void test_orderly_end(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	struct chan_frame f;

	(void)state;
	assert_int_equal(chan_send(p.a, 1, "last", 4, -1), 0);
	assert_int_equal(chan_send(p.a, 2, "words", 5, -1), 0);
	assert_int_equal(chan_flush(p.a, 1000), 0);
	p.a = chan_free(p.a);
	/* What was queued here breaks on the way out, what came in does not. */
	assert_int_equal(chan_send(p.b, 3, "x", 1, -1), 0);
	assert_int_equal(chan_process(p.b), 0);
	assert_int_equal(chan_next(p.b, &f), 1);
	assert_int_equal(chan_process(p.b), 0);
	assert_int_equal(chan_next(p.b, &f), 1);
	assert_memory_equal(f.body, "words", 5);
	assert_int_equal(chan_recv(p.b, &f, 1000), -EPIPE);
	assert_int_equal(chan_process(p.b), -EPIPE);
	assert_int_equal(chan_next(p.b, &f), -EPIPE);
	assert_int_equal(chan_events(p.b), 0);
	assert_int_equal(chan_send(p.b, 3, "x", 1, -1), -EPIPE);
	assert_int_equal(chan_flush(p.b, 1000), -EPIPE);
}

static void test_end_in_a_frame(void **state)
{
	uint8_t bytes[CHAN_HEADER];
	struct chan_frame f;

	(void)state;
	put_header(bytes, 100, 1, 0);
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		int peer;
		_cleanup_(chan_freep) struct chan *c = make_victim(&peer);

		assert_int_equal(write(peer, bytes, len), len);
		fd_close(peer);
		assert_int_equal(chan_recv(c, &f, 1000), -ECONNRESET);
	}
}

static void test_bad_headers(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t flags;
	} bad[] = {
		{BODY_MAX + 1, 0}, {UINT32_MAX, 0},
		{0x80000000u, 0},  {0, 2},
		{0, 0xffff},       {BODY_MAX + 1, CHAN_FLAG_FD},
		{0, CHAN_FLAG_FD}, {1, CHAN_FLAG_FD | 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t bytes[2 * CHAN_HEADER];
		struct chan_frame f;
		int peer;
		_cleanup_(chan_freep) struct chan *c = make_victim(&peer);

		put_header(bytes, 0, 7, 0);
		put_header(bytes + CHAN_HEADER, bad[i].len, 7, bad[i].flags);
		assert_int_equal(write(peer, bytes, sizeof(bytes)), sizeof(bytes));
		assert_int_equal(chan_recv(c, &f, 1000), 1);
		assert_int_equal(f.type, 7);
		assert_int_equal(chan_recv(c, &f, 1000), -EPROTO);
		assert_int_equal(chan_next(c, &f), -EPROTO);
		assert_int_equal(chan_process(c), -EPROTO);
		assert_int_equal(chan_events(c), 0);
		fd_close(peer);
	}
}

static void test_cut_while_sending(void **state)
{
	static uint8_t body[1 << 20];
	int peer;
	_cleanup_(chan_freep) struct chan *c = make_victim(&peer);

	(void)state;
	assert_int_equal(chan_send(c, 1, body, sizeof(body), -1), 0);
	assert_int_equal(chan_flush(c, 20), -ETIMEDOUT);
	assert_true(chan_queued(c) > 0);
	fd_close(peer);
	assert_true(chan_flush(c, 1000) < 0);
	assert_int_equal(chan_queued(c), 0);
	assert_true(chan_send(c, 1, body, 1, -1) < 0);
}

/* ------------------------------------------------------------------ descriptors */

static int make_marked(const char *text)
{
	return memfd_from("test", text, strlen(text));
}

static void check_marked(int fd, const char *text)
{
	char buf[32] = "";

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(pread(fd, buf, sizeof(buf) - 1, 0), strlen(text));
	assert_string_equal(buf, text);
}

static void test_fds_in_order(void **state)
{
	int before = test_count_fds();
	struct pair p = make_pair();
	struct chan_frame f;
	char text[16];

	(void)state;
	for (uint16_t i = 0; i < 60; i++) {
		_cleanup_fd_ int fd = -1;

		snprintf(text, sizeof(text), "mark %u", i);
		fd = make_marked(text);
		assert_int_equal(chan_send(p.a, i, text, strlen(text), i % 3 ? -1 : fd), 0);
	}
	for (uint16_t i = 0; i < 60; i++) {
		_cleanup_fd_ int fd = -1;

		assert_int_equal(chan_process(p.a), 0);
		assert_int_equal(chan_recv(p.b, &f, 1000), 1);
		snprintf(text, sizeof(text), "mark %u", i);
		assert_int_equal(f.type, i);
		assert_int_equal(f.has_fd, i % 3 == 0);
		fd = chan_take_fd(p.b);
		if (i % 3 == 0)
			check_marked(fd, text);
		else
			assert_int_equal(fd, -1);
		assert_int_equal(chan_take_fd(p.b), -1);
	}
	pair_done(&p);
	assert_int_equal(test_count_fds(), before);
}

/* The last of a large frame's bytes come long after its descriptor. */
static void test_fd_with_large_frame(void **state)
{
	static uint8_t body[900 << 10];
	struct pair p = make_pair();
	_cleanup_fd_ int fd = make_marked("large"), got = -1;
	struct chan_frame f;
	int r = 0;

	(void)state;
	assert_int_equal(chan_send(p.a, 1, "x", 1, -1), 0);
	assert_int_equal(chan_send(p.a, 2, body, sizeof(body), fd), 0);
	assert_int_equal(chan_send(p.a, 3, "y", 1, fd), 0);
	assert_int_equal(chan_recv(p.b, &f, 0), -ETIMEDOUT);
	while (r == 0 || f.type != 2) {
		assert_int_equal(chan_process(p.a), 0);
		assert_int_equal(chan_process(p.b), 0);
		r = chan_next(p.b, &f);
		assert_true(r >= 0);
	}
	assert_int_equal(f.len, sizeof(body));
	got = chan_take_fd(p.b);
	check_marked(got, "large");
	assert_int_equal(chan_flush(p.a, 1000), 0);
	assert_int_equal(chan_recv(p.b, &f, 1000), 1);
	assert_true(f.has_fd);
	pair_done(&p);
}

static void test_untaken_fds_are_closed(void **state)
{
	int before = test_count_fds();
	struct pair p = make_pair();
	struct chan_frame f;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(chan_send(p.a, 1, "x", 1, STDERR_FILENO), 0);
	assert_int_equal(chan_flush(p.a, 1000), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(chan_recv(p.b, &f, 1000), 1);
	/* Some wait unsent, some in the socket, one was handed out and not taken. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(chan_send(p.a, 1, "x", 1, STDERR_FILENO), 0);
	pair_done(&p);
	assert_int_equal(test_count_fds(), before);
}

static void test_fd_flood(void **state)
{
	int before = test_count_fds(), peer;
	struct chan *c = make_victim(&peer);
	uint8_t bytes[CHAN_HEADER];
	struct chan_frame f;

	(void)state;
	put_header(bytes, 0, 1, 0);
	for (int i = 0; i < 50; i++) {
		send_fds(peer, bytes, sizeof(bytes), STDERR_FILENO, 100);
		assert_int_equal(chan_recv(c, &f, 1000), 1);
		assert_false(f.has_fd);
		assert_int_equal(chan_take_fd(c), -1);
		assert_true(test_count_fds() <= before + 2 + STREAM_FDS_MAX);
	}
	fd_close(peer);
	chan_free(c);
	assert_int_equal(test_count_fds(), before);
}

static void test_fd_queue_is_bounded(void **state)
{
	_cleanup_(pair_done) struct pair p = make_pair();
	int r = 0, count = 0;

	(void)state;
	while ((r = chan_send(p.a, 1, "x", 1, STDERR_FILENO)) == 0)
		count++;
	assert_int_equal(r, -ENOBUFS);
	assert_true(count >= 16 && count <= 1024);
	assert_int_equal(chan_send(p.a, 1, "x", 1, -1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_takes_fd),
		cmocka_unit_test(test_frames_in_order),
		cmocka_unit_test(test_large_and_small),
		cmocka_unit_test(test_bytes_dribble_in),
		cmocka_unit_test(test_backpressure),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_orderly_end),
		cmocka_unit_test(test_end_in_a_frame),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_cut_while_sending),
		cmocka_unit_test(test_fds_in_order),
		cmocka_unit_test(test_fd_with_large_frame),
		cmocka_unit_test(test_untaken_fds_are_closed),
		cmocka_unit_test(test_fd_flood),
		cmocka_unit_test(test_fd_queue_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
