/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests: who may ask what, and where it is answered. */
#include "daemon/requests.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/controls.h"
#include "daemon/explain.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/links.h"
#include "daemon/metrics.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include "daemon/report.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PENDING_MAX 4096
#define CHECK_SECONDS 20.0

/* An answer that another node owes. */
struct pending {
	struct mosixd *d;
	struct requester who;
	uint64_t req;
	uint32_t node;
	bool check; /* of a guest; else a request that was forwarded */
	struct ev_timer timer;
	struct pending *prev, *next;
};

struct requests {
	struct pending *list;
	unsigned int count;
	uint64_t req;
};

int requests_new(struct mosixd *d)
{
	d->requests = calloc(1, sizeof(*d->requests));
	return d->requests ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------ answers */

void request_answer(struct mosixd *d, const struct requester *who, Mosix__Reply *m)
{
	struct client *c;

	if (who->node) {
		m->has_req = true;
		m->req = who->req;
		(void)node_send(d, who->node, MOSIX__MSG_TYPE__MSG_FORWARD_REPLY, &m->base);
		return;
	}
	if (!who->client)
		return;
	c = control_find(d, who->client);
	if (!c)
		return;
	m->has_req = false;
	if (!m->more && c->pending)
		c->pending--;
	conn_send(c->conn, MOSIX__MSG_TYPE__MSG_REPLY, &m->base, -1);
}

void request_fail(struct mosixd *d, const struct requester *who, int error, const char *fmt, ...)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;
	char text[ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m.has_error = true;
	m.error = (uint32_t)error;
	m.text = text;
	request_answer(d, who, &m);
}

static void answer_done(struct mosixd *d, const struct requester *who, const char *text)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	m.text = (char *)text;
	request_answer(d, who, &m);
}

/* ------------------------------------------------------------------ waiting for others */

static void pending_free(struct pending *p)
{
	struct requests *rs = p->d->requests;

	ev_timer_stop(p->d->loop, &p->timer);
	DL_DELETE(rs->list, p);
	rs->count--;
	free(p);
}

void requests_free(struct mosixd *d)
{
	if (!d->requests)
		return;
	while (d->requests->list)
		pending_free(d->requests->list);
	free(d->requests);
	d->requests = NULL;
}

void requests_mark_nodes(struct mosixd *d)
{
	struct pending *p;

	DL_FOREACH (d->requests->list, p)
		links_mark(d, p->node);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct pending *p = w->data;

	(void)loop;
	(void)revents;
	request_fail(p->d, &p->who, ETIMEDOUT, "%s does not answer; try again",
		     node_title(p->d, p->node));
	pending_free(p);
}

