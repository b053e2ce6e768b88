/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions of gossip datagrams. */
#include "daemon/gossip_session.h"

#include "common/seal.h"
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define MAGIC "MXG\1"
#define INNER (2 + 8)
#define HELLO_BODY (1 + 8 + 4)
#define ASKED 8           /* datagrams to one node that a hello may answer */
#define HELLO_PAUSE_MS 50 /* per node */
#define HELLOS_SAVED 64   /* for all */
#define HELLOS_PER_MS 10  /* 1 per so many */

struct peer_session {
	uint32_t node;    /* 0: those at addresses whose number is not known */
	uint64_t session; /* 0 = not known */
	uint32_t highest; /* counter */
	uint64_t seen;    /* bit n: highest - n was there */
	uint32_t asked[ASKED];
	unsigned int next;
	int64_t hello_ms; /* of the last hello to it */
	UT_hash_handle hh;
};

struct sessions {
	struct seal *seal;
	uint32_t self;
	uint64_t session;
	uint32_t counter;
	struct peer_session *peers;
	int64_t hellos; /* that may be sent, in ms of saved up time */
	int64_t hellos_at;
};

int sessions_new(struct sessions **ret, const uint8_t key[KEY_SIZE], uint32_t self)
{
	struct sessions *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->self = self;
	s->hellos = HELLOS_SAVED * HELLOS_PER_MS;
	r = seal_new(&s->seal, key);
	do {
		if (r == 0)
			r = key_random((uint8_t *)&s->session, sizeof(s->session));
	} while (r == 0 && s->session == 0);
	if (r < 0) {
		sessions_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct sessions *sessions_free(struct sessions *s)
{
	struct peer_session *p, *tmp;

	if (!s)
		return NULL;
	HASH_ITER (hh, s->peers, p, tmp) {
		HASH_DEL(s->peers, p);
		free(p);
	}
	seal_free(s->seal);
	free(s);
	return NULL;
}

static struct peer_session *find(const struct sessions *s, uint32_t node)
{
	struct peer_session *p;

	HASH_FIND(hh, s->peers, &node, sizeof(node), p);
	return p;
}

/* Nodes have 16 bit numbers: there is an end to them. */
static struct peer_session *get(struct sessions *s, uint32_t node)
{
	struct peer_session *p = find(s, node);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->node = node;
	p->hello_ms = INT64_MIN / 2;
	HASH_ADD(hh, s->peers, node, sizeof(p->node), p);
	return p;
}

bool sessions_known(const struct sessions *s, uint32_t node)
{
	const struct peer_session *p = find(s, node);

	return p && p->session;
}

bool sessions_is_own(const struct sessions *s, uint64_t session)
{
	return session == s->session;
}

/* ------------------------------------------------------------------ sealing */

static void make_nonce(const uint8_t *head, uint8_t nonce[SEAL_NONCE])
{
	memcpy(nonce, head + 4, SEAL_NONCE);
}

static int seal_for(struct sessions *s, uint64_t session, const uint8_t *body, size_t len,
		    uint8_t *out)
{
	uint8_t in[SESSION_DATAGRAM_MAX] = {0}, nonce[SEAL_NONCE];
	uint64_t own = htole64(s->session), theirs = htole64(session);
	uint16_t self = htole16((uint16_t)s->self);
	uint32_t counter = htole32(++s->counter);
	size_t body_len = len < SESSION_BODY_MIN ? SESSION_BODY_MIN : len;

	memcpy(out, MAGIC, 4);
	memcpy(out + 4, &own, 8);
	memcpy(out + 12, &counter, 4);
	memcpy(in, &self, 2);
	memcpy(in + 2, &theirs, 8);
	memcpy(in + INNER, body, len);
	make_nonce(out, nonce);
	if (seal_close(s->seal, nonce, out, SESSION_HEAD, in, INNER + body_len,
		       out + SESSION_HEAD) < 0)
		return -EIO;
	return (int)(SESSION_AROUND + body_len);
}

int sessions_close(struct sessions *s, uint32_t to, const void *body, size_t len, uint8_t *out,
		   uint32_t *ret_counter)
{
	struct peer_session *p = get(s, to);
	int r;

	if (!p)
		return -ENOMEM;
	if (len < 1 || len > SESSION_BODY_MAX)
		return -EMSGSIZE;
	r = seal_for(s, p->session, body, len, out);
	if (r < 0)
		return r;
	p->asked[p->next++ % ASKED] = s->counter;
	if (ret_counter)
		*ret_counter = s->counter;
	return r;
}

int sessions_hello(struct sessions *s, const struct session_opened *o, uint8_t *out)
{
	const struct peer_session *p = find(s, o->from);
	bool known = p && p->session == o->session;
	uint8_t body[HELLO_BODY] = {known ? SESSION_HELLO : SESSION_WELCOME};
	uint64_t session = htole64(o->session);
	uint32_t counter = htole32(o->counter);
	int r;

	memcpy(body + 1, &session, 8);
	memcpy(body + 9, &counter, 4);
	r = seal_for(s, o->session, body, sizeof(body), out);
	/* A WELCOME is answered by a hello, which must name it. */
	if (r >= 0 && !known && get(s, o->from)) {
		struct peer_session *q = get(s, o->from);

		q->asked[q->next++ % ASKED] = s->counter;
	}
	return r;
}

/* ------------------------------------------------------------------ opening */

static int unseal(struct sessions *s, const uint8_t *in, size_t len, struct session_opened *ret,
		  uint64_t *ret_to)
{
	uint8_t plain[SESSION_DATAGRAM_MAX], nonce[SEAL_NONCE];
	uint64_t session, to;
	uint32_t counter;
	uint16_t from;

	if (len < SESSION_AROUND + SESSION_BODY_MIN || len > SESSION_DATAGRAM_MAX ||
	    memcmp(in, MAGIC, 4) != 0)
		return -EBADMSG;
	make_nonce(in, nonce);
	if (seal_open(s->seal, nonce, in, SESSION_HEAD, in + SESSION_HEAD, len - SESSION_HEAD,
		      plain) < 0)
		return -EBADMSG;
	memcpy(&session, in + 4, 8);
	memcpy(&counter, in + 12, 4);
	memcpy(&from, plain, 2);
	memcpy(&to, plain + 2, 8);
	ret->session = le64toh(session);
	ret->counter = le32toh(counter);
	ret->from = le16toh(from);
	ret->len = len - SESSION_AROUND;
	memcpy(ret->body, plain + INNER, ret->len);
	*ret_to = le64toh(to);
	return 0;
}

/* Is it new within the session? Then it is noted. */
static bool window_take(struct peer_session *p, uint32_t counter)
{
	uint32_t back;

	if (counter > p->highest) {
		uint32_t ahead = counter - p->highest;

		p->seen = ahead < 64 ? p->seen << ahead | 1 : 1;
		p->highest = counter;
		return true;
	}
	back = p->highest - counter;
	if (back >= 64 || p->seen & 1ull << back)
		return false;
	p->seen |= 1ull << back;
	return true;
}

/* Was @counter sent to it and is not answered yet? Then it is now. */
static bool asked_take(struct peer_session *p, uint32_t counter)
{
	for (int i = 0; p && counter && i < ASKED; i++) {
		if (p->asked[i] != counter)
			continue;
		p->asked[i] = 0;
		return true;
	}
	return false;
}

static bool hello_allowed(struct sessions *s, int64_t now_ms, uint32_t from)
{
	struct peer_session *p = get(s, from);

	s->hellos += now_ms - s->hellos_at;
	s->hellos_at = now_ms;
	if (s->hellos > HELLOS_SAVED * HELLOS_PER_MS)
		s->hellos = HELLOS_SAVED * HELLOS_PER_MS;
	if (!p || s->hellos < HELLOS_PER_MS || (from && now_ms - p->hello_ms < HELLO_PAUSE_MS))
		return false;
	s->hellos -= HELLOS_PER_MS;
	p->hello_ms = now_ms;
	return true;
}

static void on_hello(struct sessions *s, int64_t now_ms, struct session_opened *o)
{
	struct peer_session *p;
	uint64_t session;
	uint32_t counter;

	memcpy(&session, o->body + 1, 8);
	memcpy(&counter, o->body + 9, 4);
	if (le64toh(session) != s->session || o->from == s->self || o->from == 0)
		return;
	counter = le32toh(counter);
	if (asked_take(find(s, o->from), counter))
		o->echo_to = o->from;
	else if (!asked_take(find(s, 0), counter))
		return;
	p = get(s, o->from);
	if (!p)
		return;
	if (p->session != o->session) {
		p->session = o->session;
		p->highest = o->counter;
		p->seen = 1;
	}
	o->verdict = SESSION_KNOWN;
	o->echo = counter;
	o->hello = o->body[0] == SESSION_WELCOME && hello_allowed(s, now_ms, o->from);
}

void sessions_open(struct sessions *s, int64_t now_ms, const uint8_t *in, size_t len,
		   struct session_opened *ret)
{
	struct peer_session *p;
	uint64_t to;

	ret->verdict = SESSION_DROP;
	ret->hello = false;
	ret->echo_to = 0;
	if (unseal(s, in, len, ret, &to) < 0 || ret->session == s->session)
		return;
	if (ret->body[0] == SESSION_HELLO || ret->body[0] == SESSION_WELCOME) {
		on_hello(s, now_ms, ret);
		return;
	}
	p = find(s, ret->from);
	if (to == s->session && p && p->session == ret->session && ret->from != s->self) {
		if (window_take(p, ret->counter))
			ret->verdict = SESSION_TAKE;
		return;
	}
	ret->verdict = SESSION_STRANGER;
	ret->hello = hello_allowed(s, now_ms, ret->from);
}
