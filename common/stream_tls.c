/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS streams: GnuTLS, TLS 1.3 with a pre-shared key and forward secrecy, no certificates.
 */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/stream_ops.h"

#define IDENTITY_MAX 64

/* The cipher is named because the default for pre-shared keys is seven times slower. */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+AES-128-GCM"

struct tls {
	gnutls_session_t session;
	gnutls_psk_client_credentials_t client;
	gnutls_psk_server_credentials_t server;
	char identity[IDENTITY_MAX + 1];
	uint8_t key[STREAM_KEY_SIZE];
	bool ready;    /* another gnutls_handshake() would start a change of keys */
	size_t unsent; /* bytes that GnuTLS has taken in but could not write out yet */
};

/* ------------------------------------------------------------------ errors */

static int tls_errno(int r)
{
	switch (r) {
	case GNUTLS_E_AGAIN:
	case GNUTLS_E_INTERRUPTED:
		return -EAGAIN;
	case GNUTLS_E_MEMORY_ERROR:
		return -ENOMEM;
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
	case GNUTLS_E_SESSION_EOF:
	case GNUTLS_E_INVALID_SESSION:
		return -ECONNRESET;
	default:
		return -EPROTO;
	}
}

/* Whether a handshake failed because the ends have different keys. GnuTLS's server finds that the
 * client's proof is an illegal parameter; RFC 8446 also has the other alerts for it. */
static bool means_key(const struct tls *t, int r)
{
	gnutls_alert_description_t a;

	if (r != GNUTLS_E_FATAL_ALERT_RECEIVED)
		return r == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
	a = gnutls_alert_get(t->session);
	return a == GNUTLS_A_ILLEGAL_PARAMETER || a == GNUTLS_A_DECRYPT_ERROR ||
	       a == GNUTLS_A_UNKNOWN_PSK_IDENTITY || a == GNUTLS_A_HANDSHAKE_FAILURE;
}

/* ------------------------------------------------------------------ operations */

static int tls_handshake(struct stream *s)
{
	struct tls *t = s->tls;
	int r;

	if (t->ready)
		return 0;
	do
		r = gnutls_handshake(t->session);
	while (r == GNUTLS_E_INTERRUPTED ||
	       (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r)));
	if (r == GNUTLS_E_AGAIN)
		return gnutls_record_get_direction(t->session) ? STREAM_E_WANT_WRITE
							       : STREAM_E_WANT_READ;
	if (r >= 0) {
		t->ready = true;
		return 0;
	}
	if (r != GNUTLS_E_FATAL_ALERT_RECEIVED)
		gnutls_alert_send_appropriate(t->session, r);
	return means_key(t, r) ? -EACCES : tls_errno(r);
}

static ssize_t tls_read(struct stream *s, void *buf, size_t len)
{
	struct tls *t = s->tls;
	ssize_t n = gnutls_record_recv(t->session, buf, len);

	return n >= 0 ? n : tls_errno((int)n);
}

static ssize_t tls_write(struct stream *s, const void *buf, size_t len)
{
	struct tls *t = s->tls;
	size_t max = gnutls_record_get_max_size(t->session);
	ssize_t n;

	if (t->unsent) {
		/* The record is encrypted and waits in GnuTLS. */
		n = gnutls_record_send(t->session, NULL, 0);
		if (n >= 0) {
			n = (ssize_t)t->unsent;
			t->unsent = 0;
			return n;
		}
		return tls_errno((int)n);
	}
	if (len > max)
		len = max;
	n = gnutls_record_send(t->session, buf, len);
	if (n >= 0)
		return n;
	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
		t->unsent = len;
	return tls_errno((int)n);
}

static size_t tls_pending(const struct stream *s)
{
	const struct tls *t = s->tls;

	return gnutls_record_check_pending(t->session);
}

static void tls_free(struct tls *t)
{
	if (t->session)
		gnutls_deinit(t->session);
	if (t->client)
		gnutls_psk_free_client_credentials(t->client);
	if (t->server)
		gnutls_psk_free_server_credentials(t->server);
	explicit_bzero(t->key, sizeof(t->key));
	free(t);
}

static void tls_freep(struct tls **t)
{
	if (*t)
		tls_free(*t);
}

static void tls_done(struct stream *s)
{
	struct tls *t = s->tls;

	/* An end in the middle of a record must look like a cut. */
	if (!t->unsent)
		gnutls_bye(t->session, GNUTLS_SHUT_WR);
	tls_free(t);
	s->tls = NULL;
}

static const struct stream_ops tls_ops = {
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.pending = tls_pending,
	.done = tls_done,
};

/* ------------------------------------------------------------------ set-up */

/* A stranger's identity gets a random key, so that it fails like a wrong key. GnuTLS frees what
 * @ret holds. */
static int find_key(gnutls_session_t session, const char *user, gnutls_datum_t *ret)
{
	const struct tls *t = gnutls_session_get_ptr(session);

	ret->data = gnutls_malloc(STREAM_KEY_SIZE);
	if (!ret->data)
		return -1;
	ret->size = STREAM_KEY_SIZE;
	if (!user || strcmp(user, t->identity) != 0)
		return gnutls_rnd(GNUTLS_RND_NONCE, ret->data, STREAM_KEY_SIZE);
	memcpy(ret->data, t->key, STREAM_KEY_SIZE);
	return 0;
}

static int set_server(struct tls *t)
{
	int r = gnutls_psk_allocate_server_credentials(&t->server);

	if (r < 0)
		return r;
	gnutls_psk_set_server_credentials_function(t->server, find_key);
	return gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, t->server);
}

static int set_client(struct tls *t)
{
	gnutls_datum_t key = {.data = t->key, .size = sizeof(t->key)};
	int r = gnutls_psk_allocate_client_credentials(&t->client);

	if (r < 0)
		return r;
	r = gnutls_psk_set_client_credentials(t->client, t->identity, &key, GNUTLS_PSK_KEY_RAW);
	if (r < 0)
		return r;
	return gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, t->client);
}

static int set_up(struct tls *t, int fd, bool server)
{
	/* Tickets would let a session be resumed without the key, and nobody resumes. */
	unsigned int flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
			     (server ? GNUTLS_SERVER : GNUTLS_CLIENT);
	int r = gnutls_init(&t->session, flags);

	if (r < 0)
		return r;
	gnutls_session_set_ptr(t->session, t);
	r = gnutls_priority_set_direct(t->session, PRIORITY, NULL);
	if (r < 0)
		return r;
	r = server ? set_server(t) : set_client(t);
	if (r < 0)
		return r;
	/* Deadlines are the caller's. */
	gnutls_handshake_set_timeout(t->session, GNUTLS_INDEFINITE_TIMEOUT);
	gnutls_transport_set_int(t->session, fd);
	return 0;
}

int stream_new_tls(struct stream **ret, int fd, bool server, const char *identity,
		   const uint8_t key[STREAM_KEY_SIZE])
{
	_cleanup_(tls_freep) struct tls *t = NULL;
	_cleanup_fd_ int owned = fd;
	struct stream *s;
	int r;

	if (strlen(identity) > IDENTITY_MAX)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	strcpy(t->identity, identity);
	memcpy(t->key, key, sizeof(t->key));
	r = set_up(t, fd, server);
	if (r < 0)
		return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
	r = stream_new(&s, steal_fd(&owned), &tls_ops);
	if (r < 0)
		return r;
	s->tls = steal_ptr(t);
	*ret = s;
	return 0;
}
