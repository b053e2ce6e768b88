/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Message channels in the event loop. */
#include "daemon/conn.h"

#include "common/msg.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* Frames taken in one go before others get their turn. */
#define FRAMES_AT_ONCE 64

/* Makes the callback run soon, whatever the socket says. */
static void conn_kick(struct conn *c)
{
	ev_feed_event(c->loop, &c->io, EV_CUSTOM);
}

static void conn_watch(struct conn *c)
{
	short want = chan_events(c->chan);
	bool kicked = ev_is_pending(&c->io);
	int events = 0;

	if ((want & POLLIN) && !(c->blocked_on && c->ready))
		events |= EV_READ;
	if (want & POLLOUT)
		events |= EV_WRITE;
	if (events == (c->io.events & (EV_READ | EV_WRITE)) && ev_is_active(&c->io))
		return;
	ev_io_stop(c->loop, &c->io);
	ev_io_set(&c->io, chan_fd(c->chan), events);
	if (events)
		ev_io_start(c->loop, &c->io);
	/* Stopping it took that back. */
	if (kicked)
		conn_kick(c);
}

static void conn_unblock_others(struct conn *c)
{
	struct conn *b;

	while ((b = c->blocked)) {
		c->blocked = b->blocked_next;
		b->blocked_on = NULL;
		b->blocked_next = NULL;
		conn_kick(b);
	}
}

static void conn_unblock_self(struct conn *c)
{
	struct conn **p;

	if (!c->blocked_on)
		return;
	for (p = &c->blocked_on->blocked; *p != c; p = &(*p)->blocked_next)
		;
	*p = c->blocked_next;
	c->blocked_on = NULL;
	c->blocked_next = NULL;
}

static void conn_destroy(struct conn *c)
{
	chan_free(c->chan);
	free(c);
}

static int conn_take_frames(struct conn *c)
{
	struct chan_frame f;
	int r;

	for (int i = 0; i < FRAMES_AT_ONCE; i++) {
		if (c->blocked_on)
			return 0;
		r = chan_next(c->chan, &f);
		if (r <= 0)
			return r;
		r = c->ops->frame(c, &f);
		if (r < 0 || c->freed)
			return r;
	}
	conn_kick(c);
	return 0;
}

static int conn_run(struct conn *c)
{
	int r, broken;

	if (c->error)
		return c->error;
	broken = chan_process(c->chan);
	if (!c->ready && chan_ready(c->chan)) {
		c->ready = true;
		if (c->ops->ready)
			c->ops->ready(c);
		if (c->freed)
			return 0;
	}
	if (broken < 0)
		return broken;
	/* As long as frames wait, the end shows only behind the last of them. */
	r = conn_take_frames(c);
	if (r < 0 || c->freed)
		return r;
	if (c->blocked && chan_queued(c->chan) < CONN_LOW_WATER)
		conn_unblock_others(c);
	return c->error;
}

static void conn_on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct conn *c = w->data;
	int r;

	(void)loop;
	(void)revents;
	c->depth++;
	r = conn_run(c);
	c->depth--;
	if (c->freed)
		conn_destroy(c);
	else if (r < 0)
		c->ops->closed(c, r);
	else
		conn_watch(c);
}

int conn_new(struct conn **ret, struct ev_loop *loop, struct chan *chan, const struct conn_ops *ops,
	     void *owner)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		chan_free(chan);
		return -ENOMEM;
	}
	c->loop = loop;
	c->chan = chan;
	c->ops = ops;
	c->owner = owner;
	ev_io_init(&c->io, conn_on_io, chan_fd(chan), EV_READ);
	c->io.data = c;
	conn_kick(c);
	*ret = c;
	return 0;
}

struct conn *conn_free(struct conn *c)
{
	if (!c || c->freed)
		return NULL;
	ev_io_stop(c->loop, &c->io);
	conn_unblock_self(c);
	conn_unblock_others(c);
	c->freed = true;
	if (!c->depth)
		conn_destroy(c);
	return NULL;
}

void conn_fail(struct conn *c, int error)
{
	if (c->freed || c->error)
		return;
	c->error = error;
	conn_kick(c);
}

static int conn_sent(struct conn *c, int r)
{
	if (r < 0)
		conn_fail(c, r);
	else if (!c->depth)
		conn_watch(c);
	return r;
}

int conn_send(struct conn *c, uint16_t type, const ProtobufCMessage *m, int fd)
{
	if (!c || c->freed || c->error)
		return -ENOTCONN;
	return conn_sent(c, msg_send(c->chan, type, m, fd));
}

int conn_send_raw(struct conn *c, uint16_t type, const void *body, size_t len)
{
	if (!c || c->freed || c->error)
		return -ENOTCONN;
	return conn_sent(c, chan_send(c->chan, type, body, len, -1));
}

void conn_push_back(struct conn *from, struct conn *to)
{
	if (!from || !to || from == to || from->freed || to->freed || from->blocked_on ||
	    chan_queued(to->chan) < CONN_HIGH_WATER)
		return;
	from->blocked_on = to;
	from->blocked_next = to->blocked;
	to->blocked = from;
	if (!from->depth)
		conn_watch(from);
}
