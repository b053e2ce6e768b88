/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dials one node again and again. */
#include "daemon/dial.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/preamble.h"
#include "daemon/links.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKOFF_MIN 0.2
#define BACKOFF_MAX 1.0
#define CONNECT_SECONDS 3.0

struct dial {
	struct node *node;
	struct ev_io connecting;
	struct ev_timer timer; /* until the next try, or the deadline of connect() */
	struct peer *peer;
	double backoff;
	unsigned int refused; /* links that did not come up, in a row */
	int fd;
};

static void dial_arm(struct dial *dl, double seconds)
{
	ev_timer_stop(dl->node->d->loop, &dl->timer);
	ev_timer_set(&dl->timer, seconds, 0.0);
	ev_timer_start(dl->node->d->loop, &dl->timer);
}

static void dial_again(struct dial *dl)
{
	ev_io_stop(dl->node->d->loop, &dl->connecting);
	dl->fd = fd_close(dl->fd);
	dial_arm(dl, dl->backoff);
	dl->backoff = dl->backoff * 1.5 < BACKOFF_MAX ? dl->backoff * 1.5 : BACKOFF_MAX;
}

static void dial_failed(struct dial *dl, int error)
{
	struct node *n = dl->node;

	if (strcmp(n->problem, strerror(-error)) != 0)
		log_warn("Cannot reach %s (%s): %s", node_title(n->d, n->number),
			 inet_ntoa(n->addr), strerror(-error));
	node_set_problem(n, "%s", strerror(-error));
	dial_again(dl);
	link_failed(n);
}

static int send_preamble(int fd)
{
	const struct preamble p = {.kind = PREAMBLE_PEER};
	uint8_t buf[PREAMBLE_SIZE];
	ssize_t n;

	preamble_pack(&p, buf);
	/* The send buffer of a new connection is empty: it goes whole or not at all. */
	n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(buf) ? 0 : -EIO;
}

static void dial_connected(struct dial *dl)
{
	int error = 0, r;
	socklen_t len = sizeof(error);

	ev_io_stop(dl->node->d->loop, &dl->connecting);
	ev_timer_stop(dl->node->d->loop, &dl->timer);
	r = getsockopt(dl->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
	if (r == 0)
		r = send_preamble(dl->fd);
	if (r < 0) {
		dial_failed(dl, r);
		return;
	}
	dl->peer = peer_dialled(dl->node, steal_fd(&dl->fd));
	if (!dl->peer)
		dial_failed(dl, -ENOMEM);
}

static void dial_on_connecting(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	dial_connected(w->data);
}

/* From our own address in the map, by which the other side knows us. */
static int dial_socket(struct dial *dl)
{
	struct mosixd *d = dl->node->d;
	const struct map_node *self = config_self(&d->config);
	struct sockaddr_in sin = {.sin_family = AF_INET};
	_cleanup_fd_ int fd = -1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (self->addr.s_addr) {
		sin.sin_addr = self->addr;
		if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 && errno != EADDRNOTAVAIL)
			return -errno;
	}
	sin.sin_addr = dl->node->addr;
	sin.sin_port = htons(dl->node->port);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 && errno != EINPROGRESS)
		return -errno;
	return steal_fd(&fd);
}

static void dial_try(struct dial *dl)
{
	int fd = dial_socket(dl);

	if (fd < 0) {
		dial_failed(dl, fd);
		return;
	}
	dl->fd = fd;
	ev_io_set(&dl->connecting, fd, EV_WRITE);
	ev_io_start(dl->node->d->loop, &dl->connecting);
	dial_arm(dl, CONNECT_SECONDS);
}

static void dial_on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct dial *dl = w->data;

	(void)loop;
	(void)revents;
	if (dl->fd >= 0)
		dial_failed(dl, -ETIMEDOUT);
	else if (!dl->node->peer && link_is_wanted(dl->node))
		dial_try(dl);
	else
		/* The other side was faster, or the node is gone: links_tick() makes another dial
		 * when one is wanted. */
		dial_free(dl);
}

int dial_new(struct dial **ret, struct node *n)
{
	struct dial *dl = calloc(1, sizeof(*dl));

	if (!dl)
		return -ENOMEM;
	dl->node = n;
	dl->fd = -1;
	dl->backoff = BACKOFF_MIN;
	ev_io_init(&dl->connecting, dial_on_connecting, -1, EV_WRITE);
	dl->connecting.data = dl;
	ev_timer_init(&dl->timer, dial_on_timer, 0.0, 0.0);
	dl->timer.data = dl;
	ev_timer_start(n->d->loop, &dl->timer);
	*ret = dl;
	return 0;
}

struct dial *dial_free(struct dial *dl)
{
	if (!dl)
		return NULL;
	ev_io_stop(dl->node->d->loop, &dl->connecting);
	ev_timer_stop(dl->node->d->loop, &dl->timer);
	fd_close(dl->fd);
	dl->node->dial = NULL;
	if (dl->peer && dl->peer != dl->node->peer)
		peer_drop(dl->peer, "no longer wanted");
	free(dl);
	return NULL;
}

void dial_lost(struct dial *dl, struct peer *p, bool was_up)
{
	if (!dl || dl->peer != p)
		return;
	dl->peer = NULL;
	if (was_up)
		dl->backoff = BACKOFF_MIN;
	dl->refused = was_up ? 0 : dl->refused + 1;
	dial_again(dl);
	/* Once may be because the other side has dialled at the same time. */
	if (dl->refused > 1)
		link_failed(dl->node);
}
