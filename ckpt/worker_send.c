/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source's image connection: connect, shake hands, send, hear the answer. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "ckpt/extra.h"
#include "ckpt/images.h"
#include "ckpt/worker_source.h"
#include "common/cleanup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/preamble.h"

#define PROGRESS_STEP (32u << 20)

/* Images that wait to be sent, in bytes: memory that the node does not have twice, and perhaps has
 * to get rid of the job for. What criu writes until it is noticed comes on top. */
#define WAITING_MAX (256u << 20)
#define WAITING_LEAST (16u << 20)

int source_connect(struct source *s)
{
	_cleanup_fd_ int fd = -1;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {0};
	socklen_t len = sizeof(a.in);
	uint16_t port = htons((uint16_t)s->cmd->port);

	if (inet_pton(AF_INET, s->cmd->address, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = port;
	} else if (inet_pton(AF_INET6, s->cmd->address, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = port;
		len = sizeof(a.in6);
	} else {
		return -EINVAL;
	}
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The last record of a batch is small; it must not wait for an acknowledgement. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (connect(fd, &a.sa, len) < 0 && errno != EINPROGRESS)
		return -errno;
	s->connecting = steal_fd(&fd);
	s->phase = CONNECTING;
	s->net_events = POLLOUT;
	return 0;
}

static int send_preamble(struct source *s)
{
	struct preamble p = {.kind = PREAMBLE_BULK};
	uint8_t buf[PREAMBLE_SIZE];

	memcpy(p.token, s->cmd->token.data, PREAMBLE_TOKEN);
	preamble_pack(&p, buf);
	/* The first bytes on the connection: they always fit. */
	if (send(s->connecting, buf, sizeof(buf), MSG_NOSIGNAL) != (ssize_t)sizeof(buf))
		return -EPIPE;
	return 0;
}

static int connected(struct source *s)
{
	socklen_t len = sizeof(int);
	int error = 0, r;

	if (getsockopt(s->connecting, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	r = error ? -error : send_preamble(s);
	if (r == 0)
		r = stream_new_tls(&s->net, steal_fd(&s->connecting), false, WORKER_BULK_IDENTITY,
				   s->cmd->key.data);
	if (r == 0)
		r = xfer_sender_new(&s->tx, s->net, s->images);
	if (r == 0)
		r = xfer_sender_blob(s->tx, XFER_STATE, s->cmd->state.data, s->cmd->state.len);
	if (r < 0)
		return err_sys(&s->err, r, "Cannot connect to the other node at %s:%u",
			       s->cmd->address, s->cmd->port);
	s->phase = SHAKING;
	return 0;
}

static int queue_extra(struct source *s)
{
	_cleanup_free_ uint8_t *extra = NULL;
	size_t len;
	int r;

	r = extra_save(s->cmd->init, s->cmd->cgroup, &extra, &len);
	if (r == 0)
		r = xfer_sender_blob(s->tx, XFER_EXTRA, extra, len);
	return r < 0 ? err_sys(&s->err, r, "Cannot read the job's processes") : 0;
}

static int shake(struct source *s)
{
	int r;

	r = stream_handshake(s->net);
	if (r > 0) {
		s->net_events = r == STREAM_E_WANT_READ ? POLLIN : POLLOUT;
		return 0;
	}
	if (r == -EACCES)
		return err_set(&s->err, r, "The other node refused the key of this move.");
	if (r < 0)
		return err_sys(&s->err, r, "The image connection to %s broke", s->cmd->address);
	s->phase = SENDING;
	s->net_events = POLLIN;
	r = queue_extra(s);
	if (r == 0 && s->dumped)
		r = xfer_sender_finish(s->tx);
	return r < 0 ? r : source_send(s);
}

static int tell_progress(struct source *s)
{
	uint64_t bytes = xfer_sender_bytes(s->tx);

	if (bytes - s->told < PROGRESS_STEP)
		return 0;
	s->told = bytes;
	return worker_tell(s->w, ENGINE_PROGRESS, bytes, 0);
}

int source_send(struct source *s)
{
	int r;

	r = xfer_sender_pump(s->tx);
	if (r < 0)
		return err_sys(&s->err, r, "The image connection to %s broke", s->cmd->address);
	s->net_events = (short)(POLLIN | (xfer_sender_wants_write(s->tx) ? POLLOUT : 0));
	if (r > 0)
		s->phase = CONFIRMING;
	return tell_progress(s);
}

static int hold(struct source *s)
{
	int r;

	r = FAIL_POINT("ckpt/confirmed");
	if (r < 0)
		return err_sys(&s->err, r, "The dump was made to fail");
	s->phase = HELD;
	s->net_events = 0;
	return worker_tell(s->w, ENGINE_DUMPED, xfer_sender_bytes(s->tx), 0);
}

int source_on_net(struct source *s)
{
	int r;

	if (s->phase == CONNECTING) {
		r = connected(s);
		if (r < 0)
			return r;
	}
	if (s->phase == SHAKING) {
		r = shake(s);
		if (r < 0 || s->phase == SHAKING)
			return r;
	}
	if (s->phase == SENDING || s->phase == CONFIRMING) {
		/* It may refuse at any time. */
		r = xfer_sender_answer(s->tx, &s->err);
		if (r < 0)
			return r;
		if (r > 0)
			return hold(s);
	}
	return s->phase == SENDING && xfer_sender_wants_write(s->tx) ? source_send(s) : 0;
}

/* criu writes to memory at its own pace; the network may be slower. */
static void hold_criu_back(struct source *s)
{
	uint64_t waiting = images_used(s->images), max = s->memory / 4;
	/* What is left is not yet freed, or is sent when criu is done. */
	bool all_sent = s->phase == SENDING && !xfer_sender_wants_write(s->tx);

	if (max > WAITING_MAX)
		max = WAITING_MAX;
	else if (max < WAITING_LEAST)
		max = WAITING_LEAST;
	if (waiting > max && !all_sent)
		criu_pause(s->criu, true);
	else if (waiting < max / 2 || all_sent)
		criu_pause(s->criu, false);
}

int source_look(struct source *s)
{
	uint64_t before;
	int r = 0;

	if (s->phase == SENDING) {
		before = xfer_sender_bytes(s->tx);
		r = xfer_sender_look(s->tx);
		if (r < 0)
			return err_sys(&s->err, r, "Cannot read the job's images");
		r = source_send(s);
		if (xfer_sender_bytes(s->tx) != before)
			s->idle_ms = 0;
	}
	hold_criu_back(s);
	return r;
}
