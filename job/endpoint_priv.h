/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is inside an endpoint: shared by endpoint.c and endpoint_pack.c, nobody else.
 */
#ifndef MOSIX_JOB_ENDPOINT_PRIV_H
#define MOSIX_JOB_ENDPOINT_PRIV_H

#include "job/endpoint.h"
#include "job/fifo.h"

struct sender {
	struct fifo queue; /* what is not acknowledged; its first byte is number @base */
	uint64_t base;
	uint64_t sent; /* next to be sent on this path: base … base + queue.len */
	bool eof;      /* no more will be put */
	bool eof_sent; /* on this path */
	bool eof_acked;
	bool broken;
	bool answer_due; /* to BROKEN */
	uint64_t taken;  /* once broken: what the receiver made use of */
};

struct receiver {
	struct fifo queue; /* received, not delivered */
	uint64_t delivered;
	bool eof;    /* the stream ends behind the queue */
	bool closed; /* its end was delivered */
	bool broken;
	bool broken_known; /* the sender has answered */
	uint64_t taken;    /* once broken */
	bool ack_due, broken_due;
};

struct control {
	enum link_kind kind;
	uint16_t arg;
	uint32_t len;
	uint8_t data[ENDPOINT_CONTROL_DATA];
};

/* Messages done + 1 … last, each in the slot of its number. */
struct control_queue {
	uint64_t done, last;
	struct control messages[ENDPOINT_CONTROL_QUEUE];
};

struct endpoint {
	enum endpoint_side side;
	struct {
		struct sender out; /* one of the two is in use, by side */
		struct receiver in;
	} streams[LINK_STREAMS];
	struct control_queue out, in;
	uint64_t control_sent; /* on this path */
	uint64_t control_ever; /* on any path: those numbers must not change any more */
	bool control_ack_due;
	bool up, synced, hello_due;
	uint16_t hello_arg;
	unsigned int turn;
	uint8_t hello[8 * (LINK_STREAMS + 1)];
};

struct control *control_slot(struct control_queue *q, uint64_t seq);
/* 0, or -EINVAL when side @from may not send such a message. */
int control_check(enum endpoint_side from, enum link_kind kind, uint16_t arg, size_t len);
/* 0 or -ENOBUFS. */
int control_append(struct control_queue *q, enum link_kind kind, uint16_t arg, const void *data,
		   size_t len);

#endif
