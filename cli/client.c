/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands' end of the control socket. */
#include "cli/client.h"
#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/msg.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *client_path(void)
{
	const char *path = secure_getenv("MOSIX_CONTROL");

	return path && *path ? path : CONF_CONTROL_SOCK;
}

static int no_daemon(int r, struct err *e)
{
	if (r == -ENOENT || r == -ECONNREFUSED)
		return err_set(e, r,
			       "mosixd does not run on this node (nothing listens on %s): start it "
			       "with 'systemctl start mosixd'",
			       client_path());
	return err_sys(e, r, "cannot connect to mosixd on %s", client_path());
}

int client_connect(struct chan **ret, struct err *e)
{
	struct stream *s = NULL;
	int fd, r;

	fd = unix_connect(client_path());
	if (fd < 0)
		return no_daemon(fd, e);
	r = stream_new_plain(&s, fd);
	if (r >= 0)
		r = chan_new(ret, s, CHAN_FRAME_MAX, CLIENT_QUEUE_MAX);
	return r < 0 ? err_sys(e, r, "cannot talk to mosixd") : 0;
}

static int lost(int r, struct err *e)
{
	return err_sys(e, r == -EPIPE ? -ECONNRESET : r, "mosixd went away before it answered");
}

static int next_reply(struct chan *c, Mosix__Reply **ret, struct err *e)
{
	struct chan_frame f;
	Mosix__Reply *m;
	int r;

	do {
		r = chan_recv(c, &f, -1);
		if (r < 0)
			return lost(r, e);
	} while (f.type != MOSIX__MSG_TYPE__MSG_REPLY);

	m = msg_unpack(&mosix__reply__descriptor, f.body, f.len);
	if (!m)
		return err_set(e, -EPROTO, "mosixd gave an answer that makes no sense");
	*ret = m;
	return 0;
}

int client_error(const Mosix__Reply *m, struct err *e)
{
	/* An errno; anything else would not survive the way through an int. */
	int r = m->error < 4096 ? -(int)m->error : -EPROTO;

	if (!m->error)
		return 0;
	if (m->text && *m->text)
		return err_set(e, r, "%s", m->text);
	return err_sys(e, r, "mosixd refused");
}

int client_ask(struct chan *c, const Mosix__Request *q, client_progress_fn *progress, void *data,
	       Mosix__Reply **ret, struct err *e)
{
	int r;

	r = msg_send(c, MOSIX__MSG_TYPE__MSG_REQUEST, &q->base, -1);
	if (r >= 0)
		r = chan_flush(c, -1);
	if (r < 0)
		return lost(r, e);

	for (;;) {
		_cleanup_(msg_freep) Mosix__Reply *m = NULL;

		r = next_reply(c, &m, e);
		if (r < 0)
			return r;
		if (m->more && (!progress || progress(m, data)))
			continue;
		r = client_error(m, e);
		if (r < 0)
			return r;
		*ret = steal_ptr(m);
		return 0;
	}
}

const char *client_node_name(const Mosix__Reply *nodes, uint32_t node, char *buf, size_t size)
{
	for (size_t i = 0; nodes && i < nodes->n_nodes; i++)
		if (nodes->nodes[i]->node == node && nodes->nodes[i]->name &&
		    *nodes->nodes[i]->name)
			return nodes->nodes[i]->name;
	snprintf(buf, size, "%u", node);
	return buf;
}
