/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's connection. Its threads take turns: the one that holds read_lock reads a request,
 * lets the next one read, and carries the request out itself, so that no request waits for a
 * thread to be woken. There is always one more thread than requests in progress.
 */
#include "mfsfuse/srv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fail.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/srv_callback.h"
#include "mfsfuse/srv_deleg.h"

#define THREADS_MAX 512
#define THREADS_SPARE 4 /* idle ones beyond these end */
#define THREAD_STACK (256u << 10)
#define HANDSHAKE_MS 10000
#define STRANGERS_MAX 64u /* connections before their handshake */
#define SILENCE_MS 12000  /* clients ping every second or two */
#define SEND_MS 20000

struct conn {
	struct stream *stream;
	struct session *s; /* after HELLO; a counted reference */
	atomic_uint refs;
	atomic_uint threads, idle;
	atomic_bool dead;
	bool shaken; /* the handshake is done; set before there is a second thread */
	pthread_mutex_t read_lock, send_lock;

	/* What goes to the client unasked, sent by a thread that is started with the first. */
	struct callback_queue callbacks;
	bool caller; /* protected by the session's lock */
};

static atomic_uint strangers;

/* ------------------------------------------------------------------ life */

void conn_get(struct conn *c)
{
	atomic_fetch_add(&c->refs, 1);
}

void conn_put(struct conn *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	stream_free(c->stream);
	if (c->s)
		session_put(c->s);
	pthread_mutex_destroy(&c->read_lock);
	pthread_mutex_destroy(&c->send_lock);
	callbacks_done(&c->callbacks);
	free(c);
}

void conn_shut(struct conn *c)
{
	atomic_store(&c->dead, true);
	shutdown(stream_fd(c->stream), SHUT_RDWR);
	callbacks_close(&c->callbacks);
}

/* ------------------------------------------------------------------ sending */

static int wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int n;

	do
		n = poll(&p, 1, SEND_MS);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

/* What the header has promised must come, even if the file became shorter meanwhile. */
static int send_zeros(struct conn *c, size_t len)
{
	static const uint8_t zeros[65536];
	int r = 0;

	while (len && r == 0) {
		size_t n = len < sizeof(zeros) ? len : sizeof(zeros);

		r = stream_write_full(c->stream, zeros, n, SEND_MS);
		len -= n;
	}
	return r;
}

static int send_file(struct conn *c, struct reply *rp)
{
	int fd = stream_fd(c->stream);

	while (rp->len) {
		ssize_t n = sendfile(fd, rp->file->fd, &rp->off, rp->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			int r = wait_writable(fd);

			if (r < 0)
				return r;
			continue;
		}
		if (n < 0) {
			/* It is too late for an error. The client will connect and ask again;
			 * then the file is read first. */
			atomic_store(&rp->file->no_sendfile, true);
			return -EIO;
		}
		if (n == 0)
			return send_zeros(c, rp->len);
		rp->len -= (size_t)n;
	}
	return 0;
}

/* The body stands right behind room for the header, so that both go out at once. */
static int send_reply(struct conn *c, struct reply *rp)
{
	uint8_t *start = rp->out.buf - MFS_HDR_SIZE;
	int r;

	rp->h.len = (uint32_t)(rp->file ? rp->len : rp->out.len);
	mfs_hdr_pack(&rp->h, start);
	if (!rp->file)
		return stream_write_full(c->stream, start, MFS_HDR_SIZE + rp->out.len, SEND_MS);
	do
		r = (int)send(stream_fd(c->stream), start, MFS_HDR_SIZE, MSG_MORE | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EAGAIN)
		return -errno;
	r = r < 0 ? 0 : r;
	r = stream_write_full(c->stream, start + r, MFS_HDR_SIZE - (size_t)r, SEND_MS);
	return r < 0 ? r : send_file(c, rp);
}

static void conn_send(struct conn *c, struct reply *rp)
{
	pthread_mutex_lock(&c->send_lock);
	if (atomic_load(&c->dead) || send_reply(c, rp) < 0)
		conn_shut(c);
	pthread_mutex_unlock(&c->send_lock);
}

void conn_reply(struct session *s, struct reply *rp)
{
	struct conn *c;

	pthread_mutex_lock(&s->lock);
	c = s->conn;
	if (c)
		conn_get(c);
	pthread_mutex_unlock(&s->lock);
	if (!c)
		return;
	/* No plain file goes through TLS, nor from a connection that was plain to one that is not.
	 */
	if (rp->file && stream_is_tls(c->stream))
		conn_shut(c);
	else
		conn_send(c, rp);
	conn_put(c);
}

/* ------------------------------------------------------------------ callbacks */

/* A thread of its own: whoever has a callback may hold locks. */
static void *callback_thread(void *arg)
{
	struct conn *c = arg;
	struct callback *cb;

	while ((cb = callbacks_next(&c->callbacks))) {
		pthread_mutex_lock(&c->send_lock);
		if (atomic_load(&c->dead) ||
		    stream_write_full(c->stream, cb->frame, cb->len, SEND_MS) < 0)
			conn_shut(c);
		pthread_mutex_unlock(&c->send_lock);
		free(cb);
	}
	conn_put(c);
	return NULL;
}

