/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message channel over a stream: frames of {u32 length, u16 type, u16 flags}, little-endian,
 * then the body. Output is queued; the owner drives it from its event loop:
 *
 *	events = chan_events(c);            // POLLIN and/or POLLOUT to wait for
 *	r = chan_process(c);                // handshake, write what is queued, read what is there
 *	while ((r = chan_next(c, &f)) > 0)  // the frames that have arrived
 *		...
 *	if (r < 0) ...                      // over, and nothing of what arrived was lost
 *
 * A frame body stays valid until the next chan_next() or chan_process(). An owner that leaves
 * frames lying is not sent more: the channel reads on when all are taken.
 */
#ifndef MOSIX_COMMON_CHAN_H
#define MOSIX_COMMON_CHAN_H

#include "common/stream.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_HEADER 8
#define CHAN_FRAME_MAX (4u << 20) /* hard limit of a body, any type */
#define CHAN_FLAG_FD 1u           /* one descriptor travels with the frame (AF_UNIX only) */

struct chan;

struct chan_frame {
	uint16_t type;
	const uint8_t *body;
	uint32_t len;
	bool has_fd; /* a descriptor came along: chan_take_fd() */
};

/* Takes the stream. @max_body bounds what is accepted (<= CHAN_FRAME_MAX); @max_queue bounds
 * the bytes waiting to be sent (-ENOBUFS beyond it). */
int chan_new(struct chan **ret, struct stream *s, uint32_t max_body, size_t max_queue);
struct chan *chan_free(struct chan *c);
void chan_freep(struct chan **c);

int chan_fd(const struct chan *c);
short chan_events(const struct chan *c);
/* True once the handshake is done (at once for plain streams). */
bool chan_ready(const struct chan *c);

/* 0, or negative when the channel is broken: -ECONNRESET, -EPIPE, -EACCES (wrong key), -EPROTO
 * (bad frame), … An orderly end of the peer reads as -EPIPE after the last frame was taken. As
 * long as complete frames wait it returns 0; chan_next() gives the error behind the last. */
int chan_process(struct chan *c);
/* 1 = a frame; 0 = none complete; negative as chan_process(). */
int chan_next(struct chan *c, struct chan_frame *ret);
/* The descriptor of the frame that chan_next() gave last, now the caller's; or -1. One that is
 * not taken is closed by the next chan_next(), chan_process() or chan_free(). */
int chan_take_fd(struct chan *c);

/* Queues a frame; @fd (or -1) is duplicated. 0, -ENOBUFS, -EMSGSIZE, -ENOMEM, or the error that
 * broke the channel. */
int chan_send(struct chan *c, uint16_t type, const void *body, size_t len, int fd);
size_t chan_queued(const struct chan *c);

/* Blocking use, for tools and workers; timeouts in milliseconds, -1 = for ever. */
int chan_flush(struct chan *c, int timeout_ms);
int chan_recv(struct chan *c, struct chan_frame *ret, int timeout_ms); /* 1, or negative */

#endif