static struct pending *pending_new(struct mosixd *d, const struct requester *who, uint32_t node,
				   bool check)
{
	struct pending *p;

	if (d->requests->count >= PENDING_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->d = d;
	p->who = *who;
	p->node = node;
	p->check = check;
	p->req = ++d->requests->req;
	ev_timer_init(&p->timer, on_timeout, CHECK_SECONDS, 0.0);
	p->timer.data = p;
	/* What is forwarded may take as long as a move does; a lost link ends the wait. */
	if (check)
		ev_timer_start(d->loop, &p->timer);
	DL_APPEND(d->requests->list, p);
	d->requests->count++;
	return p;
}

static struct pending *pending_find(struct mosixd *d, uint32_t node, uint64_t req, bool check)
{
	struct pending *p;

	DL_FOREACH (d->requests->list, p)
		if (p->req == req && p->node == node && p->check == check)
			return p;
	return NULL;
}

void requests_node_down(struct node *n)
{
	struct pending *p, *tmp;

	DL_FOREACH_SAFE (n->d->requests->list, p, tmp) {
		if (p->node != n->number)
			continue;
		request_fail(n->d, &p->who, EHOSTUNREACH,
			     "The link to %s broke; whether it was done is not known",
			     node_title(n->d, n->number));
		pending_free(p);
	}
}

/* ------------------------------------------------------------------ about one job, at its home */

static void do_migrate(struct job *j, const struct requester *who, const Mosix__Request *m)
{
	struct mosixd *d = j->d;
	struct node *target;
	struct err e;
	int r;

	if (!m->node || !m->node[0]) {
		request_fail(d, who, EINVAL, "No node was given");
		return;
	}
	if (!strcmp(m->node, "home"))
		target = nodes_find(d, d->config.self);
	else
		target = nodes_find_text(d, m->node);
	if (!target) {
		request_fail(d, who, ENOENT, "There is no node %.128s in this cluster", m->node);
		return;
	}
	if (target->number == j->copy.node && !j->move) {
		char text[160];

		snprintf(text, sizeof(text), "It is on %s already", node_title(d, target->number));
		answer_done(d, who, text);
		return;
	}
	r = move_start(j, target, who, &e);
	if (r < 0)
		request_fail(d, who, -r, "%s", e.text);
}

static void do_kill(struct job *j, const struct requester *who, const Mosix__Request *m)
{
	struct err e;
	int r;

	/* What is frozen would take it only when it goes on. */
	if (m->signal == SIGKILL && j->frozen)
		(void)job_freeze(j, false, &e);
	r = job_signal(j, m->signal, &e);

	if (r < 0)
		request_fail(j->d, who, -r, "%s", e.text);
	else
		answer_done(j->d, who, NULL);
}

static void do_lock(struct job *j, const struct requester *who, bool on)
{
	struct err e;
	int r = job_lock(j, on, &e);

	if (r < 0)
		request_fail(j->d, who, -r, "%s", e.text);
	else
		answer_done(j->d, who, NULL);
}

static void do_freeze(struct job *j, const struct requester *who, bool on)
{
	struct err e;
	int r = job_freeze(j, on, &e);

	if (r < 0)
		request_fail(j->d, who, -r, "%s", e.text);
	else
		answer_done(j->d, who, NULL);
}

static void do_explain(struct job *j, const struct requester *who)
{
	Mosix__GuestCheck m = MOSIX__GUEST_CHECK__INIT;
	struct pending *p;

	p = pending_new(j->d, who, j->copy.node, true);
	if (!p) {
		request_fail(j->d, who, EAGAIN, "Too many requests wait for an answer; try again");
		return;
	}
	m.has_req = m.has_job = m.has_gen = true;
	m.req = p->req;
	m.job = j->id;
	m.gen = j->copy.gen;
	if (node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_CHECK, &m.base) < 0) {
		pending_free(p);
		request_fail(j->d, who, EHOSTUNREACH, "%s, where it runs, cannot be reached",
			     node_title(j->d, j->copy.node));
	}
}

int requests_on_checked(struct mosixd *d, uint32_t from, Mosix__GuestChecked *m)
{
	struct pending *p = pending_find(d, from, m->req, true);
	struct job *j = jobs_find(d, m->job);

	if (!p)
		return 0;
	explain_answer(d, j, &p->who, m);
	pending_free(p);
	return 0;
}

/* What may be asked of a job, by its owner or root. */
static void ask_home(struct mosixd *d, const struct requester *who, uint64_t id,
		     const Mosix__Request *m)
{
	struct job *j = jobs_find(d, id);

	if (!j || j->state == MOSIX__JOB_STATE__JOB_ENDED ||
	    (who->uid != 0 && who->uid != j->spec->uid)) {
		request_fail(d, who, ESRCH, "There is no job %s", jobid_str(id).s);
		return;
	}
	switch ((int)m->op) {
	case MOSIX__REQUEST_OP__OP_MIGRATE:
		do_migrate(j, who, m);
		break;
	case MOSIX__REQUEST_OP__OP_KILL:
		do_kill(j, who, m);
		break;
	case MOSIX__REQUEST_OP__OP_LOCK:
	case MOSIX__REQUEST_OP__OP_UNLOCK:
		do_lock(j, who, m->op == MOSIX__REQUEST_OP__OP_LOCK);
		break;
	case MOSIX__REQUEST_OP__OP_FREEZE:
	case MOSIX__REQUEST_OP__OP_CONTINUE:
		do_freeze(j, who, m->op == MOSIX__REQUEST_OP__OP_FREEZE);
		break;
	default:
		do_explain(j, who);
	}
}

static bool is_about_job(Mosix__RequestOp op)
{
	return op >= MOSIX__REQUEST_OP__OP_MIGRATE && op <= MOSIX__REQUEST_OP__OP_CONTINUE;
}

/* ------------------------------------------------------------------ finding the home */

