/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a job link. Offsets are absolute since the job's start, so that a HELLO with what
 * was received is all that two ends need in order to go on after any cut: what was sent twice is
 * recognised by its offset and skipped.
 */
#include "job/endpoint.h"

#include "job/endpoint_priv.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_LEN (8 * (LINK_STREAMS + 1))
#define HELLO_ANSWER 1 /* arg of a HELLO that answers one: never answered itself */

static bool stream_to_guest(unsigned int stream)
{
	return stream == LINK_IN || stream == LINK_TTY_IN;
}

static bool is_sender(const struct endpoint *ep, unsigned int stream)
{
	assert(stream < LINK_STREAMS);
	return stream_to_guest(stream) == (ep->side == ENDPOINT_DEPUTY);
}

static struct sender *sender_of(const struct endpoint *ep, unsigned int stream)
{
	assert(is_sender(ep, stream));
	return &((struct endpoint *)ep)->streams[stream].out;
}

static struct receiver *receiver_of(const struct endpoint *ep, unsigned int stream)
{
	assert(!is_sender(ep, stream));
	return &((struct endpoint *)ep)->streams[stream].in;
}

int endpoint_new(struct endpoint **ret, enum endpoint_side side)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return -ENOMEM;
	ep->side = side;
	*ret = ep;
	return 0;
}

struct endpoint *endpoint_free(struct endpoint *ep)
{
	if (!ep)
		return NULL;
	for (unsigned int s = 0; s < LINK_STREAMS; s++) {
		fifo_clear(&ep->streams[s].out.queue);
		fifo_clear(&ep->streams[s].in.queue);
	}
	free(ep);
	return NULL;
}

void endpoint_freep(struct endpoint **ep)
{
	*ep = endpoint_free(*ep);
}

void endpoint_path_up(struct endpoint *ep)
{
	ep->up = true;
	ep->synced = false;
	ep->hello_due = true;
	ep->hello_arg = 0;
}

void endpoint_path_down(struct endpoint *ep)
{
	ep->up = false;
	ep->synced = false;
	ep->hello_due = false;
}

bool endpoint_synced(const struct endpoint *ep)
{
	return ep->up && ep->synced;
}

/* ------------------------------------------------------------------------- sending streams */

size_t endpoint_space(const struct endpoint *ep, unsigned int stream)
{
	const struct sender *o = sender_of(ep, stream);

	if (o->eof || o->broken || o->queue.len >= LINK_WINDOW)
		return 0;
	return LINK_WINDOW - o->queue.len;
}

int endpoint_put(struct endpoint *ep, unsigned int stream, const void *data, size_t len)
{
	struct sender *o = sender_of(ep, stream);

	assert(!o->eof);
	if (o->broken)
		return -EPIPE;
	return fifo_put(&o->queue, data, len, ENDPOINT_STREAM_MAX);
}

void endpoint_put_eof(struct endpoint *ep, unsigned int stream)
{
	sender_of(ep, stream)->eof = true;
}

bool endpoint_broken(const struct endpoint *ep, unsigned int stream)
{
	return sender_of(ep, stream)->broken;
}

bool endpoint_finished(const struct endpoint *ep, unsigned int stream)
{
	const struct sender *o = sender_of(ep, stream);

	return o->broken || (o->eof && o->eof_acked);
}

uint64_t endpoint_taken(const struct endpoint *ep, unsigned int stream)
{
	const struct sender *o = sender_of(ep, stream);

	return o->broken ? o->taken : o->base;
}

/* ----------------------------------------------------------------------- receiving streams */

size_t endpoint_pending(const struct endpoint *ep, unsigned int stream, const uint8_t **ret_data)
{
	const struct receiver *in = receiver_of(ep, stream);

	*ret_data = in->queue.len ? fifo_data(&in->queue) : NULL;
	return in->queue.len;
}

void endpoint_delivered(struct endpoint *ep, unsigned int stream, size_t len)
{
	struct receiver *in = receiver_of(ep, stream);

	fifo_drop(&in->queue, len);
	in->delivered += len;
	in->ack_due = true;
}

bool endpoint_at_end(const struct endpoint *ep, unsigned int stream)
{
	const struct receiver *in = receiver_of(ep, stream);

	return in->eof && !in->queue.len && !in->closed && !in->broken;
}

