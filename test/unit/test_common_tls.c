/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS streams, and channels on them: right and wrong keys, cuts, strangers.
 */
#include "test/unit/harness.h"

#include <poll.h>

#include "common/chan.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/stream.h"

static const uint8_t key_one[STREAM_KEY_SIZE] = "0123456789abcdef0123456789abcdef";
static const uint8_t key_two[STREAM_KEY_SIZE] = "0123456789abcdef0123456789abcdeF";

struct ends {
	struct stream *client, *server;
};

static struct ends make_ends(const char *client_id, const uint8_t *client_key,
			     const char *server_id, const uint8_t *server_key)
{
	struct ends e = {0};
	int s[2];

	test_socketpair(s);
	assert_int_equal(stream_new_tls(&e.client, s[0], false, client_id, client_key), 0);
	assert_int_equal(stream_new_tls(&e.server, s[1], true, server_id, server_key), 0);
	return e;
}

static void ends_done(struct ends *e)
{
	e->client = stream_free(e->client);
	e->server = stream_free(e->server);
}

/* Drives both until each is done or failed. */
static void shake(struct ends *e, int *ret_client, int *ret_server)
{
	int c = 1, s = 1;

	for (int i = 0; i < 100 && (c > 0 || s > 0); i++) {
		if (c > 0)
			c = stream_handshake(e->client);
		if (s > 0)
			s = stream_handshake(e->server);
	}
	*ret_client = c;
	*ret_server = s;
}

static struct ends make_connected(void)
{
	struct ends e = make_ends("peer", key_one, "peer", key_one);
	int c, s;

	shake(&e, &c, &s);
	assert_int_equal(c, 0);
	assert_int_equal(s, 0);
	return e;
}