static void forward(struct mosixd *d, const struct requester *who, uint32_t node, Mosix__Request *m)
{
	Mosix__Forward f = MOSIX__FORWARD__INIT;
	struct pending *p;

	p = pending_new(d, who, node, false);
	if (!p) {
		request_fail(d, who, EAGAIN, "Too many requests wait for an answer; try again");
		return;
	}
	f.has_req = f.has_uid = true;
	f.req = p->req;
	f.uid = who->uid;
	f.request = m;
	if (node_send(d, node, MOSIX__MSG_TYPE__MSG_FORWARD, &f.base) < 0) {
		pending_free(p);
		request_fail(d, who, EHOSTUNREACH, "%s, whose word it takes, cannot be reached",
			     node_title(d, node));
	}
}

/* The job that a process of this node belongs to, 0 = none that this user may know of. */
static uint64_t job_of_pid(struct mosixd *d, const struct requester *who, pid_t pid)
{
	struct job *j = jobs_find_deputy(d, pid);
	struct guest *g;

	if (j)
		return who->uid && who->uid != j->spec->uid ? 0 : j->id;
	g = guests_find_pid(d, pid);
	if (!g)
		return 0;
	return who->uid && who->uid != g->uid ? 0 : g->key.job;
}

static void about_job(struct mosixd *d, const struct requester *who, Mosix__Request *m)
{
	uint64_t id = m->job;

	if (!id && m->pid > 0)
		id = job_of_pid(d, who, m->pid);
	if (!id && m->pid > 0)
		request_fail(d, who, ESRCH, "Process %d belongs to no job", m->pid);
	else if (!id)
		request_fail(d, who, EINVAL, "No job was given");
	else if (jobid_home(id) == d->config.self)
		ask_home(d, who, id, m);
	else if (!nodes_find(d, jobid_home(id)))
		request_fail(d, who, ESRCH, "There is no job %s", jobid_str(id).s);
	else {
		m->has_job = true;
		m->job = id;
		m->has_pid = false;
		forward(d, who, jobid_home(id), m);
	}
}

/* Here if none is named. Who may ask what is checked there, but a user need not disturb others. */
static void about_node(struct mosixd *d, const struct requester *who, Mosix__Request *m)
{
	struct node *n = nodes_find(d, d->config.self);

	if (m->node && m->node[0])
		n = nodes_find_text(d, m->node);
	if (!n)
		request_fail(d, who, ENOENT, "There is no node %.128s in this cluster", m->node);
	else if (n->self || (who->uid != 0 && m->op != MOSIX__REQUEST_OP__OP_BRING))
		controls_request(d, who, m);
	else
		forward(d, who, n->number, m);
}

void request_from_client(struct client *c, Mosix__Request *m)
{
	struct requester who = {.client = c->serial, .uid = c->uid};
	struct mosixd *d = c->d;

	c->pending++;
	if (is_about_job(m->op)) {
		about_job(d, &who, m);
		return;
	}
	if (controls_handles(m->op)) {
		about_node(d, &who, m);
		return;
	}
	switch ((int)m->op) {
	case MOSIX__REQUEST_OP__OP_STATUS:
		report_status(d, &who);
		break;
	case MOSIX__REQUEST_OP__OP_NODES:
		report_nodes(d, &who);
		break;
	case MOSIX__REQUEST_OP__OP_PS:
		report_jobs(d, &who, m->all && c->uid == 0);
		break;
	case MOSIX__REQUEST_OP__OP_METRICS:
		metrics_answer(d, &who);
		break;
	default:
		request_fail(d, &who, ENOTSUP, "This mosixd does not know the request");
	}
}

/* ------------------------------------------------------------------ between daemons */

int requests_on_forward(struct mosixd *d, uint32_t from, Mosix__Forward *m)
{
	struct requester who = {.node = from, .req = m->req, .uid = m->uid};

	if (!m->request || !m->has_uid)
		return -EPROTO;
	if (is_about_job(m->request->op)) {
		if (jobid_home(m->request->job) != d->config.self)
			return -EPROTO;
		ask_home(d, &who, m->request->job, m->request);
	} else if (controls_handles(m->request->op)) {
		controls_request(d, &who, m->request);
	} else {
		request_fail(d, &who, ENOTSUP, "This mosixd does not know the request");
	}
	return 0;
}

int requests_on_reply(struct mosixd *d, uint32_t from, Mosix__Reply *m)
{
	struct pending *p = pending_find(d, from, m->req, false);

	if (!p)
		return 0;
	request_answer(d, &p->who, m);
	if (!m->more)
		pending_free(p);
	return 0;
}
