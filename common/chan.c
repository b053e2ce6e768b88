/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Framed channels. Input and output are plain buffers with a head and a tail: frames are handed
 * out where they were read, and many small ones leave with one write. What is left in a buffer is
 * moved to its front only when the space behind it runs out.
 */
#include "common/chan.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"

#define READ_CHUNK (64u << 10) /* usual buffer, and the most read before frames are looked at */
#define READ_MIN (16u << 10)   /* least space for a read: one TLS record */
#define QUEUED_FDS_MAX 64

struct buf {
	uint8_t *p;
	size_t size, head, tail;
};

struct queued_fd {
	uint64_t at; /* offset in the output of the frame that it goes with */
	int fd;
};

struct chan {
	struct stream *s;
	uint32_t max_body;
	size_t max_queue;
	bool ready;
	short handshake_events;

	struct buf in;
	int frame_fd;  /* of the frame that was handed out last */
	int read_end;  /* negative: nothing more will come, and why */
	int write_end; /* negative: nothing can be sent any more, and why */

	struct buf out;
	uint64_t out_at; /* offset of out.head since the beginning */
	struct queued_fd fds[QUEUED_FDS_MAX];
	unsigned int fd_head, fd_count;
};

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static void put_header(uint8_t *p, uint32_t len, uint16_t type, uint16_t flags)
{
	len = htole32(len);
	type = htole16(type);
	flags = htole16(flags);
	memcpy(p, &len, sizeof(len));
	memcpy(p + 4, &type, sizeof(type));
	memcpy(p + 6, &flags, sizeof(flags));
}

/* ------------------------------------------------------------------ buffers */

static size_t buf_len(const struct buf *b)
{
	return b->tail - b->head;
}

/* Makes room for @want more bytes behind the tail. */
static int buf_reserve(struct buf *b, size_t want)
{
	size_t len = buf_len(b), size = b->size ? b->size * 2 : READ_CHUNK;
	uint8_t *p;

	if (b->size - b->tail >= want)
		return 0;
	/* Moving pays when it frees at least as much as it moves; else the buffer is too small. */
	if (b->size - len >= want && b->head >= len) {
		memmove(b->p, b->p + b->head, len);
		b->head = 0;
		b->tail = len;
		return 0;
	}
	while (size < len + want)
		size *= 2;
	p = malloc(size);
	if (!p)
		return -ENOMEM;
	if (len)
		memcpy(p, b->p + b->head, len);
	free(b->p);
	*b = (struct buf){.p = p, .size = size, .tail = len};
	return 0;
}

