/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message channel in the daemon's event loop. Sending never blocks and never frees; a
 * connection that broke says so from the loop, by closed().
 */
#ifndef MOSIX_DAEMON_CONN_H
#define MOSIX_DAEMON_CONN_H

#include "common/chan.h"
#include <ev.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

/* Above the first many queued bytes a connection holds up those that feed it, below the second
 * it lets them go on. */
#define CONN_HIGH_WATER (2u << 20)
#define CONN_LOW_WATER (512u << 10)

struct conn;

struct conn_ops {
	/* The handshake is done; may be NULL. */
	void (*ready)(struct conn *c);
	/* A frame. Negative = close the connection with that error. conn_free() is allowed. */
	int (*frame)(struct conn *c, struct chan_frame *f);
	/* It broke or ended (@error < 0). The owner must conn_free() it here. */
	void (*closed)(struct conn *c, int error);
};

struct conn {
	struct ev_loop *loop;
	struct chan *chan;
	const struct conn_ops *ops;
	void *owner;
	struct ev_io io;
	struct conn *blocked_on; /* not read until that one's queue has drained */
	struct conn *blocked;    /* those that wait for our queue */
	struct conn *blocked_next;
	int error; /* first failure of a send, reported from the loop */
	unsigned int depth;
	bool ready;
	bool freed;
};

/* Takes @chan. 0 or -ENOMEM. */
int conn_new(struct conn **ret, struct ev_loop *loop, struct chan *chan, const struct conn_ops *ops,
	     void *owner);
/* Allowed anywhere, also inside its own callbacks. NULL is fine; returns NULL. */
struct conn *conn_free(struct conn *c);

/* 0 or negative; after a failure closed() follows. @c may be NULL: -ENOTCONN. */
int conn_send(struct conn *c, uint16_t type, const ProtobufCMessage *m, int fd);
int conn_send_raw(struct conn *c, uint16_t type, const void *body, size_t len);
/* Makes closed() follow, from the loop. */
void conn_fail(struct conn *c, int error);
/* If @to has much to send, stops reading @from until that has gone out. */
void conn_push_back(struct conn *from, struct conn *to);

#endif
