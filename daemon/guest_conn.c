/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections to guest processes: on the descriptor they were started with, or dialled by them to
 * guest.sock after this daemon was restarted. What they say goes to the copy's home or to the
 * move that the copy takes part in.
 */
#include "daemon/guests_priv.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/load.h"
#include "daemon/local_socket.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include "job/link.h"
#include "proto/messages.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define QUEUE_MAX (8u << 20)

static bool is_of(const struct guest *g, uint64_t job, uint32_t gen)
{
	return g->key.job == job && g->key.gen == gen;
}

static int forward_home(struct guest *g, const struct chan_frame *f)
{
	(void)node_send_raw(g->d, jobid_home(g->key.job), f->type, f->body, f->len);
	return 0;
}

static int on_started(struct guest *g, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestStarted *m = NULL;
	Mosix__Load load = MOSIX__LOAD__INIT;

	m = msg_unpack(&mosix__guest_started__descriptor, f->body, f->len);
	if (!m || !is_of(g, m->job, m->gen))
		return -EPROTO;
	if (g->state != MOSIX__GUEST_STATE__GUEST_STARTING)
		return 0;
	if (m->error || m->exec_error)
		guest_leave(g);
	else
		g->state = MOSIX__GUEST_STATE__GUEST_RUNNING;
	g->init_pid = m->pid;
	/* As if it were lost with the link. */
	if (FAIL_POINT("daemon/guest/started") < 0)
		return 0;
	load_fill(g->d, jobid_home(g->key.job), &load);
	msg_free(steal_ptr(m->load));
	m->load = &load;
	(void)node_send(g->d, jobid_home(g->key.job), f->type, &m->base);
	m->load = NULL;
	return 0;
}

static int on_exited(struct guest *g, const struct chan_frame *f)
{
	Mosix__GuestExited *m;

	m = msg_unpack(&mosix__guest_exited__descriptor, f->body, f->len);
	if (!m || !is_of(g, m->job, m->gen)) {
		msg_free(m);
		return -EPROTO;
	}
	guest_ended(g, m);
	move_guest_ended(g);
	return 0;
}

static int on_stats(struct guest *g, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestStats *m = NULL;

	m = msg_unpack(&mosix__guest_stats__descriptor, f->body, f->len);
	if (!m || !is_of(g, m->job, m->gen))
		return -EPROTO;
	g->cpu_usec = m->cpu_usec;
	g->rss = m->rss;
	g->stopped = m->stopped;
	sample_guest_stats(g, m);
	return forward_home(g, f);
}

static int on_signalled(struct guest *g, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestSignal *m = NULL;

	m = msg_unpack(&mosix__guest_signal__descriptor, f->body, f->len);
	if (!m || !is_of(g, m->job, m->gen))
		return -EPROTO;
	return forward_home(g, f);
}

static int on_checked(struct guest *g, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestChecked *m = NULL;
	Mosix__Decision decision;
	char text[ERR_MAX];

	m = msg_unpack(&mosix__guest_checked__descriptor, f->body, f->len);
	if (!m || !is_of(g, m->job, m->gen))
		return -EPROTO;
	/* Borrowed for the answer, not the message's own. */
	msg_free(steal_ptr(m->decision));
	balance_explain_guest(g, &decision, text);
	m->decision = &decision;
	(void)node_send(g->d, jobid_home(g->key.job), f->type, &m->base);
	m->decision = NULL;
	return 0;
}

static int on_link(struct guest *g, const struct chan_frame *f)
{
	uint32_t home = jobid_home(g->key.job), gen;
	struct link_frame frame;
	uint64_t job;

	if (link_frame_unpack(f->body, f->len, &job, &gen, &frame) < 0 || !is_of(g, job, gen))
		return -EPROTO;
	if (!g->linked)
		return 0;
	(void)node_send_raw(g->d, home, f->type, f->body, f->len);
	conn_push_back(g->conn, node_conn(g->d, home));
	return 0;
}

/* A guest that came back hears again what it may have missed. */
static void resume_guest(struct guest *g)
{
	if (g->killed)
		guest_kill(g);
	move_guest_back(g);
	if (g->state == MOSIX__GUEST_STATE__GUEST_ENDED)
		guest_report_exited(g);
	else
		guest_ask_link(g);
}

static int hello_of(struct guest *g, Mosix__GuestHello *m)
{
	if (!is_of(g, m->job, m->gen))
		return -EPROTO;
	if (m->state == MOSIX__GUEST_STATE__GUEST_ENDED) {
		if (!m->exited || !is_of(g, m->exited->job, m->exited->gen))
			return -EPROTO;
		msg_free(g->exited);
		g->exited = steal_ptr(m->exited);
	}
	ev_timer_stop(g->d->loop, &g->timer);
	g->known = true;
	g->state = m->state;
	g->init_pid = m->init_pid;
	g->move = m->move;
	if (g->word.told)
		guest_apply_freezer(g);
	resume_guest(g);
	guests_check_settled(g->d);
	return 0;
}

