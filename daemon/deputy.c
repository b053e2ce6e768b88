/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deputies on control.sock. */
#include "daemon/deputy.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/jobs_priv.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "job/link.h"
#include <errno.h>

void deputy_attach(struct job *j, struct client *c)
{
	struct client *old = j->client;

	if (old && old != c) {
		old->job = NULL;
		conn_fail(old->conn, -ECONNRESET);
	}
	job_link_down(j);
	j->client = c;
	c->job = j;
}

void deputy_detach(struct job *j, struct client *c)
{
	c->job = NULL;
	if (j->client != c)
		return;
	j->client = NULL;
	job_link_down(j);
}

void deputy_refuse(struct client *c, uint32_t status, const char *text)
{
	Mosix__JobStarted m = MOSIX__JOB_STARTED__INIT;

	m.has_error = true;
	m.error = status;
	m.text = (char *)text;
	conn_send(c->conn, MOSIX__MSG_TYPE__MSG_JOB_STARTED, &m.base, -1);
}

void deputy_tell_moved(struct job *j)
{
	Mosix__JobMoved m = MOSIX__JOB_MOVED__INIT;

	if (!j->client)
		return;
	m.has_job = m.has_gen = m.has_node = true;
	m.job = j->id;
	m.gen = j->copy.gen;
	m.node = j->copy.node;
	conn_send(j->client->conn, MOSIX__MSG_TYPE__MSG_JOB_MOVED, &m.base, -1);
}

static void refuse_hello(struct client *c, uint64_t job)
{
	Mosix__JobEnded m = MOSIX__JOB_ENDED__INIT;

	/* What is written down is found: it was not, or the start has failed. */
	if (!job) {
		deputy_refuse(c, 125, "mosixd was restarted before it started the job");
		return;
	}
	m.has_job = m.has_lost = true;
	m.job = job;
	m.lost = true;
	m.text = (char *)"mosixd does not know the job; was this node restarted?";
	conn_send(c->conn, MOSIX__MSG_TYPE__MSG_JOB_ENDED, &m.base, -1);
}

static bool is_deputy(const struct job *j, const struct client *c)
{
	struct process p = {.pidfd = -1};
	bool same;

	if (!j->deputy.pid || j->deputy.pid != c->pid || j->spec->uid != c->uid ||
	    process_open_peer(&p, client_fd(c)) < 0)
		return false;
	same = p.pid == j->deputy.pid && p.start == j->deputy.start;
	process_close(&p);
	return same;
}

/* One that was not told the number of its job asks without: it has no other job. */
static struct job *find_job(struct client *c, uint64_t id)
{
	struct job *j = id ? jobs_find(c->d, id) : jobs_first(c->d);

	while (j && !is_deputy(j, c))
		j = id ? NULL : j->hh.next;
	return j;
}

static int on_hello(struct client *c, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__DeputyHello *m = NULL;
	struct job *j;

	m = msg_unpack(&mosix__deputy_hello__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	j = find_job(c, m->job);
	if (!j) {
		refuse_hello(c, m->job);
		return 0;
	}
	log_info("Job %s: its deputy is back", jobid_str(j->id).s);
	deputy_attach(j, c);
	/* It may not have heard that. */
	if (j->state != MOSIX__JOB_STATE__JOB_STARTING)
		job_tell_started(j, 0, NULL);
	if (j->state == MOSIX__JOB_STATE__JOB_ENDED)
		job_tell_ended(j);
	else
		job_link_update(j);
	return 0;
}

static int on_start(struct client *c, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__JobStart *m = NULL;

	m = msg_unpack(&mosix__job_start__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	job_start(c, m);
	return 0;
}

static int on_signal(struct client *c, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestSignal *m = NULL;
	struct err e;

	m = msg_unpack(&mosix__guest_signal__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	if (job_signal(c->job, m->signal, &e) < 0)
		log_warn("A signal is lost: %s", e.text);
	return 0;
}

static int on_link(struct client *c, const struct chan_frame *f)
{
	struct job *j = c->job;
	struct link_frame frame;
	uint64_t job;
	uint32_t gen;

	if (link_frame_unpack(f->body, f->len, &job, &gen, &frame) < 0 || job != j->id)
		return -EPROTO;
	/* Of a path that has changed since it was sent: not an error, and of no use. */
	if (!j->linked || gen != j->copy.gen || j->copy.node == c->d->config.self)
		return 0;
	(void)node_send_raw(c->d, j->copy.node, f->type, f->body, f->len);
	conn_push_back(c->conn, node_conn(c->d, j->copy.node));
	return 0;
}

int deputy_on_frame(struct client *c, struct chan_frame *f)
{
	if (f->type == MOSIX__MSG_TYPE__MSG_JOB_START)
		return on_start(c, f);
	if (f->type == MOSIX__MSG_TYPE__MSG_DEPUTY_HELLO)
		return on_hello(c, f);
	/* A job that has just ended may have been forgotten while this was on its way. */
	if (!c->job)
		return 0;
	switch (f->type) {
	case MOSIX__MSG_TYPE__MSG_JOB_SIGNAL:
		return on_signal(c, f);
	case MOSIX__MSG_TYPE__MSG_LINK:
		return on_link(c, f);
	case MOSIX__MSG_TYPE__MSG_JOB_ENDED_ACK:
		if (c->job->state == MOSIX__JOB_STATE__JOB_ENDED)
			job_forget(c->job);
		return 0;
	default:
		return -EPROTO;
	}
}
