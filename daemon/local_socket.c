/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening AF_UNIX sockets. */
#include "daemon/local_socket.h"

#include "common/fd.h"
#include "daemon/conn.h"
#include "daemon/mosixd.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ACCEPT_AT_ONCE 16
#define ACCEPT_PAUSE 0.1 /* after running out of descriptors */

struct local_socket {
	struct mosixd *d;
	struct ev_io io;
	struct ev_timer pause;
	void (*accepted)(struct mosixd *d, int fd);
};

static void on_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct local_socket *ls = io->data;
	int fd;

	(void)revents;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		ls->accepted(ls->d, fd);
	}
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		ev_io_stop(loop, io);
		ev_timer_set(&ls->pause, ACCEPT_PAUSE, 0.0);
		ev_timer_start(loop, &ls->pause);
	}
}

static void on_pause(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	struct local_socket *ls = t->data;

	(void)revents;
	ev_io_start(loop, &ls->io);
}

int local_socket_new(struct local_socket **ret, struct mosixd *d, const char *path, mode_t mode,
		     void (*accepted)(struct mosixd *d, int fd), struct err *e)
{
	struct local_socket *ls;
	int fd;

	fd = unix_listen(path, mode);
	if (fd < 0)
		return err_sys(e, fd, "Cannot listen on %s", path);
	fd_set_nonblock(fd, true);
	ls = calloc(1, sizeof(*ls));
	if (!ls) {
		fd_close(fd);
		return err_sys(e, -ENOMEM, "Cannot listen on %s", path);
	}
	ls->d = d;
	ls->accepted = accepted;
	ev_io_init(&ls->io, on_io, fd, EV_READ);
	ls->io.data = ls;
	ev_timer_init(&ls->pause, on_pause, ACCEPT_PAUSE, 0.0);
	ls->pause.data = ls;
	ev_io_start(d->loop, &ls->io);
	*ret = ls;
	return 0;
}

struct local_socket *local_socket_free(struct local_socket *ls)
{
	if (!ls)
		return NULL;
	ev_io_stop(ls->d->loop, &ls->io);
	ev_timer_stop(ls->d->loop, &ls->pause);
	fd_close(ls->io.fd);
	free(ls);
	return NULL;
}

int local_conn_new(struct conn **ret, struct mosixd *d, int fd, size_t max_queue,
		   const struct conn_ops *ops, void *owner)
{
	struct stream *s;
	struct chan *c;
	int r;

	r = stream_new_plain(&s, fd);
	if (r < 0)
		return r;
	r = chan_new(&c, s, CHAN_FRAME_MAX, max_queue);
	if (r < 0)
		return r;
	return conn_new(ret, d->loop, c, ops, owner);
}
