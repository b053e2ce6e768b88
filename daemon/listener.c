/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's TCP port and the preambles. */
#include "daemon/listener.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/preamble.h"
#include "daemon/guests.h"
#include "daemon/mfs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define PREAMBLE_SECONDS 5.0
#define WAITING_MAX 256 /* connections without a preamble or, of peers, Hello */
#define WAITING_PER_ADDRESS 16
#define ACCEPT_AT_ONCE 16
#define ACCEPT_PAUSE 0.1 /* after running out of descriptors */

struct waiting {
	struct mosixd *d;
	struct in_addr addr;
	struct ev_io io;
	struct ev_timer deadline;
	uint8_t buf[PREAMBLE_SIZE];
	size_t got;
	int fd;
	struct waiting *prev, *next;
};

struct listener {
	struct ev_io io;
	struct ev_timer pause;
	struct waiting *waiting;
	unsigned int count;
};

/* Ends the wait; the descriptor is the caller's if it was stolen before. */
static void waiting_free(struct waiting *w)
{
	struct listener *l = w->d->listener;

	ev_io_stop(w->d->loop, &w->io);
	ev_timer_stop(w->d->loop, &w->deadline);
	DL_DELETE(l->waiting, w);
	l->count--;
	fd_close(w->fd);
	free(w);
}

static void hand_on(struct waiting *w, const struct preamble *p)
{
	switch (p->kind) {
	case PREAMBLE_PEER:
		peer_accept(w->d, steal_fd(&w->fd), w->addr);
		break;
	case PREAMBLE_BULK:
		guests_take_bulk(w->d, p->token, steal_fd(&w->fd));
		break;
	case PREAMBLE_MFS:
		mfs_take_connection(w->d, steal_fd(&w->fd));
		break;
	}
}

static void waiting_on_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct waiting *w = io->data;
	struct preamble p;
	ssize_t n;

	(void)loop;
	(void)revents;
	n = recv(w->fd, w->buf + w->got, sizeof(w->buf) - w->got, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		w->got += (size_t)n;
		if (w->got < sizeof(w->buf))
			return;
		ev_io_stop(w->d->loop, &w->io);
		if (preamble_unpack(w->buf, &p) == 0)
			hand_on(w, &p);
	}
	waiting_free(w);
}

static void waiting_on_deadline(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	waiting_free(t->data);
}

/* Strangers may take all places of strangers, not those of the cluster's nodes. */
static bool too_many(struct mosixd *d, struct in_addr addr)
{
	unsigned int all, n = peer_count_waiting(d, addr, &all);
	struct waiting *w;

	if (d->listener->count + all >= WAITING_MAX && !nodes_find_addr(d, addr))
		return true;
	DL_FOREACH (d->listener->waiting, w)
		n += w->addr.s_addr == addr.s_addr;
	return n >= WAITING_PER_ADDRESS;
}

static void waiting_new(struct mosixd *d, int fd, struct in_addr addr)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w) {
		fd_close(fd);
		return;
	}
	w->d = d;
	w->fd = fd;
	w->addr = addr;
	ev_io_init(&w->io, waiting_on_io, fd, EV_READ);
	w->io.data = w;
	ev_timer_init(&w->deadline, waiting_on_deadline, PREAMBLE_SECONDS, 0.0);
	w->deadline.data = w;
	ev_io_start(d->loop, &w->io);
	ev_timer_start(d->loop, &w->deadline);
	DL_APPEND(d->listener->waiting, w);
	d->listener->count++;
}

static int accept_one(struct mosixd *d)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	int fd;

	fd = accept4(d->listener->io.fd, (struct sockaddr *)&sin, &len,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (len != sizeof(sin) || too_many(d, sin.sin_addr))
		fd_close(fd);
	else
		waiting_new(d, fd, sin.sin_addr);
	return 0;
}

static void listener_on_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct mosixd *d = io->data;
	int r = 0;

	(void)revents;
	for (int i = 0; i < ACCEPT_AT_ONCE && r == 0; i++)
		r = accept_one(d);
	if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM) {
		ev_io_stop(loop, io);
		ev_timer_set(&d->listener->pause, ACCEPT_PAUSE, 0.0);
		ev_timer_start(loop, &d->listener->pause);
	}
}

static void listener_on_pause(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	struct mosixd *d = t->data;

	(void)revents;
	ev_io_start(loop, &d->listener->io);
}

static int listen_socket(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	_cleanup_fd_ int fd = -1;
	int on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(fd, 128) < 0)
		return -errno;
	return steal_fd(&fd);
}

int listener_new(struct mosixd *d, struct err *e)
{
	struct listener *l;
	int fd;

	fd = listen_socket(d->config.conf.port);
	if (fd < 0)
		return err_sys(e, fd, "Cannot listen on TCP port %u (see [node] port in %s)",
			       d->config.conf.port, d->config_path);
	l = calloc(1, sizeof(*l));
	if (!l) {
		fd_close(fd);
		return err_sys(e, -ENOMEM, "Cannot listen");
	}
	ev_io_init(&l->io, listener_on_io, fd, EV_READ);
	l->io.data = d;
	ev_timer_init(&l->pause, listener_on_pause, ACCEPT_PAUSE, 0.0);
	l->pause.data = d;
	ev_io_start(d->loop, &l->io);
	d->listener = l;
	return 0;
}

void listener_free(struct mosixd *d)
{
	struct listener *l = d->listener;

	if (!l)
		return;
	while (l->waiting)
		waiting_free(l->waiting);
	ev_io_stop(d->loop, &l->io);
	ev_timer_stop(d->loop, &l->pause);
	fd_close(l->io.fd);
	free(l);
	d->listener = NULL;
}