static void test_talk(void **state)
{
	_cleanup_(ends_done) struct ends e = make_connected();
	char buf[16];

	(void)state;
	assert_true(stream_is_tls(e.client));
	assert_false(stream_passes_fds(e.client));
	assert_int_equal(stream_read(e.server, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(stream_write(e.client, "hello", 5), 5);
	assert_int_equal(stream_read(e.server, buf, 2), 2);
	assert_int_equal(stream_pending(e.server), 3);
	assert_int_equal(stream_read(e.server, buf + 2, 14), 3);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(stream_write(e.server, "yes", 3), 3);
	assert_int_equal(stream_read_full(e.client, buf, 3, 1000), 0);
	assert_int_equal(stream_write_fd(e.client, "x", 1, 0), -EINVAL);
	/* An orderly end is one. */
	e.client = stream_free(e.client);
	assert_int_equal(stream_read(e.server, buf, sizeof(buf)), 0);
	assert_int_equal(stream_read(e.server, buf, sizeof(buf)), 0);
}

/* Owners may ask for the handshake again and again. */
static void test_handshake_again(void **state)
{
	_cleanup_(ends_done) struct ends e = make_connected();
	char out[64] = "text", in[64];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(stream_handshake(e.client), 0);
		assert_int_equal(stream_handshake(e.server), 0);
		assert_int_equal(stream_write(e.client, out, sizeof(out)), sizeof(out));
		assert_int_equal(stream_read(e.server, in, sizeof(in)), sizeof(in));
		assert_int_equal(stream_write(e.server, in, sizeof(in)), sizeof(in));
		assert_int_equal(stream_read(e.client, in, sizeof(in)), sizeof(in));
	}
	assert_string_equal(in, "text");
}

static void test_wrong_key(void **state)
{
	_cleanup_(ends_done) struct ends e = make_ends("peer", key_two, "peer", key_one);
	int c, s;

	(void)state;
	shake(&e, &c, &s);
	assert_int_equal(s, -EACCES);
	assert_int_equal(c, -EACCES);
}

static void test_wrong_identity(void **state)
{
	_cleanup_(ends_done) struct ends e = make_ends("mfs", key_one, "peer", key_one);
	int c, s;

	(void)state;
	shake(&e, &c, &s);
	assert_int_equal(s, -EACCES);
	assert_int_equal(c, -EACCES);
}

static void test_bad_arguments(void **state)
{
	struct stream *t = NULL;
	char id[80];
	int s[2], p[2];

	(void)state;
	memset(id, 'x', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	test_socketpair(s);
	assert_int_equal(stream_new_tls(&t, s[0], false, id, key_one), -EINVAL);
	assert_int_equal(fcntl(s[0], F_GETFD), -1);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(stream_new_tls(&t, p[0], false, "peer", key_one), -ENOTSOCK);
	assert_int_equal(fcntl(p[0], F_GETFD), -1);
	assert_null(t);
	fd_close(s[1]);
	fd_close(p[1]);
}

/* A TCP end or a killed peer: no close_notify. */
static void test_cut(void **state)
{
	_cleanup_(ends_done) struct ends e = make_connected();
	char buf[16];

	(void)state;
	assert_int_equal(stream_write(e.client, "abc", 3), 3);
	assert_int_equal(shutdown(stream_fd(e.client), SHUT_WR), 0);
	assert_int_equal(stream_read(e.server, buf, sizeof(buf)), 3);
	assert_int_equal(stream_read(e.server, buf, sizeof(buf)), -ECONNRESET);
}

static void test_cut_in_handshake(void **state)
{
	_cleanup_(ends_done) struct ends e = make_ends("peer", key_one, "peer", key_one);

	(void)state;
	assert_int_equal(stream_handshake(e.client), STREAM_E_WANT_READ);
	assert_int_equal(shutdown(stream_fd(e.server), SHUT_RDWR), 0);
	assert_int_equal(stream_handshake(e.client), -ECONNRESET);
}

/* Someone who forwards the bytes flips one of them. */
static void test_tampered(void **state)
{
	int a[2], b[2], c = 1, s = 1;
	struct ends e = {0};
	char buf[4096];
	ssize_t n;

	(void)state;
	test_socketpair(a);
	test_socketpair(b);
	fd_set_nonblock(a[1], true);
	fd_set_nonblock(b[1], true);
	assert_int_equal(stream_new_tls(&e.client, a[0], false, "peer", key_one), 0);
	assert_int_equal(stream_new_tls(&e.server, b[0], true, "peer", key_one), 0);
	for (int i = 0; i < 100 && (c > 0 || s > 0); i++) {
		if (c > 0)
			c = stream_handshake(e.client);
		while ((n = read(a[1], buf, sizeof(buf))) > 0)
			assert_int_equal(write(b[1], buf, (size_t)n), n);
		if (s > 0)
			s = stream_handshake(e.server);
		while ((n = read(b[1], buf, sizeof(buf))) > 0)
			assert_int_equal(write(a[1], buf, (size_t)n), n);
	}
	assert_int_equal(c, 0);
	assert_int_equal(s, 0);
	assert_int_equal(stream_write(e.client, "secret", 6), 6);
	n = read(a[1], buf, sizeof(buf));
	assert_true(n > 6);
	assert_null(memmem(buf, (size_t)n, "secret", 6));
	buf[n - 1] ^= 1;
	assert_int_equal(write(b[1], buf, (size_t)n), n);
	assert_int_equal(stream_read(e.server, buf, sizeof(buf)), -EPROTO);
	ends_done(&e);
	fd_close(a[1]);
	fd_close(b[1]);
}

static void test_stranger(void **state)
{
	static const char *const greetings[] = {"GET / HTTP/1.0\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n",
						"\x16\x03\x01\xff\xff\x01\xff\xff\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		_cleanup_(stream_freep) struct stream *s = NULL;
		int fds[2], r;

		test_socketpair(fds);
		assert_int_equal(stream_new_tls(&s, fds[0], true, "peer", key_one), 0);
		assert_int_equal(fd_write_full(fds[1], greetings[i], strlen(greetings[i])), 0);
		shutdown(fds[1], SHUT_WR);
		r = stream_handshake_full(s, 1000);
		assert_true(r == -EPROTO || r == -ECONNRESET);
		fd_close(fds[1]);
	}
}

/* Many times what the sockets hold goes through while nobody blocks. */
static void test_bulk(void **state)
{
	_cleanup_(ends_done) struct ends e = make_connected();
	const size_t total = 8 << 20;
	uint8_t *out = malloc(total), *in = malloc(total);
	size_t sent = 0, got = 0;
	int stalls = 0;

	(void)state;
	for (size_t i = 0; i < total; i++)
		out[i] = (uint8_t)(i * 13 + (i >> 9));
	while (got < total) {
		ssize_t n = 0;

		while (sent < total && (n = stream_write(e.client, out + sent, total - sent)) > 0)
			sent += (size_t)n;
		assert_true(n > 0 || n == -EAGAIN || sent == total);
		stalls += n == -EAGAIN;
		while ((n = stream_read(e.server, in + got, total - got)) > 0)
			got += (size_t)n;
		assert_true(n == -EAGAIN || got == total);
	}
	assert_true(stalls > 0);
	assert_memory_equal(in, out, total);
	free(in);
	free(out);
}

/* ------------------------------------------------------------------ channels */

static struct chan *wrap(struct stream **s)
{
	struct chan *c = NULL;

	assert_int_equal(chan_new(&c, steal_ptr(*s), 1 << 20, 4 << 20), 0);
	return c;
}

static void test_chan(void **state)
{
	static uint8_t body[300 << 10];
	struct ends e = make_ends("peer", key_one, "peer", key_one);
	_cleanup_(chan_freep) struct chan *a = wrap(&e.client), *b = wrap(&e.server);
	unsigned int got = 0;

	(void)state;
	memset(body, 'x', sizeof(body));
	/* What is queued before the handshake waits for it. */
	for (uint16_t i = 0; i < 10; i++)
		assert_int_equal(chan_send(a, i, body, i % 2 ? sizeof(body) : i, -1), 0);
	assert_int_equal(chan_send(a, 1, "x", 1, STDERR_FILENO), -EINVAL);
	assert_false(chan_ready(a));
	while (got < 10) {
		struct chan_frame f;
		struct pollfd w[2] = {
			{.fd = chan_fd(a), .events = chan_events(a)},
			{.fd = chan_fd(b), .events = chan_events(b)},
		};

		/* If decrypted bytes were forgotten, nothing would wake us. */
		assert_true(poll(w, 2, 2000) > 0);
		if (w[0].revents)
			assert_int_equal(chan_process(a), 0);
		if (w[1].revents)
			assert_int_equal(chan_process(b), 0);
		/* At most one at a time, so that frames are left lying. */
		if (chan_next(b, &f) > 0) {
			assert_int_equal(f.type, got);
			assert_int_equal(f.len, got % 2 ? sizeof(body) : got);
			got++;
			while (got < 10 && chan_events(b) == 0 && chan_next(b, &f) > 0)
				assert_int_equal(f.type, got++);
		}
	}
	assert_true(chan_ready(a) && chan_ready(b));
}

static void test_chan_wrong_key(void **state)
{
	struct ends e = make_ends("peer", key_two, "peer", key_one);
	_cleanup_(chan_freep) struct chan *a = wrap(&e.client), *b = wrap(&e.server);
	int ra = 0, rb = 0;

	(void)state;
	for (int i = 0; i < 100 && (ra == 0 || rb == 0); i++) {
		if (ra == 0)
			ra = chan_process(a);
		if (rb == 0)
			rb = chan_process(b);
	}
	assert_int_equal(ra, -EACCES);
	assert_int_equal(rb, -EACCES);
	assert_false(chan_ready(a));
	assert_int_equal(chan_events(a), 0);
	assert_int_equal(chan_flush(a, 1000), -EACCES);
}

static void test_chan_cut(void **state)
{
	struct ends e = make_connected();
	_cleanup_(chan_freep) struct chan *a = wrap(&e.client), *b = wrap(&e.server);
	struct chan_frame f;

	(void)state;
	assert_int_equal(chan_process(b), 0);
	assert_int_equal(chan_send(a, 5, "abc", 3, -1), 0);
	assert_int_equal(chan_flush(a, 1000), 0);
	assert_int_equal(shutdown(chan_fd(a), SHUT_WR), 0);
	assert_int_equal(chan_recv(b, &f, 1000), 1);
	assert_int_equal(f.type, 5);
	assert_int_equal(chan_recv(b, &f, 1000), -ECONNRESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_handshake_again),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_wrong_identity),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_in_handshake),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_chan),
		cmocka_unit_test(test_chan_wrong_key),
		cmocka_unit_test(test_chan_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