void endpoint_end_delivered(struct endpoint *ep, unsigned int stream)
{
	struct receiver *in = receiver_of(ep, stream);

	assert(in->eof && !in->queue.len);
	in->closed = true;
	in->ack_due = true;
}

bool endpoint_closed(const struct endpoint *ep, unsigned int stream)
{
	const struct receiver *in = receiver_of(ep, stream);

	return in->closed || in->broken;
}

void endpoint_break(struct endpoint *ep, unsigned int stream)
{
	struct receiver *in = receiver_of(ep, stream);

	if (!in->broken && !in->closed)
		endpoint_break_unread(ep, stream, 0);
}

void endpoint_break_unread(struct endpoint *ep, unsigned int stream, uint64_t unread)
{
	struct receiver *in = receiver_of(ep, stream);

	if (in->broken)
		return;
	in->taken = in->delivered - (unread < in->delivered ? unread : in->delivered);
	in->delivered += in->queue.len;
	fifo_clear(&in->queue);
	in->broken = true;
	in->broken_due = true;
	in->ack_due = true;
}

bool endpoint_break_known(const struct endpoint *ep, unsigned int stream)
{
	return receiver_of(ep, stream)->broken_known;
}

/* -------------------------------------------------------------------------------- control */

int endpoint_control_put(struct endpoint *ep, enum link_kind kind, uint16_t arg, const void *data,
			 size_t len)
{
	int r = control_check(ep->side, kind, arg, len);

	if (r < 0)
		return r;
	for (uint64_t seq = ep->control_ever + 1; kind == LINK_WINSIZE && seq <= ep->out.last;
	     seq++) {
		struct control *c = control_slot(&ep->out, seq);

		if (c->kind == LINK_WINSIZE) {
			memcpy(c->data, data, len);
			return 0;
		}
	}
	return control_append(&ep->out, kind, arg, data, len);
}

bool endpoint_control_next(const struct endpoint *ep, struct link_frame *ret)
{
	struct control_queue *q = &((struct endpoint *)ep)->in;
	const struct control *c = control_slot(q, q->done + 1);

	if (q->done == q->last)
		return false;
	*ret = (struct link_frame){
		.kind = c->kind,
		.arg = c->arg,
		.seq = q->done + 1,
		.data = c->data,
		.len = c->len,
	};
	return true;
}

void endpoint_control_done(struct endpoint *ep)
{
	assert(ep->in.done < ep->in.last);
	ep->in.done++;
	ep->control_ack_due = true;
}

bool endpoint_control_finished(const struct endpoint *ep)
{
	return ep->out.done == ep->out.last;
}

/* ------------------------------------------------------------------------------ receiving */

static int receive_data(struct endpoint *ep, const struct link_frame *f)
{
	struct receiver *in = receiver_of(ep, f->stream);
	uint64_t received = in->delivered + in->queue.len, skip;
	int r;

	if (f->seq > received)
		return -EPROTO;
	skip = received - f->seq;
	if (skip >= f->len)
		return 0;
	if (in->eof)
		return -EPROTO;
	if (in->broken) {
		in->delivered += f->len - skip;
		in->ack_due = true;
		return 0;
	}
	r = fifo_put(&in->queue, f->data + skip, f->len - skip, LINK_WINDOW);
	return r == -ENOBUFS ? -EPROTO : r;
}

static int receive_eof(struct endpoint *ep, const struct link_frame *f)
{
	struct receiver *in = receiver_of(ep, f->stream);

	if (f->arg & LINK_EOF_BROKEN) {
		in->broken_known = in->broken;
		return in->broken ? 0 : -EPROTO;
	}
	if (f->seq != in->delivered + in->queue.len)
		return -EPROTO;
	in->eof = true;
	in->ack_due = in->ack_due || in->closed;
	return 0;
}

