/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a job link (job/link.h): the deputy's or the guest's. Pure: no descriptors, no
 * clock. The owner moves bytes between descriptors and the endpoint, and frames between the
 * endpoint and whatever path there is at the moment:
 *
 *	path is there:     endpoint_path_up(), then endpoint_next_to_send() until it says false
 *	a frame arrived:   endpoint_receive(); negative = drop the path (path_down, reconnect)
 *	user/job wrote:    n = read(fd, buf, endpoint_space(ep, s)); endpoint_put(ep, s, buf, n)
 *	it closed:         endpoint_put_eof(ep, s)
 *	bytes arrived:     n = endpoint_pending(ep, s, &p); n = write(fd, p, n);
 *	                   endpoint_delivered(ep, s, n)
 *	endpoint_at_end(): close(fd); endpoint_end_delivered(ep, s)
 *	write gave EPIPE:  endpoint_break(ep, s)
 *	after any of them: there may be something to send
 *
 * Without a path everything works on until a window is full. Streams: enum link_stream; a side
 * puts into those that it sends and takes from the others (asserted).
 */
#ifndef MOSIX_JOB_ENDPOINT_H
#define MOSIX_JOB_ENDPOINT_H

#include "job/link.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a sender can hold of one stream: the window, and what a drained terminal can add. */
#define ENDPOINT_STREAM_MAX (LINK_WINDOW + (1u << 20))
#define ENDPOINT_CONTROL_QUEUE 64 /* control messages not yet acknowledged, in each direction */
#define ENDPOINT_CONTROL_DATA 64  /* bytes of body in one of them */

struct endpoint;

enum endpoint_side { ENDPOINT_DEPUTY, ENDPOINT_GUEST };

int endpoint_new(struct endpoint **ret, enum endpoint_side side);
struct endpoint *endpoint_free(struct endpoint *ep);
void endpoint_freep(struct endpoint **ep);

/* A new path; whatever was sent on the old one and not received is sent again after HELLOs. */
void endpoint_path_up(struct endpoint *ep);
void endpoint_path_down(struct endpoint *ep);
/* The path is up and the peer's HELLO has come. */
bool endpoint_synced(const struct endpoint *ep);

/* 0; -EPROTO: not a frame that the peer may send now (drop the path); -ENOMEM. @f is copied. */
int endpoint_receive(struct endpoint *ep, const struct link_frame *f);
/* True: @ret is to be sent now, whole; its data is valid until the next call for @ep. */
bool endpoint_next_to_send(struct endpoint *ep, struct link_frame *ret);

/* Sending side of a stream. */
/* Bytes that may be put without going beyond the window; 0 after EOF and BROKEN. */
size_t endpoint_space(const struct endpoint *ep, unsigned int stream);
/* 0; -ENOBUFS beyond ENDPOINT_STREAM_MAX; -ENOMEM; -EPIPE after BROKEN (nothing is kept). */
int endpoint_put(struct endpoint *ep, unsigned int stream, const void *data, size_t len);
void endpoint_put_eof(struct endpoint *ep, unsigned int stream);
/* The peer said BROKEN: close the descriptor that is read, so that its writer notices. */
bool endpoint_broken(const struct endpoint *ep, unsigned int stream);
/* EOF was put and everything including it is delivered to the other side, or BROKEN. */
bool endpoint_finished(const struct endpoint *ep, unsigned int stream);
/* Bytes that the other side made use of, as far as it is known: delivered, and after BROKEN
 * without what was left unread. */
uint64_t endpoint_taken(const struct endpoint *ep, unsigned int stream);

/* Receiving side of a stream. */
/* Bytes that arrived and were not delivered yet; @ret_data is valid until the next call. */
size_t endpoint_pending(const struct endpoint *ep, unsigned int stream, const uint8_t **ret_data);
void endpoint_delivered(struct endpoint *ep, unsigned int stream, size_t len);
/* Everything was delivered and the peer said EOF; once, until endpoint_end_delivered(). */
bool endpoint_at_end(const struct endpoint *ep, unsigned int stream);
void endpoint_end_delivered(struct endpoint *ep, unsigned int stream);
/* End was delivered, or endpoint_break() was called. */
bool endpoint_closed(const struct endpoint *ep, unsigned int stream);
/* Nobody reads it any more: drops what is pending and tells the peer. */
void endpoint_break(struct endpoint *ep, unsigned int stream);
/* The same, also after the end was delivered: nobody will read the last @unread of the bytes
 * that were delivered (they are still in the job's pipe). */
void endpoint_break_unread(struct endpoint *ep, unsigned int stream, uint64_t unread);
/* The peer has heard of it, and of how much was taken. */
bool endpoint_break_known(const struct endpoint *ep, unsigned int stream);

/* Control messages: delivered once and in order, each to be confirmed when acted upon. A WINSIZE
 * that was not sent yet is replaced. 0, -ENOBUFS, -EINVAL (kind or length). */
int endpoint_control_put(struct endpoint *ep, enum link_kind kind, uint16_t arg, const void *data,
			 size_t len);
/* The oldest one not yet confirmed; @ret->data is valid until the next call. */
bool endpoint_control_next(const struct endpoint *ep, struct link_frame *ret);
void endpoint_control_done(struct endpoint *ep);
/* All that were put have been acted upon by the peer. */
bool endpoint_control_finished(const struct endpoint *ep);

/* The whole state but the path, for a guest that moves: *ret is the caller's (free()). 0, -ENOMEM.
 */
int endpoint_pack(const struct endpoint *ep, uint8_t **ret, size_t *ret_len);
/* A new endpoint from it. 0, -EPROTO, -ENOMEM. */
int endpoint_unpack(struct endpoint **ret, const uint8_t *data, size_t len);

#endif
