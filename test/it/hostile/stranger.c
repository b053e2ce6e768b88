/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stranger WHERE KIND WHAT [NUMBER [SEED [COUNT]]]: connects to a daemon and does what it must not.
 * Exit status 0: the daemon did what it should; whether it still lives is for the caller to see.
 *
 * WHERE is an address or the path of a local socket, KIND peer, bulk or mfs, NUMBER the node to
 * pose as. The cluster key is read from its usual place.
 */
#include "test/it/hostile/stranger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/msg.h"
#include "proto/messages.h"
#include "proto/mosix.pb-c.h"

#define PORT 7250

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ------------------------------------------------------------------ connections */

static int dial_inet(const struct target *t)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, t->where, &sin.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		die("cannot connect to %s: %s", t->where, strerror(errno));
	return fd;
}

int dial(const struct target *t)
{
	struct preamble p = {.kind = t->kind};
	uint8_t buf[PREAMBLE_SIZE];
	int fd;

	if (t->where[0] == '/') {
		fd = unix_connect(t->where);
		if (fd < 0)
			die("cannot connect to %s: %s", t->where, strerror(-fd));
		return fd;
	}
	fd = dial_inet(t);
	if (t->kind == PREAMBLE_BULK)
		random_bytes(p.token, sizeof(p.token));
	preamble_pack(&p, buf);
	if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) != sizeof(buf))
		die("cannot send the preamble");
	return fd;
}

static const char *label(const struct target *t)
{
	return t->kind == PREAMBLE_MFS ? "mfs" : "peer";
}

struct stream *dial_secure(const struct target *t)
{
	uint8_t key[KEY_SIZE];
	struct stream *s;
	int fd = dial(t), r;

	if (t->where[0] == '/')
		r = stream_new_plain(&s, fd);
	else if (key_derive(t->cluster, label(t), key) < 0)
		die("cannot derive the key");
	else
		r = stream_new_tls(&s, fd, false, label(t), key);
	if (r == 0)
		r = stream_handshake_full(s, STEP_MS);
	if (r < 0)
		die("no handshake with %s: %s", t->where, strerror(-r));
	return s;
}

bool is_closed(struct stream *s, size_t *ret)
{
	char buf[4096];
	size_t got = 0;

	for (;;) {
		struct pollfd p = {.fd = stream_fd(s), .events = POLLIN};
		ssize_t n = stream_read(s, buf, sizeof(buf));

		*ret = got;
		if (n == 0 || (n < 0 && n != -EAGAIN))
			return true;
		if (n > 0)
			got += (size_t)n;
		else if (poll(&p, 1, STEP_MS) <= 0)
			return false;
	}
}

bool fd_is_closed(int fd, size_t *ret)
{
	struct stream *s;
	bool closed;

	if (stream_new_plain(&s, fd) < 0)
		die("out of memory");
	closed = is_closed(s, ret);
	stream_free(s);
	return closed;
}

/* ------------------------------------------------------------------ without the key */

static void expect_no_handshake(struct stream *s, const char *who)
{
	int r = stream_handshake_full(s, STEP_MS);

	if (r == 0)
		die("%s got through the handshake", who);
	if (r == -ETIMEDOUT)
		die("%s was not answered and not closed", who);
	stream_free(s);
}

static void wrong_key(const struct target *t)
{
	uint8_t key[KEY_SIZE] = "no key of this cluster";
	struct stream *s;

	if (stream_new_tls(&s, dial(t), false, label(t), key) < 0)
		die("out of memory");
	expect_no_handshake(s, "a wrong key");
}

/* The right key of another use. */
static void other_key(const struct target *t)
{
	uint8_t key[KEY_SIZE];
	struct stream *s;

	if (key_derive(t->cluster, t->kind == PREAMBLE_MFS ? "peer" : "mfs", key) < 0 ||
	    stream_new_tls(&s, dial(t), false, label(t), key) < 0)
		die("out of memory");
	expect_no_handshake(s, "the key of another use");
}

/* Frames in clear: a TLS alert may come, no more. */
static void no_tls(const struct target *t)
{
	static const uint8_t frame[] = {6, 0, 0, 0, 1, 0, 0, 0, 8, 1, 16, 1, 34, 0};
	size_t got;
	int fd = dial(t);

	if (send(fd, frame, sizeof(frame), MSG_NOSIGNAL) != sizeof(frame))
		die("cannot send");
	if (!fd_is_closed(fd, &got) || got > 16)
		die("a frame in clear was answered (%zu bytes) or kept", got);
}