static int receive_ack(struct endpoint *ep, const struct link_frame *f)
{
	struct sender *o;

	if (f->stream == LINK_CONTROL) {
		if (f->seq > ep->control_ever)
			return -EPROTO;
		if (f->seq > ep->out.done)
			ep->out.done = f->seq;
		if (ep->control_sent < ep->out.done)
			ep->control_sent = ep->out.done;
		return 0;
	}
	o = sender_of(ep, f->stream);
	if (o->broken || f->seq < o->base)
		return 0;
	if (f->seq - o->base > o->queue.len)
		return -EPROTO;
	fifo_drop(&o->queue, (size_t)(f->seq - o->base));
	o->base = f->seq;
	if (o->sent < o->base)
		o->sent = o->base;
	if (f->arg & LINK_ACK_EOF) {
		if (!o->eof || o->queue.len)
			return -EPROTO;
		o->eof_acked = true;
	}
	return 0;
}

static void sender_break(struct sender *o, uint64_t taken)
{
	o->answer_due = true;
	if (o->broken)
		return;
	o->base += o->queue.len;
	o->sent = o->base;
	fifo_clear(&o->queue);
	o->broken = true;
	/* Only bytes that were put can have been read. */
	o->taken = taken < o->base ? taken : o->base;
}

static uint64_t hello_get(const struct link_frame *f, unsigned int i)
{
	uint64_t v = 0;

	for (unsigned int b = 0; b < 8; b++)
		v |= (uint64_t)f->data[i * 8 + b] << (8 * b);
	return v;
}

/* The peer goes on from what it says it has; an old HELLO may say less than it has acknowledged
 * since, never more than was put. */
static int receive_hello(struct endpoint *ep, const struct link_frame *f)
{
	if (f->len != HELLO_LEN)
		return -EPROTO;
	for (unsigned int s = 0; s < LINK_STREAMS; s++) {
		const struct sender *o = &ep->streams[s].out;

		if (is_sender(ep, s) && !o->broken && hello_get(f, s) > o->base + o->queue.len)
			return -EPROTO;
	}
	if (hello_get(f, LINK_CONTROL) > ep->control_ever)
		return -EPROTO;

	for (unsigned int s = 0; s < LINK_STREAMS; s++) {
		struct sender *o = &ep->streams[s].out;
		struct receiver *in = &ep->streams[s].in;

		if (is_sender(ep, s)) {
			o->sent = hello_get(f, s) > o->base ? hello_get(f, s) : o->base;
			o->eof_sent = false;
		} else {
			in->ack_due = in->delivered > 0 || in->closed;
			in->broken_due = in->broken && !in->broken_known;
		}
	}
	ep->control_sent = hello_get(f, LINK_CONTROL);
	if (ep->control_sent < ep->out.done)
		ep->control_sent = ep->out.done;
	ep->control_ack_due = ep->in.done > 0;
	if (ep->synced && f->arg != HELLO_ANSWER) {
		ep->hello_due = true;
		ep->hello_arg = HELLO_ANSWER;
	}
	ep->synced = true;
	return 0;
}

static int receive_control(struct endpoint *ep, const struct link_frame *f)
{
	enum endpoint_side peer = ep->side == ENDPOINT_GUEST ? ENDPOINT_DEPUTY : ENDPOINT_GUEST;

	if (control_check(peer, f->kind, f->arg, f->len) < 0)
		return -EPROTO;
	if (f->seq <= ep->in.last)
		return 0;
	if (f->seq != ep->in.last + 1)
		return -EPROTO;
	return control_append(&ep->in, f->kind, f->arg, f->data, f->len) < 0 ? -EPROTO : 0;
}

int endpoint_receive(struct endpoint *ep, const struct link_frame *f)
{
	bool sends = f->stream < LINK_STREAMS && is_sender(ep, f->stream);

	if (!ep->up || (!ep->synced && f->kind != LINK_HELLO))
		return 0;
	switch (f->kind) {
	case LINK_HELLO:
		return receive_hello(ep, f);
	case LINK_DATA:
		return sends ? -EPROTO : receive_data(ep, f);
	case LINK_EOF:
		return sends ? -EPROTO : receive_eof(ep, f);
	case LINK_ACK:
		return sends || f->stream == LINK_CONTROL ? receive_ack(ep, f) : -EPROTO;
	case LINK_BROKEN:
		if (!sends)
			return -EPROTO;
		sender_break(sender_of(ep, f->stream), f->seq);
		return 0;
	case LINK_SIGNAL:
	case LINK_WINSIZE:
	case LINK_TERMIOS:
	case LINK_STOPPED:
	case LINK_CONT:
	case LINK_ENDED:
	case LINK_GROUND:
		return receive_control(ep, f);
	case _LINK_KIND_MAX:
		break;
	}
	return -EPROTO;
}