static bool caller_start(struct conn *c)
{
	pthread_attr_t a;
	pthread_t t;

	if (c->caller)
		return true;
	conn_get(c);
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, THREAD_STACK);
	c->caller = pthread_create(&t, &a, callback_thread, c) == 0;
	pthread_attr_destroy(&a);
	/* Not the last reference: the session has one. */
	if (!c->caller)
		atomic_fetch_sub(&c->refs, 1);
	return c->caller;
}

bool conn_callback(struct session *s, const struct mfs_hdr *h, const char *name)
{
	bool added;

	pthread_mutex_lock(&s->lock);
	added = s->conn && caller_start(s->conn) && callbacks_add(&s->conn->callbacks, h, name);
	pthread_mutex_unlock(&s->lock);
	return added;
}

bool conn_is_plain(struct session *s)
{
	bool plain;

	pthread_mutex_lock(&s->lock);
	plain = s->conn && !stream_is_tls(s->conn->stream);
	pthread_mutex_unlock(&s->lock);
	return plain;
}

/* ------------------------------------------------------------------ receiving */

static void request_free(struct request *rq)
{
	if (rq) {
		free(rq->body);
		free(rq);
	}
}

static int read_request(struct conn *c, struct request **ret)
{
	uint8_t buf[MFS_HDR_SIZE];
	struct request *rq;
	int r;

	r = stream_read_full(c->stream, buf, sizeof(buf), SILENCE_MS);
	if (r < 0)
		return r;
	rq = calloc(1, sizeof(*rq));
	if (!rq)
		return -ENOMEM;
	r = mfs_hdr_unpack(buf, &rq->h);
	if (r == 0 && rq->h.flags & MFS_FLAG_REPLY)
		r = -EPROTO;
	if (r == 0 && rq->h.len) {
		rq->body = malloc(rq->h.len);
		r = rq->body ? stream_read_full(c->stream, rq->body, rq->h.len, SILENCE_MS)
			     : -ENOMEM;
	}
	if (r < 0) {
		request_free(rq);
		return r;
	}
	rq->s = c->s;
	*ret = rq;
	return 0;
}

static void reply_init(struct reply *rp, const struct request *rq, uint8_t *buf)
{
	*rp = (struct reply){
		.h = {.op = rq->h.op, .flags = MFS_FLAG_REPLY, .xid = rq->h.xid},
		.out = {.buf = buf + MFS_HDR_SIZE, .cap = MFS_BODY_MAX},
	};
}

/* ------------------------------------------------------------------ HELLO */

static int hello(struct conn *c, struct request *rq, struct reply *rp)
{
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	struct mfs_hello h, mine = {.version_min = MFS_VERSION_MIN};
	bool resumed;
	int r;

	mfs_get_hello(&in, &h);
	if (in.bad)
		return -EPROTO;
	if (h.version_min > MFS_VERSION_MAX || h.version_max < MFS_VERSION_MIN) {
		rp->h.err = EPROTONOSUPPORT;
	} else {
		r = session_get(h.session, &c->s, &resumed);
		if (r < 0)
			return r;
		c->s->node = h.node;
		mine.resumed = resumed;
	}
	mine.version_max = h.version_max < MFS_VERSION_MAX ? h.version_max : MFS_VERSION_MAX;
	mine.epoch = srv.epoch;
	mine.features = h.features & deleg_features();
	memcpy(mine.session, h.session, sizeof(mine.session));
	mfs_put_hello(&rp->out, &mine);
	conn_send(c, rp);
	if (rp->h.err)
		return -EPROTO;
	session_attach(c->s, c);
	return 0;
}

/* ------------------------------------------------------------------ requests */

static const struct replay *replay_find(const struct session *s, uint64_t xid)
{
	for (size_t i = 0; i < REPLAY_SLOTS; i++) {
		if (s->replay[i].xid == xid && s->replay[i].hdr.flags)
			return &s->replay[i];
	}
	return NULL;
}

