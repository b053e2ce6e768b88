/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions of gossip datagrams: who sealed one, whether it is new, and whether it was meant for
 * this life of this daemon. No I/O.
 *
 * A datagram: "MXG", version (1 byte), the sender's session (8), counter (4); then sealed with the
 * gossip key, with session and counter as the nonce: the sender's number (2), the receiver's
 * session as the sender knows it (8), the body. A body starts with its kind: enum gossip_kind, or
 * one of enum session_kind.
 *
 * Each life of a daemon has a random session. A datagram counts only if it carries this node's
 * session, comes in the session that its sender is known by, and its counter was not there before
 * (64 back). For anything else that is authentic there is one answer, HELLO, no longer than what it
 * answers: it repeats session and counter of what it answers. Only that teaches a session, once per
 * datagram that was sent: what was recorded earlier cannot. WELCOME is a HELLO that wants one back.
 */
#ifndef MOSIX_DAEMON_GOSSIP_SESSION_H
#define MOSIX_DAEMON_GOSSIP_SESSION_H

#include "common/key.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SESSION_HEAD = 16,                          /* in clear */
	SESSION_AROUND = SESSION_HEAD + 16 + 2 + 8, /* what sealing adds to a body */
	SESSION_BODY_MIN = 13,                      /* shorter ones are filled up with zeros */
	SESSION_DATAGRAM_MAX = 1400 - 28,
	SESSION_BODY_MAX = SESSION_DATAGRAM_MAX - SESSION_AROUND,
};

enum session_kind {
	SESSION_HELLO = 64,
	SESSION_WELCOME = 65,
	SESSION_OTHER = 66, /* from here on: the daemon's */
};

enum session_verdict {
	SESSION_DROP,     /* not authentic, or a repetition */
	SESSION_TAKE,     /* the body counts */
	SESSION_STRANGER, /* authentic, but in no session: say hello, if `hello`. The body is there
			     for questions that change nothing */
	SESSION_KNOWN, /* a hello: the session of `from` is known now; send again what was lost */
};

struct session_opened {
	enum session_verdict verdict;
	uint32_t from; /* as it says; 0 = it has no number yet */
	uint32_t counter;
	uint64_t session; /* of the sender */
	bool hello;       /* one is due (STRANGER, KNOWN) */
	uint32_t echo;    /* KNOWN: counter of the datagram that was answered */
	uint32_t echo_to; /* … which went to this number; 0 = to an address */
	uint8_t body[SESSION_DATAGRAM_MAX];
	size_t len;
};

struct sessions;

/* @self: own number, 0 = none yet. 0 or negative. */
int sessions_new(struct sessions **ret, const uint8_t key[KEY_SIZE], uint32_t self);
struct sessions *sessions_free(struct sessions *s); /* returns NULL */
/* Seals @body for node @to (0: whoever is at the address that it goes to). Its length, or negative.
 * @out: SESSION_DATAGRAM_MAX bytes. */
int sessions_close(struct sessions *s, uint32_t to, const void *body, size_t len, uint8_t *out,
		   uint32_t *ret_counter);
void sessions_open(struct sessions *s, int64_t now_ms, const uint8_t *in, size_t len,
		   struct session_opened *ret);
/* The hello that is due after sessions_open(); its length, or negative. */
int sessions_hello(struct sessions *s, const struct session_opened *o, uint8_t *out);
bool sessions_is_own(const struct sessions *s, uint64_t session);
/* Is the session of that node known? */
bool sessions_known(const struct sessions *s, uint32_t node);

#endif
