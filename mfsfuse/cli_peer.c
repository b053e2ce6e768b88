/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread of a peer: connects when somebody has a call, receives replies, notices death.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "mfsfuse/cli.h"
#include "mfsfuse/cli_connect.h"
#include "mfsfuse/cli_deleg.h"

#define SILENCE_MS 5000u
#define PING_MS 1500u
#define RETRY_MS 500u
/* What is delegated is good for half of the time that the server waits for us (RECALL_MS). */
#define DELEG_SILENCE_MS 1000u
#define DELEG_PING_MS 300u
/* After a failed attempt a node that is long dead is not tried again for that long. */
#define TRIED_MS 1000u

/* What is being received. */
struct receiver {
	uint8_t head[MFS_HDR_SIZE];
	uint8_t *body;
	struct mfs_hdr h;
	size_t have; /* of header and body together */
	uint64_t heard, pinged;
	int unsent; /* bytes that TCP had to send */
};

/* ------------------------------------------------------------------ sending */

void peer_kick(struct peer *p)
{
	const uint64_t one = 1;

	if (write(p->wake, &one, sizeof(one)) < 0)
		return; /* it is full: the thread will wake up anyway */
}

static void sent(struct call *c)
{
	c->sent_once = true;
	if (c->no_reply)
		call_free(c);
}

/* True: all of it is on its way. */
static bool push(struct peer *p, struct call *c)
{
	while (c->sent < c->len) {
		ssize_t n = stream_write(p->stream, c->msg + c->sent, c->len - c->sent);

		if (n < 0) {
			if (n != -EAGAIN)
				p->broken = true;
			return false;
		}
		c->sent += (size_t)n;
	}
	return true;
}

void peer_send(struct peer *p, struct call *c)
{
	if (!p->stream) {
		p->wanted = true;
		pthread_cond_signal(&p->cond);
		watch_kick();
		if (c->no_reply)
			call_free(c);
		return;
	}
	if (!p->queue && push(p, c)) {
		sent(c);
		return;
	}
	c->queued = true;
	DL_APPEND(p->queue, c);
	peer_kick(p);
}

static void flush_queue(struct peer *p)
{
	while (p->queue && !p->broken) {
		struct call *c = p->queue;

		if (!push(p, c))
			return;
		DL_DELETE(p->queue, c);
		c->queued = false;
		sent(c);
	}
}

/* ------------------------------------------------------------------ receiving */

static void deliver(struct peer *p, struct receiver *rx)
{
	struct call *c = NULL;

	pthread_mutex_lock(&p->lock);
	HASH_FIND(hh, p->calls, &rx->h.xid, sizeof(rx->h.xid), c);
	if (c && (c->queued || c->held))
		c = NULL; /* it cannot have been answered */
	if (c)
		call_remove(c);
	pthread_mutex_unlock(&p->lock);
	/* Others were given up, or answered twice as they were sent twice. */
	if (c)
		call_finish(c, (int)rx->h.err, &rx->h, rx->body, rx->h.len);
}

/* 1: a whole frame is there; 0: not yet; negative: broken. */
static int receive(struct peer *p, struct receiver *rx)
{
	for (;;) {
		size_t want = MFS_HDR_SIZE - rx->have;
		uint8_t *to = rx->head + rx->have;
		ssize_t n;

		if (rx->have >= MFS_HDR_SIZE) {
			want = MFS_HDR_SIZE + rx->h.len - rx->have;
			to = rx->body + (rx->have - MFS_HDR_SIZE);
		}
		if (want == 0)
			return 1;
		n = stream_read(p->stream, to, want);
		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		rx->heard = cli_now_ms();
		rx->have += (size_t)n;
		if (rx->have != MFS_HDR_SIZE)
			continue;
		if (mfs_hdr_unpack(rx->head, &rx->h) < 0 ||
		    (!(rx->h.flags & MFS_FLAG_REPLY) && rx->h.op != MFS_OP_RECALL))
			return -EPROTO;
	}
}

static int receive_all(struct peer *p, struct receiver *rx)
{
	int r;

	while ((r = receive(p, rx)) > 0) {
		rx->have = 0;
		if (rx->h.flags & MFS_FLAG_REPLY)
			deliver(p, rx);
		else
			r = deleg_recall(p, &rx->h, rx->body);
		if (r < 0)
			break;
	}
	return r;
}

static void ping(struct peer *p)
{
	struct call *c = call_new_plain(p, MFS_OP_PING, &(struct mfs_fh){0}, 0);

	if (!c)
		return;
	c->no_reply = true; /* nobody waits for it; any byte is a sign of life */
	c->len = MFS_HDR_SIZE;
	mfs_hdr_pack(&c->h, c->msg);
	pthread_mutex_lock(&p->lock);
	peer_send(p, c);
	pthread_mutex_unlock(&p->lock);
}

/* On a slow line the answer may stand behind much that is still being sent. */
static bool is_sending(struct peer *p, struct receiver *rx)
{
	int unsent = 0, before = rx->unsent;

	if (ioctl(stream_fd(p->stream), SIOCOUTQ, &unsent) < 0)
		return false;
	rx->unsent = unsent;
	return unsent < before;
}

