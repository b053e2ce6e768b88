/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that talks to daemons as they do not expect it; see stranger.c. */
#ifndef MOSIX_TEST_IT_HOSTILE_STRANGER_H
#define MOSIX_TEST_IT_HOSTILE_STRANGER_H

#include "common/key.h"
#include "common/preamble.h"
#include "common/stream.h"

#define STEP_MS 15000

struct target {
	const char *where; /* an IPv4 address, or the path of a socket */
	enum preamble_kind kind;
	uint32_t as; /* the node to pose as */
	uint8_t cluster[KEY_SIZE];
};

/* Ends the program with a sentence. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same numbers for the same seed. */
void random_seed(uint64_t seed);
uint32_t random_below(uint32_t n);
void random_bytes(uint8_t *p, size_t len);
/* Changes up to 8 bytes, cuts or repeats a piece; returns the new length (<= @cap). */
size_t mutate(uint8_t *p, size_t len, size_t cap);

/* A connection that has said its preamble. */
int dial(const struct target *t);
/* The same with the right key, after the handshake. */
struct stream *dial_secure(const struct target *t);
/* True when the other end closes within STEP_MS; *ret is how many bytes came before. */
bool is_closed(struct stream *s, size_t *ret);
bool fd_is_closed(int fd, size_t *ret);

/* Each sends @count connections full of nonsense. */
void fuzz_handshake(const struct target *t, unsigned int count);
void fuzz_peer(const struct target *t, unsigned int count);
void fuzz_mfs(const struct target *t, unsigned int count);
void fuzz_local(const struct target *t, unsigned int count);

#endif