/* The right key, but TLS 1.2. */
static void tls12(const struct target *t)
{
	gnutls_psk_client_credentials_t cred;
	gnutls_session_t session;
	uint8_t key[KEY_SIZE];
	gnutls_datum_t datum = {.data = key, .size = sizeof(key)};
	int r;

	if (key_derive(t->cluster, label(t), key) < 0 ||
	    gnutls_psk_allocate_client_credentials(&cred) < 0 ||
	    gnutls_psk_set_client_credentials(cred, label(t), &datum, GNUTLS_PSK_KEY_RAW) < 0 ||
	    gnutls_init(&session, GNUTLS_CLIENT) < 0 ||
	    gnutls_priority_set_direct(
		    session, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:+PSK", NULL) < 0 ||
	    gnutls_credentials_set(session, GNUTLS_CRD_PSK, cred) < 0)
		die("no GnuTLS session");
	gnutls_transport_set_int(session, dial(t));
	gnutls_handshake_set_timeout(session, STEP_MS);
	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	if (r >= 0 || r == GNUTLS_E_TIMEDOUT)
		die("TLS 1.2: %s", gnutls_strerror(r));
	gnutls_deinit(session);
	gnutls_psk_free_client_credentials(cred);
}

/* ------------------------------------------------------------------ with the key */

static void send_hello(struct chan *c, const struct target *t, uint32_t version)
{
	Mosix__NodeInfo info = MOSIX__NODE_INFO__INIT;
	Mosix__Hello m = MOSIX__HELLO__INIT;

	info.has_node = m.has_version_min = m.has_version_max = true;
	info.node = t->as;
	info.name = (char *)"stranger";
	m.version_min = m.version_max = version;
	m.info = &info;
	if (msg_send(c, MOSIX__MSG_TYPE__MSG_HELLO, &m.base, -1) < 0 || chan_flush(c, STEP_MS) < 0)
		die("cannot send Hello");
}

/* Nothing but what every new link gets comes before the end. */
static void expect_end(struct chan *c, const char *who, unsigned int number)
{
	struct chan_frame f;
	int r;

	while ((r = chan_recv(c, &f, STEP_MS)) > 0)
		if (f.type > MOSIX__MSG_TYPE__MSG_PING && f.type != MOSIX__MSG_TYPE__MSG_GUEST_LIST)
			die("%s %u was answered by %s", who, number, message_name(f.type));
	if (r == -ETIMEDOUT)
		die("%s %u did not end the connection", who, number);
}

static struct chan *new_chan(const struct target *t)
{
	struct chan *c;

	if (chan_new(&c, dial_secure(t), CHAN_FRAME_MAX, CHAN_FRAME_MAX * 2) < 0)
		die("out of memory");
	return c;
}

static void version(const struct target *t)
{
	struct chan *c = new_chan(t);

	send_hello(c, t, 1000);
	expect_end(c, "version", 1000);
	chan_free(c);
}

static void wrong_node(const struct target *t)
{
	struct chan *c = new_chan(t);

	send_hello(c, t, 1);
	expect_end(c, "posing as node", t->as);
	chan_free(c);
}

/* Every message that is not permitted: @phase with the first frame or behind a good Hello. */
static void forbidden(const struct target *t, enum phase phase)
{
	for (uint16_t type = 0; type < 128; type++) {
		struct chan *c;

		if (message_check(CONN_FROM_PEER, phase, type, 0) == 0)
			continue;
		c = new_chan(t);
		if (phase == PHASE_OPEN)
			send_hello(c, t, 1);
		if (chan_send(c, type, "", 0, -1) < 0 || chan_flush(c, STEP_MS) < 0)
			die("cannot send a message of type %u", type);
		expect_end(c, "message", type);
		chan_free(c);
	}
}

static void early(const struct target *t)
{
	forbidden(t, PHASE_START);
}

static void late(const struct target *t)
{
	forbidden(t, PHASE_OPEN);
}

/* A header that announces more than any frame may have. */
static void oversize(const struct target *t)
{
	static const uint8_t sizes[][8] = {
		{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0},
		{0x01, 0x00, 0x40, 0x00, 1, 0, 0, 0},
		{0x01, 0x00, 0x01, 0x00, 1, 0, 0, 0}, /* over what a Hello may have */
		{0x00, 0x00, 0x00, 0x00, 1, 0, 0xff, 0xff},
	};
	_cleanup_free_ uint8_t *body = calloc(1, 65537);
	size_t got;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct stream *s = dial_secure(t);

		/* The end may come in the middle. */
		if (stream_write_full(s, sizes[i], sizeof(sizes[i]), STEP_MS) < 0)
			die("cannot send");
		/* A header of the file service is longer. */
		if (i == 2 || t->kind == PREAMBLE_MFS)
			(void)stream_write_full(s, body, 65537, STEP_MS);
		if (!is_closed(s, &got))
			die("oversize frame %zu did not end the connection", i);
		stream_free(s);
	}
}

/* ------------------------------------------------------------------ main */

static unsigned int count = 100;

static void fuzz(const struct target *t)
{
	if (t->where[0] == '/')
		fuzz_local(t, count);
	else if (t->kind == PREAMBLE_MFS)
		fuzz_mfs(t, count);
	else
		fuzz_peer(t, count);
}

static void garble(const struct target *t)
{
	fuzz_handshake(t, count);
}

static const struct {
	const char *name;
	void (*run)(const struct target *t);
} whats[] = {
	{"wrong-key", wrong_key}, {"other-key", other_key},   {"no-tls", no_tls}, {"tls12", tls12},
	{"version", version},     {"wrong-node", wrong_node}, {"early", early},   {"late", late},
	{"oversize", oversize},   {"handshakes", garble},     {"fuzz", fuzz},
};

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"", "peer", "bulk", "mfs"};
	struct target t = {0};
	struct err e;

	if (argc < 4)
		die("usage: stranger WHERE KIND WHAT [NUMBER [SEED [COUNT]]]");
	signal(SIGPIPE, SIG_IGN);
	t.where = argv[1];
	for (enum preamble_kind k = PREAMBLE_PEER; k <= PREAMBLE_MFS; k++)
		if (!strcmp(kinds[k], argv[2]))
			t.kind = k;
	t.as = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
	random_seed(argc > 5 ? strtoull(argv[5], NULL, 10) : 1);
	if (argc > 6)
		count = (unsigned int)strtoul(argv[6], NULL, 10);
	if (t.where[0] != '/' && key_load(CONF_KEY, t.cluster, &e) < 0)
		die("%s", e.text);
	for (size_t i = 0; i < sizeof(whats) / sizeof(*whats); i++) {
		if (!strcmp(whats[i].name, argv[3])) {
			whats[i].run(&t);
			return 0;
		}
	}
	die("it cannot do '%s'", argv[3]);
}
