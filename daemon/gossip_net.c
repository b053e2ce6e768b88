/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UDP socket of gossip. */
#include "daemon/gossip_io_priv.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "daemon/metrics.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADERS 28 /* of IPv4 and UDP, per datagram */
#define AT_ONCE 64 /* datagrams, before others get their turn in the loop */

/* ------------------------------------------------------------------ sending */

/* A datagram that cannot be sent is lost, as any may be. */
static void put(struct gossip_io *io, const struct sockaddr_in *addr, const uint8_t *out, int len)
{
	if (len <= 0)
		return;
	(void)sendto(io->io.fd, out, (size_t)len, MSG_DONTWAIT, (const struct sockaddr *)addr,
		     sizeof(*addr));
	metrics_gossip(io->d, true, (uint64_t)len + HEADERS);
}

void gossip_net_send_addr(struct gossip_io *io, uint32_t to, const struct sockaddr_in *addr,
			  const uint8_t *body, size_t len)
{
	struct sent *s = &io->sent[io->next_sent++ % SENT_KEPT];
	uint8_t out[SESSION_DATAGRAM_MAX];
	int n;

	if (len > sizeof(s->body))
		return;
	s->len = len;
	memcpy(s->body, body, len);
	n = sessions_close(io->sessions, to, body, len, out, &s->counter);
	put(io, addr, out, n);
}

void gossip_net_send(struct gossip_io *io, uint32_t to, const uint8_t *body, size_t len)
{
	const struct node *n = nodes_find(io->d, to);
	struct sockaddr_in addr = {.sin_family = AF_INET};

	if (!n || !node_is_known(n)) {
		card_ask(io, to, 0);
		return;
	}
	addr.sin_addr = n->addr;
	addr.sin_port = htons(n->port);
	gossip_net_send_addr(io, to, &addr, body, len);
}

/* ------------------------------------------------------------------ receiving */

static void send_again(struct gossip_io *io, const struct session_opened *o,
		       const struct sockaddr_in *from)
{
	struct sent s;

	for (unsigned int i = 0; i < SENT_KEPT; i++) {
		if (!io->sent[i].len || io->sent[i].counter != o->echo)
			continue;
		s = io->sent[i];
		io->sent[i].len = 0;
		gossip_net_send_addr(io, o->from, from, s.body, s.len);
		return;
	}
}

static void receive(struct gossip_io *io, const uint8_t *in, size_t len,
		    const struct sockaddr_in *from)
{
	static struct session_opened o;
	uint8_t out[SESSION_DATAGRAM_MAX];
	int n;

	metrics_gossip(io->d, false, len + HEADERS);
	sessions_open(io->sessions, gossip_now_ms(), in, len, &o);
	/* One answer to one datagram: who asks for a number gets that. */
	if (o.hello && o.from) {
		n = sessions_hello(io->sessions, &o, out);
		put(io, from, out, n);
	}
	switch (o.verdict) {
	case SESSION_DROP:
		metrics_gossip_refused(io->d);
		break;
	case SESSION_TAKE:
		gossip_io_datagram(io, &o);
		break;
	case SESSION_STRANGER:
		card_stranger(io, &o, from);
		break;
	case SESSION_KNOWN:
		gossip_io_met(io, o.from, from);
		send_again(io, &o, from);
		card_send(io, o.from);
		break;
	}
}

static bool receive_one(struct gossip_io *io)
{
	uint8_t in[SESSION_DATAGRAM_MAX + 1];
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	ssize_t n;

	n = recvfrom(io->io.fd, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from,
		     &len);
	if (n < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	if (n <= SESSION_DATAGRAM_MAX && len == sizeof(from) && from.sin_family == AF_INET)
		receive(io, in, (size_t)n, &from);
	return true;
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct gossip_io *io = w->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < AT_ONCE && receive_one(io); i++)
		;
}

/* ------------------------------------------------------------------ the socket */

int gossip_net_open(struct mosixd *d, struct err *e)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(d->config.conf.port)};
	_cleanup_fd_ int fd = -1;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return err_sys(e, -errno, "Cannot listen on UDP port %u (see [node] port in %s)",
			       d->config.conf.port, d->config_path);
	ev_io_init(&d->gossip->io, on_readable, steal_fd(&fd), EV_READ);
	d->gossip->io.data = d->gossip;
	ev_io_start(d->loop, &d->gossip->io);
	return 0;
}

void gossip_net_close(struct gossip_io *io)
{
	if (!ev_is_active(&io->io))
		return;
	ev_io_stop(io->d->loop, &io->io);
	fd_close(io->io.fd);
}