static void buf_take(struct buf *b, size_t len)
{
	b->head += len;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

/* Gives back what a large frame needed. */
static void buf_trim(struct buf *b)
{
	if (buf_len(b) || b->size <= READ_CHUNK)
		return;
	free(b->p);
	*b = (struct buf){0};
}

/* ------------------------------------------------------------------ life */

int chan_new(struct chan **ret, struct stream *s, uint32_t max_body, size_t max_queue)
{
	struct chan *c;

	if (max_body > CHAN_FRAME_MAX) {
		stream_free(s);
		return -EINVAL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		stream_free(s);
		return -ENOMEM;
	}
	c->s = s;
	c->max_body = max_body;
	c->max_queue = max_queue;
	c->frame_fd = -1;
	c->ready = !stream_is_tls(s);
	c->handshake_events = POLLIN | POLLOUT;
	*ret = c;
	return 0;
}

static void drop_output(struct chan *c)
{
	for (; c->fd_count; c->fd_count--)
		fd_close(c->fds[c->fd_head++ % QUEUED_FDS_MAX].fd);
	free(c->out.p);
	c->out = (struct buf){0};
}

struct chan *chan_free(struct chan *c)
{
	if (!c)
		return NULL;
	drop_output(c);
	fd_close(c->frame_fd);
	free(c->in.p);
	stream_free(c->s);
	free(c);
	return NULL;
}

void chan_freep(struct chan **c)
{
	*c = chan_free(*c);
}

int chan_fd(const struct chan *c)
{
	return stream_fd(c->s);
}

bool chan_ready(const struct chan *c)
{
	return c->ready;
}

size_t chan_queued(const struct chan *c)
{
	return buf_len(&c->out);
}

/* ------------------------------------------------------------------ input */

/* 1 = a complete frame is at the head; 0 = not yet; -EPROTO. */
static int frame_waits(const struct chan *c)
{
	size_t have = buf_len(&c->in);
	const uint8_t *p;
	uint32_t len;

	if (have < CHAN_HEADER)
		return 0;
	p = c->in.p + c->in.head;
	len = get32(p);
	if (len > c->max_body || get16(p + 6) & ~CHAN_FLAG_FD)
		return -EPROTO;
	return have - CHAN_HEADER >= len;
}

/* What the frame at the head still lacks, but not all at once: memory is given only to a peer
 * that sends. */
static size_t read_want(const struct chan *c)
{
	size_t have = buf_len(&c->in);
	size_t want;

	if (have < CHAN_HEADER)
		return READ_MIN;
	want = CHAN_HEADER + (size_t)get32(c->in.p + c->in.head);
	want = want > have ? want - have : 0;
	if (want > have && want > READ_CHUNK)
		want = have > READ_CHUNK ? have : READ_CHUNK;
	return want > READ_MIN ? want : READ_MIN;
}

/* Reads once; the number of bytes, 0 = nothing now, or negative when nothing more will come. */
static ssize_t read_some(struct chan *c)
{
	ssize_t n;
	int r;

	r = buf_reserve(&c->in, read_want(c));
	if (r < 0)
		return r;
	n = stream_read(c->s, c->in.p + c->in.tail, c->in.size - c->in.tail);
	if (n == -EAGAIN)
		/* A peer that takes nothing more sends nothing more either. */
		return c->write_end;
	if (n == 0)
		return buf_len(&c->in) ? -ECONNRESET : -EPIPE;
	if (n > 0)
		c->in.tail += (size_t)n;
	return n;
}

/*
 * Reads until a frame is complete and a fair share is read. A TLS stream is emptied of what it
 * has decrypted, because poll() does not see that. It stops at a descriptor, so that never more
 * wait than frames to take them.
 */
static int read_input(struct chan *c)
{
	size_t total = 0;
	int r = frame_waits(c);

	while (r == 0 || stream_pending(c->s)) {
		ssize_t n = read_some(c);

		if (n <= 0)
			return (int)n;
		total += (size_t)n;
		r = frame_waits(c);
		if (r < 0)
			return r;
		if (stream_pending(c->s))
			continue;
		if (total >= READ_CHUNK || n < READ_MIN || stream_fd_count(c->s))
			break;
	}
	return r < 0 ? r : 0;
}

int chan_next(struct chan *c, struct chan_frame *ret)
{
	const uint8_t *p;
	int r, fd = -1;

	c->frame_fd = fd_close(c->frame_fd);
	r = frame_waits(c);
	if (r < 0 && !c->read_end)
		c->read_end = r;
	if (r <= 0)
		return c->read_end;
	p = c->in.p + c->in.head;
	if (get16(p + 6) & CHAN_FLAG_FD) {
		fd = stream_take_fd(c->s);
		if (fd < 0) {
			c->in.head = c->in.tail;
			return c->read_end = -EPROTO;
		}
	}
	c->frame_fd = fd;
	*ret = (struct chan_frame){
		.len = get32(p),
		.type = get16(p + 4),
		.body = p + CHAN_HEADER,
		.has_fd = fd >= 0,
	};
	/* The bytes stay where they are until the next read. */
	buf_take(&c->in, CHAN_HEADER + (size_t)ret->len);
	return 1;
}

int chan_take_fd(struct chan *c)
{
	return steal_fd(&c->frame_fd);
}

/* ------------------------------------------------------------------ output */

int chan_send(struct chan *c, uint16_t type, const void *body, size_t len, int fd)
{
	_cleanup_fd_ int copy = -1;
	uint8_t *p;
	int r;

	if (c->write_end || c->read_end)
		return c->write_end ? c->write_end : c->read_end;
	if (len > CHAN_FRAME_MAX)
		return -EMSGSIZE;
	if (buf_len(&c->out) + CHAN_HEADER + len > c->max_queue)
		return -ENOBUFS;
	if (fd >= 0) {
		if (!stream_passes_fds(c->s))
			return -EINVAL;
		if (c->fd_count == QUEUED_FDS_MAX)
			return -ENOBUFS;
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return -errno;
	}
	r = buf_reserve(&c->out, CHAN_HEADER + len);
	if (r < 0)
		return r;
	if (copy >= 0) {
		struct queued_fd *q = &c->fds[(c->fd_head + c->fd_count++) % QUEUED_FDS_MAX];

		q->at = c->out_at + buf_len(&c->out);
		q->fd = steal_fd(&copy);
	}
	p = c->out.p + c->out.tail;
	put_header(p, (uint32_t)len, type, fd >= 0 ? CHAN_FLAG_FD : 0);
	if (len)
		memcpy(p + CHAN_HEADER, body, len);
	c->out.tail += CHAN_HEADER + len;
	return 0;
}

/* Writes up to the next frame that has a descriptor; that one starts a write of its own. */
static ssize_t write_some(struct chan *c)
{
	const uint8_t *p = c->out.p + c->out.head;
	size_t len = buf_len(&c->out);
	struct queued_fd *first = &c->fds[c->fd_head % QUEUED_FDS_MAX];
	struct queued_fd *second = &c->fds[(c->fd_head + 1) % QUEUED_FDS_MAX];
	ssize_t n;

	if (c->fd_count && first->at > c->out_at)
		return stream_write(c->s, p, (size_t)(first->at - c->out_at));
	if (c->fd_count == 0)
		return stream_write(c->s, p, len);
	if (c->fd_count > 1)
		len = (size_t)(second->at - c->out_at);
	n = stream_write_fd(c->s, p, len, first->fd);
	if (n > 0) {
		fd_close(first->fd);
		c->fd_head = (c->fd_head + 1) % QUEUED_FDS_MAX;
		c->fd_count--;
	}
	return n;
}

static int write_output(struct chan *c)
{
	while (buf_len(&c->out)) {
		ssize_t n = write_some(c);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		buf_take(&c->out, (size_t)n);
		c->out_at += (uint64_t)n;
	}
	buf_trim(&c->out);
	return 0;
}

/* ------------------------------------------------------------------ both */

short chan_events(const struct chan *c)
{
	short events = 0;

	if (!c->ready)
		return c->read_end ? 0 : c->handshake_events;
	if (!c->read_end && frame_waits(c) == 0)
		events |= POLLIN;
	if (buf_len(&c->out))
		events |= POLLOUT;
	return events;
}

/* 0 = done, 1 = goes on. */
static int process_handshake(struct chan *c)
{
	int r = stream_handshake(c->s);

	if (r < 0)
		return c->read_end = r;
	if (r > 0) {
		c->handshake_events = r == STREAM_E_WANT_WRITE ? POLLOUT : POLLIN;
		return 1;
	}
	c->ready = true;
	return 0;
}

int chan_process(struct chan *c)
{
	int r;

	c->frame_fd = fd_close(c->frame_fd);
	if (!c->ready && !c->read_end) {
		r = process_handshake(c);
		if (r)
			return r < 0 ? r : 0;
	}
	if (c->ready && !c->write_end) {
		/* What the peer said before it went away is still read below. */
		c->write_end = write_output(c);
		if (c->write_end)
			drop_output(c);
	}
	if (!c->read_end) {
		if (buf_len(&c->in) == 0)
			buf_trim(&c->in);
		c->read_end = read_input(c);
	}
	return frame_waits(c) > 0 ? 0 : c->read_end;
}

/* ------------------------------------------------------------------ blocking use */

static int wait_events(struct chan *c, int64_t deadline)
{
	struct pollfd p = {.fd = chan_fd(c), .events = chan_events(c)};
	int64_t left = -1;
	int n;

	if (deadline >= 0) {
		left = deadline - clock_ms();
		if (left < 0)
			left = 0;
	}
	n = poll(&p, 1, (int)left);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

int chan_flush(struct chan *c, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;

	for (;;) {
		int r = chan_process(c);

		if (r < 0)
			return r;
		if (c->write_end)
			return c->write_end;
		if (c->ready && buf_len(&c->out) == 0)
			return 0;
		r = wait_events(c, deadline);
		if (r < 0)
			return r;
	}
}

int chan_recv(struct chan *c, struct chan_frame *ret, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;

	for (;;) {
		int r = chan_next(c, ret);

		if (r)
			return r;
		r = chan_process(c);
		if (r < 0)
			return r;
		if (frame_waits(c) > 0)
			continue;
		r = wait_events(c, deadline);
		if (r < 0)
			return r;
	}
}
