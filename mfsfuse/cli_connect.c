/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a connection: socket, preamble, TLS, HELLO; and, if the server has lost our session,
 * opening again what was open there.
 */
#include "mfsfuse/cli_connect.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/preamble.h"
#include "mfsfuse/net.h"

#define CONNECT_MS 2000
#define REPLY_MS 5000

static int tcp_connect(const struct sockaddr_in *a)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.events = POLLOUT};
	int err = 0, r;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0) {
		if (errno != EINPROGRESS)
			return -errno;
		p.fd = fd;
		do
			r = poll(&p, 1, CONNECT_MS);
		while (r < 0 && errno == EINTR);
		if (r <= 0)
			return r < 0 ? -errno : -ETIMEDOUT;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
			return -errno;
		if (err)
			return -err;
	}
	net_tune(fd);
	return steal_fd(&fd);
}

static int send_preamble(int fd)
{
	const struct preamble p = {.kind = PREAMBLE_MFS};
	uint8_t buf[PREAMBLE_SIZE];

	preamble_pack(&p, buf);
	/* The socket is new and has room for it. */
	return send(fd, buf, sizeof(buf), MSG_NOSIGNAL) == (ssize_t)sizeof(buf) ? 0 : -EIO;
}

static int open_stream(const struct sockaddr_in *addr, bool self, struct stream **ret)
{
	uint8_t key[KEY_SIZE];
	int fd, r;

	if (self) {
		fd = unix_connect(cli.server_sock);
		return fd < 0 ? fd : stream_new_plain(ret, fd);
	}
	fd = tcp_connect(addr);
	if (fd < 0)
		return fd;
	r = send_preamble(fd);
	if (r == 0 && !cli.plain && !peers_key(key))
		r = -ENOKEY;
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	r = cli.plain ? stream_new_plain(ret, fd) : stream_new_tls(ret, fd, false, "mfs", key);
	explicit_bzero(key, sizeof(key));
	return r;
}

/* ------------------------------------------------------------------ before it is up */

static int discard(struct stream *s, size_t len)
{
	uint8_t buf[4096];
	int r = 0;

	while (len && r == 0) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		r = stream_read_full(s, buf, n, REPLY_MS);
		len -= n;
	}
	return r;
}

/* The header of the reply to @xid. Others are to requests of an earlier process with our session;
 * the kernel gives us those again. */
static int read_reply(struct stream *s, uint64_t xid, struct mfs_hdr *ret)
{
	uint8_t buf[MFS_HDR_SIZE];
	int r;

	for (;;) {
		r = stream_read_full(s, buf, sizeof(buf), REPLY_MS);
		if (r == 0)
			r = mfs_hdr_unpack(buf, ret);
		if (r < 0 || ret->xid == xid)
			return r;
		r = discard(s, ret->len);
		if (r < 0)
			return r;
	}
}

int call_sync(struct stream *s, struct mfs_hdr *h, const struct mfs_out *out, struct mfs_hdr *ret,
	      uint8_t *body, size_t room)
{
	uint8_t buf[MFS_HDR_SIZE];
	int r;

	h->len = (uint32_t)out->len;
	mfs_hdr_pack(h, buf);
	r = stream_write_full(s, buf, sizeof(buf), REPLY_MS);
	if (r == 0 && out->len)
		r = stream_write_full(s, out->buf, out->len, REPLY_MS);
	if (r == 0)
		r = read_reply(s, h->xid, ret);
	if (r == 0 && ret->len > room)
		r = -EPROTO;
	if (r == 0 && ret->len)
		r = stream_read_full(s, body, ret->len, REPLY_MS);
	return r;
}

static int hello(struct peer *p, struct stream *s)
{
	struct mfs_hello h = {
		.version_min = MFS_VERSION_MIN,
		.version_max = MFS_VERSION_MAX,
		.features = MFS_FEATURE_DELEGATIONS,
		.epoch = p->epoch,
		.node = cli.self,
	};
	struct mfs_hdr hdr = {.op = MFS_OP_HELLO}, reply;
	uint8_t buf[256], body[256];
	struct mfs_out out = {.buf = buf, .cap = sizeof(buf)};
	struct mfs_in in = {.buf = body};
	int r;

	memcpy(h.session, state_head()->session, sizeof(h.session));
	mfs_put_hello(&out, &h);
	r = call_sync(s, &hdr, &out, &reply, body, sizeof(body));
	if (r < 0)
		return r;
	if (reply.err)
		return -(int)reply.err;
	in.len = reply.len;
	mfs_get_hello(&in, &h);
	if (in.bad)
		return -EPROTO;
	if (!h.resumed || h.epoch != p->epoch)
		p->reopen = true;
	p->epoch = h.epoch;
	p->features = h.features;
	return 0;
}

int peer_connect(struct peer *p, struct stream **ret)
{
	_cleanup_(stream_freep) struct stream *s = NULL;
	struct sockaddr_in addr;
	bool self;
	int r;

	pthread_mutex_lock(&p->lock);
	addr = p->addr;
	self = p->self;
	pthread_mutex_unlock(&p->lock);
	r = open_stream(&addr, self, &s);
	if (r == 0)
		r = stream_handshake_full(s, REPLY_MS);
	if (r == 0)
		r = hello(p, s);
	if (r == 0)
		r = reopen_files(p, s);
	if (r < 0)
		return r;
	p->reopen = false;
	*ret = steal_ptr(s);
	return 0;
}
