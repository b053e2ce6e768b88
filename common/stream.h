/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A byte stream over a socket: plain, or TLS 1.3 with a pre-shared key. Non-blocking at heart,
 * so that an event loop can drive it; the *_full calls poll and are for workers and tools.
 *
 * stream_new_tls() is in the library common-tls: programs that do without it start without GnuTLS.
 *
 * TLS: GnuTLS, ECDHE-PSK, AES-128-GCM only; a stream that ends without close_notify reads as
 * -ECONNRESET, so that a cut is never taken for the end.
 */
#ifndef MOSIX_COMMON_STREAM_H
#define MOSIX_COMMON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define STREAM_KEY_SIZE 32
#define STREAM_FDS_MAX 4

struct stream;

enum {
	_STREAM_E_SUCCESS,
	STREAM_E_WANT_READ,  /* try again when readable */
	STREAM_E_WANT_WRITE, /* try again when writable */
};

/* Takes @fd in any case (closed on failure); it is made non-blocking. */
int stream_new_plain(struct stream **ret, int fd);
/* @identity names the key to the peer (ASCII, <= 64 bytes); both ends must have the same. */
int stream_new_tls(struct stream **ret, int fd, bool server, const char *identity,
		   const uint8_t key[STREAM_KEY_SIZE]);
/* Closes at once (sends close_notify if that does not block). NULL is fine; returns NULL. */
struct stream *stream_free(struct stream *s);
void stream_freep(struct stream **s);

int stream_fd(const struct stream *s);
bool stream_is_tls(const struct stream *s);
bool stream_passes_fds(const struct stream *s);

/* 0 when done (at once for plain), STREAM_E_*, or negative: -EACCES = wrong key or identity. */
int stream_handshake(struct stream *s);

/* > 0 bytes; 0 = orderly end; -EAGAIN = nothing now; other negative = broken. On AF_UNIX sockets
 * passed descriptors are collected, at most STREAM_FDS_MAX waiting, further ones are closed. */
ssize_t stream_read(struct stream *s, void *buf, size_t len);
/* After -EAGAIN the next call must begin with the same bytes (TLS has taken them in already). */
ssize_t stream_write(struct stream *s, const void *buf, size_t len);
/* Bytes already decrypted: poll() would not report them. */
size_t stream_pending(const struct stream *s);

/* Plain AF_UNIX only: sends at least one byte of @buf together with one descriptor (borrowed). */
ssize_t stream_write_fd(struct stream *s, const void *buf, size_t len, int fd);
/* The oldest descriptor that was received, or -1. The caller owns it. */
int stream_take_fd(struct stream *s);
unsigned int stream_fd_count(const struct stream *s);

/* Blocking with a deadline for each wait, and for a handshake as a whole (milliseconds, -1 = for
 * ever): 0, -ETIMEDOUT, … */
int stream_handshake_full(struct stream *s, int timeout_ms);
int stream_read_full(struct stream *s, void *buf, size_t len, int timeout_ms);
int stream_write_full(struct stream *s, const void *buf, size_t len, int timeout_ms);

#endif
