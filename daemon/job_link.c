/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joining deputy and guest: by a socket pair when the job runs here, otherwise by frames that the
 * two daemons relay. Both ends are told of every new path, and say on it what they have.
 */
#include "daemon/jobs_priv.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/guests.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "job/link.h"
#include <errno.h>
#include <sys/socket.h>

static void fill_up(Mosix__LinkUp *m, const struct job *j, bool direct)
{
	mosix__link_up__init(m);
	m->has_job = m->has_gen = m->has_direct = true;
	m->job = j->id;
	m->gen = j->copy.gen;
	m->direct = direct;
}

static void join_here(struct job *j)
{
	struct guest *g = guests_find(j->d, j->id, j->copy.gen);
	_cleanup_fd_ int a = -1;
	_cleanup_fd_ int b = -1;
	Mosix__LinkUp m;
	int pair[2];

	if (!g || !g->conn)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		log_err("Job %s: cannot join it with its deputy: out of descriptors?",
			jobid_str(j->id).s);
		return;
	}
	a = pair[0];
	b = pair[1];
	fill_up(&m, j, true);
	if (conn_send(j->client->conn, MOSIX__MSG_TYPE__MSG_LINK_UP, &m.base, a) == 0 &&
	    conn_send(g->conn, MOSIX__MSG_TYPE__MSG_LINK_UP, &m.base, b) == 0)
		j->linked = true;
}

static void join_remote(struct job *j)
{
	Mosix__LinkUp m;

	fill_up(&m, j, false);
	/* The deputy first: what it answers comes after our message to the node. */
	if (conn_send(j->client->conn, MOSIX__MSG_TYPE__MSG_LINK_UP, &m.base, -1) == 0 &&
	    node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_LINK_UP, &m.base) == 0)
		j->linked = true;
}

void job_link_update(struct job *j)
{
	if (j->linked || !j->client || j->spec->detach ||
	    j->state != MOSIX__JOB_STATE__JOB_RUNNING || !node_up(nodes_find(j->d, j->copy.node)))
		return;
	if (j->copy.node == j->d->config.self)
		join_here(j);
	else
		join_remote(j);
}

void job_link_down(struct job *j)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;

	if (!j->linked)
		return;
	j->linked = false;
	m.has_job = m.has_gen = true;
	m.job = j->id;
	m.gen = j->copy.gen;
	if (j->client)
		conn_send(j->client->conn, MOSIX__MSG_TYPE__MSG_LINK_DOWN, &m.base, -1);
	/* Of a direct path the guest sees the end by itself. */
	if (j->copy.node != j->d->config.self)
		(void)node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_LINK_DOWN, &m.base);
}

int jobs_on_link_down(struct mosixd *d, uint32_t from, Mosix__GuestRef *m)
{
	struct job *j = jobs_find(d, m->job);

	if (!j || j->copy.node != from || j->copy.gen != m->gen)
		return 0;
	job_link_down(j);
	job_link_update(j);
	return 0;
}

int jobs_on_link(struct mosixd *d, uint32_t from, const uint8_t *body, size_t len)
{
	struct link_frame frame;
	struct job *j;
	uint64_t job;
	uint32_t gen;

	if (link_frame_unpack(body, len, &job, &gen, &frame) < 0)
		return -EPROTO;
	j = jobs_find(d, job);
	/* The source of a move may have sent it before it heard of the end of its path. */
	if (!j || !j->linked || j->copy.node != from || j->copy.gen != gen || !j->client)
		return 0;
	conn_send_raw(j->client->conn, MOSIX__MSG_TYPE__MSG_LINK, body, len);
	return 0;
}

void jobs_node_down(struct node *n)
{
	struct job *j, *tmp;

	HASH_ITER (hh, n->d->jobs->table, j, tmp)
		if (j->copy.node == n->number)
			job_link_down(j);
}