static int on_hello(struct guest *g, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestHello *m = NULL;

	m = msg_unpack(&mosix__guest_hello__descriptor, f->body, f->len);
	/* On the connection that it was started with it has nothing new to say. */
	return m && is_of(g, m->job, m->gen) ? 0 : -EPROTO;
}

static int guest_on_frame(struct conn *c, struct chan_frame *f)
{
	struct guest *g = c->owner;

	if (message_check(CONN_FROM_GUEST, PHASE_OPEN, f->type, f->len) < 0) {
		log_err("The guest of copy %s sent a message of type %u that is not valid",
			guest_title(g), f->type);
		return -EPROTO;
	}
	switch (f->type) {
	case MOSIX__MSG_TYPE__MSG_GUEST_HELLO:
		return on_hello(g, f);
	case MOSIX__MSG_TYPE__MSG_GUEST_STARTED:
		return on_started(g, f);
	case MOSIX__MSG_TYPE__MSG_GUEST_EXITED:
		return on_exited(g, f);
	case MOSIX__MSG_TYPE__MSG_GUEST_STATS:
		return on_stats(g, f);
	case MOSIX__MSG_TYPE__MSG_GUEST_SIGNALLED:
		return on_signalled(g, f);
	case MOSIX__MSG_TYPE__MSG_GUEST_CHECKED:
		return on_checked(g, f);
	case MOSIX__MSG_TYPE__MSG_LINK:
		return on_link(g, f);
	default:
		return move_on_guest_frame(g, f);
	}
}

static void guest_on_closed(struct conn *c, int error)
{
	struct guest *g = c->owner;

	(void)error;
	g->conn = conn_free(c);
	if (g->ended)
		guest_gone(g);
	else
		guest_expect_back(g);
}

static const struct conn_ops guest_ops = {
	.frame = guest_on_frame,
	.closed = guest_on_closed,
};

int guest_connect(struct guest *g, int fd)
{
	return local_conn_new(&g->conn, g->d, fd, QUEUE_MAX, &guest_ops, g);
}

/* ------------------------------------------------------------------ guest.sock */

/* A connection that has not yet said which copy it is of. */
struct stranger {
	struct mosixd *d;
	struct conn *conn;
	struct ev_timer deadline;
};

static void stranger_free(struct stranger *s)
{
	ev_timer_stop(s->d->loop, &s->deadline);
	conn_free(s->conn);
	free(s);
}

static int stranger_adopt(struct stranger *s, Mosix__GuestHello *m)
{
	struct guest *g = guests_find(s->d, m->job, m->gen);
	struct process p = {.pidfd = -1};
	int r;

	if (!m->job || !m->gen)
		return -EPROTO;
	r = process_open_peer(&p, chan_fd(s->conn->chan));
	if (r < 0)
		return r;
	if (!g) {
		g = guest_add(s->d, m->job, m->gen);
		if (!g) {
			process_close(&p);
			return -ENOMEM;
		}
		g->inherited = true;
	}
	if (g->ended || (g->process.pid && g->process.pid != p.pid)) {
		log_err("Process %d says that it holds copy %s, which is process %d's", (int)p.pid,
			guest_title(g), (int)g->process.pid);
		process_close(&p);
		return -EPERM;
	}
	ev_io_stop(s->d->loop, &g->died);
	process_close(&g->process);
	g->process = p;
	guest_watch(g);
	guest_save(g);
	conn_free(g->conn);
	g->conn = s->conn;
	g->conn->ops = &guest_ops;
	g->conn->owner = g;
	s->conn = NULL;
	log_info("The guest of copy %s is back (process %d)", guest_title(g), (int)p.pid);
	r = hello_of(g, m);
	stranger_free(s);
	return r;
}

static int stranger_on_frame(struct conn *c, struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__GuestHello *m = NULL;

	if (f->type != MOSIX__MSG_TYPE__MSG_GUEST_HELLO)
		return -EPROTO;
	m = msg_unpack(&mosix__guest_hello__descriptor, f->body, f->len);
	return m ? stranger_adopt(c->owner, m) : -EPROTO;
}

static void stranger_on_closed(struct conn *c, int error)
{
	(void)error;
	stranger_free(c->owner);
}

static const struct conn_ops stranger_ops = {
	.frame = stranger_on_frame,
	.closed = stranger_on_closed,
};

static void stranger_on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	stranger_free(w->data);
}

static void on_accepted(struct mosixd *d, int fd)
{
	struct stranger *s = calloc(1, sizeof(*s));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (!s || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.uid != 0) {
		fd_close(fd);
		free(s);
		return;
	}
	s->d = d;
	if (local_conn_new(&s->conn, d, fd, QUEUE_MAX, &stranger_ops, s) < 0) {
		free(s);
		return;
	}
	ev_timer_init(&s->deadline, stranger_on_deadline, 5.0, 0.0);
	s->deadline.data = s;
	ev_timer_start(d->loop, &s->deadline);
}

int guest_socket_new(struct mosixd *d, struct err *e)
{
	return local_socket_new(&d->guests->socket, d, CONF_GUEST_SOCK, 0600, on_accepted, e);
}
