/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control.sock and its clients. */
#include "daemon/control.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/deputy.h"
#include "daemon/jobs.h"
#include "daemon/local_socket.h"
#include "daemon/mosixd.h"
#include "daemon/requests.h"
#include "proto/messages.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#define CLIENTS_MAX 8192
#define CLIENTS_PER_USER 2048
#define IDLE_SECONDS 30.0
/* A deputy that reads nothing is cut off here; the link's window keeps honest ones far below. */
#define QUEUE_MAX (8u << 20)

struct control {
	struct local_socket *socket;
	struct client *clients;
	uint64_t serial;
	unsigned int count;
};

static struct client *client_free(struct client *c)
{
	struct control *ct = c->d->control;

	ev_timer_stop(c->d->loop, &c->idle);
	if (c->job)
		deputy_detach(c->job, c);
	conn_free(c->conn);
	DL_DELETE(ct->clients, c);
	ct->count--;
	free(c->groups);
	free(c);
	return NULL;
}

int client_fd(const struct client *c)
{
	return chan_fd(c->conn->chan);
}

struct client *control_find(struct mosixd *d, uint64_t serial)
{
	struct client *c;

	if (!d->control) /* this daemon ends */
		return NULL;
	DL_SEARCH_SCALAR(d->control->clients, c, serial, serial);
	return c;
}

static int client_on_request(struct client *c, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__Request *m = NULL;

	m = msg_unpack(&mosix__request__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	request_from_client(c, m);
	return 0;
}

static int client_on_frame(struct conn *conn, struct chan_frame *f)
{
	struct client *c = conn->owner;

	if (message_check(CONN_FROM_USER, c->spoke ? PHASE_OPEN : PHASE_START, f->type, f->len) < 0)
		return -EPROTO;
	c->spoke = true;
	if (f->type == MOSIX__MSG_TYPE__MSG_REQUEST)
		return client_on_request(c, f);
	return deputy_on_frame(c, f);
}

static void client_on_closed(struct conn *conn, int error)
{
	(void)error;
	client_free(conn->owner);
}

static const struct conn_ops client_ops = {
	.frame = client_on_frame,
	.closed = client_on_closed,
};

static void client_on_idle(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct client *c = w->data;

	(void)loop;
	(void)revents;
	if (!c->job && !c->pending)
		client_free(c);
}

static int client_read_groups(struct client *c, int fd)
{
	socklen_t len = 0;

	/* cppcheck-suppress nullPointer ; with length 0 it only tells the length */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	c->groups = malloc(len);
	if (!c->groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, c->groups, &len) < 0)
		return -errno;
	c->group_count = (uint32_t)(len / sizeof(*c->groups));
	return 0;
}

static int client_read_credentials(struct client *c, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	c->pid = cred.pid;
	c->uid = cred.uid;
	c->gid = cred.gid;
	return client_read_groups(c, fd);
}

static bool too_many(struct control *ct, uid_t uid)
{
	unsigned int n = 0;
	struct client *c;

	if (uid == 0)
		return false;
	DL_FOREACH (ct->clients, c)
		n += c->uid == uid;
	return n >= CLIENTS_PER_USER || ct->count >= CLIENTS_MAX;
}

static void control_on_accept(struct mosixd *d, int fd)
{
	struct client *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c) {
		fd_close(fd);
		return;
	}
	c->d = d;
	c->serial = ++d->control->serial;
	r = client_read_credentials(c, fd);
	if (r == 0 && too_many(d->control, c->uid))
		r = -EAGAIN;
	if (r == 0)
		r = local_conn_new(&c->conn, d, steal_fd(&fd), QUEUE_MAX, &client_ops, c);
	if (r < 0) {
		fd_close(fd);
		free(c->groups);
		free(c);
		return;
	}
	ev_timer_init(&c->idle, client_on_idle, IDLE_SECONDS, IDLE_SECONDS);
	c->idle.data = c;
	ev_timer_start(d->loop, &c->idle);
	DL_APPEND(d->control->clients, c);
	d->control->count++;
}

int control_new(struct mosixd *d, struct err *e)
{
	d->control = calloc(1, sizeof(*d->control));
	if (!d->control)
		return err_sys(e, -ENOMEM, "Cannot open %s", CONF_CONTROL_SOCK);
	return local_socket_new(&d->control->socket, d, CONF_CONTROL_SOCK, 0666, control_on_accept,
				e);
}

void control_free(struct mosixd *d)
{
	struct control *ct = d->control;

	if (!ct)
		return;
	local_socket_free(ct->socket);
	while (ct->clients)
		client_free(ct->clients);
	free(ct);
	d->control = NULL;
}