/* -------------------------------------------------------------------------------- sending */

static void next_hello(struct endpoint *ep, struct link_frame *ret)
{
	for (unsigned int s = 0; s <= LINK_STREAMS; s++) {
		uint64_t v = s == LINK_CONTROL ? ep->in.last : 0;

		if (s < LINK_STREAMS && !is_sender(ep, s))
			v = ep->streams[s].in.delivered + ep->streams[s].in.queue.len;
		for (unsigned int b = 0; b < 8; b++)
			ep->hello[s * 8 + b] = (uint8_t)(v >> (8 * b));
	}
	*ret = (struct link_frame){
		.kind = LINK_HELLO, .arg = ep->hello_arg, .data = ep->hello, .len = HELLO_LEN};
	ep->hello_due = false;
}

static bool next_from_receiver(struct receiver *in, uint8_t stream, struct link_frame *ret)
{
	if (in->broken_due) {
		*ret = (struct link_frame){.kind = LINK_BROKEN, .stream = stream, .seq = in->taken};
		in->broken_due = false;
		return true;
	}
	if (in->ack_due) {
		*ret = (struct link_frame){.kind = LINK_ACK, .stream = stream};
		ret->seq = in->delivered;
		ret->arg = in->closed ? LINK_ACK_EOF : 0;
		in->ack_due = false;
		return true;
	}
	return false;
}

static bool next_control(struct endpoint *ep, struct link_frame *ret)
{
	const struct control *c;

	if (ep->control_ack_due) {
		*ret = (struct link_frame){
			.kind = LINK_ACK, .stream = LINK_CONTROL, .seq = ep->in.done};
		ep->control_ack_due = false;
		return true;
	}
	if (ep->control_sent >= ep->out.last)
		return false;
	c = control_slot(&ep->out, ++ep->control_sent);
	if (ep->control_ever < ep->control_sent)
		ep->control_ever = ep->control_sent;
	*ret = (struct link_frame){
		.kind = c->kind,
		.arg = c->arg,
		.seq = ep->control_sent,
		.data = c->data,
		.len = c->len,
	};
	return true;
}

static bool next_from_sender(struct sender *o, uint8_t stream, struct link_frame *ret)
{
	uint64_t end = o->base + o->queue.len, limit = o->base + LINK_WINDOW;
	uint64_t len = (limit < end ? limit : end) - o->sent;

	if (o->answer_due) {
		*ret = (struct link_frame){
			.kind = LINK_EOF, .stream = stream, .arg = LINK_EOF_BROKEN, .seq = end};
		o->answer_due = false;
		return true;
	}
	if (o->broken)
		return false;
	if (o->sent < limit && len) {
		*ret = (struct link_frame){.kind = LINK_DATA, .stream = stream, .seq = o->sent};
		ret->data = fifo_data(&o->queue) + (o->sent - o->base);
		ret->len = (uint32_t)(len < LINK_DATA_MAX ? len : LINK_DATA_MAX);
		o->sent += ret->len;
		return true;
	}
	if (o->eof && !o->eof_sent && !o->eof_acked && o->sent == end) {
		*ret = (struct link_frame){.kind = LINK_EOF, .stream = stream, .seq = end};
		o->eof_sent = true;
		return true;
	}
	return false;
}

bool endpoint_next_to_send(struct endpoint *ep, struct link_frame *ret)
{
	if (!ep->up)
		return false;
	if (ep->hello_due) {
		next_hello(ep, ret);
		return true;
	}
	if (!ep->synced)
		return false;
	for (uint8_t s = 0; s < LINK_STREAMS; s++)
		if (!is_sender(ep, s) && next_from_receiver(&ep->streams[s].in, s, ret))
			return true;
	if (next_control(ep, ret))
		return true;
	/* In turn, so that one busy stream does not hold the others up. */
	for (unsigned int i = 1; i <= LINK_STREAMS; i++) {
		uint8_t s = (uint8_t)((ep->turn + i) % LINK_STREAMS);

		if (is_sender(ep, s) && next_from_sender(&ep->streams[s].out, s, ret)) {
			ep->turn = s;
			return true;
		}
	}
	return false;
}