static int check_life(struct peer *p, struct receiver *rx)
{
	const uint64_t now = cli_now_ms(), silence = p->deleg_can ? DELEG_PING_MS : PING_MS;

	if (now - rx->heard > SILENCE_MS / 2 && is_sending(p, rx))
		rx->heard = now;
	if (now - rx->heard > SILENCE_MS)
		return -ETIMEDOUT;
	if (p->deleg_on && now - rx->heard > DELEG_SILENCE_MS)
		deleg_lost(p);
	else if (now - rx->heard < DELEG_PING_MS)
		deleg_ask(p);
	if (now - rx->heard > silence && now - rx->pinged > silence) {
		rx->pinged = now;
		ping(p);
	}
	return 0;
}

static int wait_event(struct peer *p)
{
	struct pollfd fds[2] = {
		{.fd = stream_fd(p->stream), .events = POLLIN},
		{.fd = p->wake, .events = POLLIN},
	};
	uint64_t drop;
	bool broken;

	pthread_mutex_lock(&p->lock);
	flush_queue(p);
	broken = p->broken;
	if (p->queue)
		fds[0].events |= POLLOUT;
	pthread_mutex_unlock(&p->lock);
	if (broken)
		return -ECONNRESET;
	if (poll(fds, 2, (int)(p->deleg_can ? DELEG_PING_MS : PING_MS) / 2) < 0 && errno != EINTR)
		return -errno;
	if (fds[1].revents & POLLIN && read(p->wake, &drop, sizeof(drop)) < 0)
		return 0; /* nothing was there */
	return 0;
}

static int serve(struct peer *p, uint8_t *body)
{
	struct receiver rx = {.body = body, .heard = cli_now_ms()};
	int r;

	do {
		r = receive_all(p, &rx);
		if (r == 0)
			r = check_life(p, &rx);
		if (r == 0)
			r = wait_event(p);
	} while (r == 0);
	return r;
}

/* ------------------------------------------------------------------ up and down */

/* Calls that were under way when the last connection broke go out again. */
static void go_up(struct peer *p, struct stream *s)
{
	struct call *c, *next;

	pthread_mutex_lock(&p->lock);
	p->stream = s;
	p->broken = false;
	p->refused = false;
	HASH_ITER (hh, p->calls, c, next) {
		if (c->held)
			continue;
		c->sent = 0;
		if (c->sent_once) {
			c->h.flags |= MFS_FLAG_REPLAY;
			mfs_hdr_pack(&c->h, c->msg);
		}
		peer_send(p, c);
	}
	pthread_mutex_unlock(&p->lock);
}

static void go_down(struct peer *p)
{
	struct stream *s;
	struct call *c, *next;

	pthread_mutex_lock(&p->lock);
	s = p->stream;
	p->stream = NULL;
	p->down_since = cli_now_ms();
	p->wanted = p->calls || p->files;
	DL_FOREACH_SAFE (p->queue, c, next) {
		DL_DELETE(p->queue, c);
		c->queued = false;
		if (c->no_reply)
			call_free(c);
	}
	/* The next connection is asked when it is time for that. */
	HASH_ITER (hh, p->calls, c, next) {
		if (c->h.op == MFS_OP_DELEGATE && !c->held) {
			call_remove(c);
			call_free(c);
		}
	}
	pthread_mutex_unlock(&p->lock);
	deleg_lost(p);
	stream_free(s);
	watch_kick();
}

uint64_t peer_deadline(const struct peer *p, const struct call *c)
{
	if (p->stream)
		return 0;
	if (c->start < p->down_since)
		return p->down_since + cli.timeout_ms - SILENCE_MS;
	/* Long dead: as soon as one attempt was made for it in vain. */
	if (c->start - p->down_since > cli.timeout_ms && p->last_try + TRIED_MS >= c->start)
		return 1;
	return c->start + cli.timeout_ms;
}

static void wait_wanted(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->wanted)
		pthread_cond_wait(&p->cond, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static void note_failure(struct peer *p, int r)
{
	static const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};

	pthread_mutex_lock(&p->lock);
	p->last_try = cli_now_ms();
	p->wanted = p->calls || p->files;
	if (!p->refused)
		log_warn("node %u (%s) cannot be reached: %s", p->number, p->name, strerror(-r));
	p->refused = true;
	pthread_mutex_unlock(&p->lock);
	watch_kick();
	nanosleep(&pause, NULL);
}

void *peer_thread(void *arg)
{
	struct peer *p = arg;
	_cleanup_free_ uint8_t *body = malloc(MFS_BODY_MAX);
	int r;

	while (body) {
		struct stream *s;

		wait_wanted(p);
		r = peer_connect(p, &s);
		if (r < 0) {
			note_failure(p, r);
			continue;
		}
		go_up(p, s);
		deleg_up(p, p->features);
		r = serve(p, body);
		log_info("connection to node %u lost: %s", p->number, strerror(-r));
		go_down(p);
	}
	return NULL;
}