/* 1: carry it out; 0: it was or is being done; -EPROTO: the number is in use. */
static int request_begin(struct session *s, struct request *rq, struct reply *rp)
{
	const struct replay *old = NULL;
	struct request *busy = NULL;
	int r = 1;

	rq->thread = pthread_self();
	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->busy, &rq->h.xid, sizeof(rq->h.xid), busy);
	if (busy) {
		/* Its reply will go to the connection of the day. */
		r = rq->h.flags & MFS_FLAG_REPLAY ? 0 : -EPROTO;
		rp->h.flags = 0;
	} else if (rq->h.flags & MFS_FLAG_REPLAY) {
		old = replay_find(s, rq->h.xid);
	}
	if (old) {
		rp->h = old->hdr;
		mfs_put_bytes(&rp->out, old->body, old->hdr.len);
		rp->h.b = 0; /* what it granted was lost with the connection */
		r = 0;
	}
	if (r == 1) {
		HASH_ADD(hh, s->busy, h.xid, sizeof(rq->h.xid), rq);
		if (!rq->hh.tbl)
			r = -ENOMEM;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void request_end(struct session *s, struct request *rq, struct reply *rp)
{
	pthread_mutex_lock(&s->lock);
	HASH_DEL(s->busy, rq);
	if (op_once(rq->h.op) && rp->out.len <= REPLAY_BODY) {
		struct replay *slot = &s->replay[s->replay_next++ % REPLAY_SLOTS];

		slot->xid = rq->h.xid;
		slot->hdr = rp->h;
		slot->hdr.len = (uint32_t)rp->out.len;
		memcpy(slot->body, rp->out.buf, rp->out.len);
	}
	pthread_mutex_unlock(&s->lock);
}

static int serve(struct conn *c, struct request *rq, uint8_t *buf)
{
	struct reply rp;
	int r;

	reply_init(&rp, rq, buf);
	if (!c->s)
		return rq->h.op == MFS_OP_HELLO ? hello(c, rq, &rp) : -EPROTO;
	if (!op_has_reply(rq->h.op)) {
		request_run(rq, &rp);
		return 0;
	}
	r = request_begin(c->s, rq, &rp);
	if (r < 0)
		return r;
	if (r > 0) {
		r = request_run(rq, &rp);
		if (r < 0) {
			rp.out.len = 0;
			rp.h.err = (uint32_t)-r;
		}
		/* For tests: done, but nobody knows. */
		if (r == 0 && op_once(rq->h.op) && FAIL_POINT("mfs/done") < 0)
			conn_shut(c);
		request_end(c->s, rq, &rp);
	}
	if (rp.h.flags)
		conn_reply(c->s, &rp);
	if (rp.file)
		sfile_put(c->s, rp.file);
	return 0;
}

/* ------------------------------------------------------------------ threads */

static void *conn_thread(void *arg);

static int thread_start(struct conn *c)
{
	pthread_attr_t a;
	pthread_t t;
	int r;

	if (atomic_fetch_add(&c->threads, 1) >= THREADS_MAX) {
		atomic_fetch_sub(&c->threads, 1);
		return -EAGAIN;
	}
	conn_get(c);
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, THREAD_STACK);
	r = pthread_create(&t, &a, conn_thread, c);
	pthread_attr_destroy(&a);
	if (r) {
		atomic_fetch_sub(&c->threads, 1);
		conn_put(c);
	}
	return -r;
}

/* One request. False: this thread is no longer needed, or the connection is over. */
static bool turn(struct conn *c, uint8_t *buf)
{
	struct request *rq = NULL;
	int r;

	if (atomic_fetch_add(&c->idle, 1) > THREADS_SPARE) {
		atomic_fetch_sub(&c->idle, 1);
		return false;
	}
	pthread_mutex_lock(&c->read_lock);
	r = atomic_load(&c->dead) ? -ECONNRESET : read_request(c, &rq);
	if (atomic_fetch_sub(&c->idle, 1) == 1 && r == 0)
		thread_start(c);
	if (r == 0 && !c->s) {
		/* Nothing else is read before HELLO is through. */
		r = serve(c, rq, buf);
		pthread_mutex_unlock(&c->read_lock);
	} else {
		pthread_mutex_unlock(&c->read_lock);
		if (r == 0)
			r = serve(c, rq, buf);
	}
	request_free(rq);
	if (r < 0) {
		conn_shut(c);
		/* At once: other threads may wait for locks for long. */
		if (c->s)
			session_detach(c->s, c);
	}
	return r == 0;
}

static int set_up(struct conn *c)
{
	int r = ident_thread_init();

	if (r == 0 && !c->shaken) {
		if (atomic_fetch_add(&strangers, 1) < STRANGERS_MAX)
			r = stream_handshake_full(c->stream, HANDSHAKE_MS);
		else
			r = -EBUSY;
		atomic_fetch_sub(&strangers, 1);
		c->shaken = r == 0;
	}
	return r;
}

static void *conn_thread(void *arg)
{
	struct conn *c = arg;
	uint8_t *buf = malloc(MFS_HDR_SIZE + MFS_BODY_MAX);

	if (buf && set_up(c) == 0) {
		while (turn(c, buf))
			;
	} else {
		conn_shut(c);
	}
	free(buf);
	atomic_fetch_sub(&c->threads, 1);
	conn_put(c);
	return NULL;
}

int conn_start(struct stream *st)
{
	struct conn *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		stream_free(st);
		return -ENOMEM;
	}
	c->stream = st;
	atomic_store(&c->refs, 1);
	pthread_mutex_init(&c->read_lock, NULL);
	pthread_mutex_init(&c->send_lock, NULL);
	callbacks_init(&c->callbacks);
	r = thread_start(c);
	conn_put(c);
	return r;
}
