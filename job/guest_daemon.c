/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's connection to its daemon, which may be restarted at any time: it is dialled again
 * until it is there, for ever, and GuestHello says all that the new daemon needs.
 */
#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "job/guest.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAEMON_FD 3
#define REDIAL_SECONDS 0.2
#define QUEUE_MAX (16u << 20)

static void daemon_event(struct ev_loop *loop, ev_io *w, int revents);

static int daemon_open(struct guest *g, int fd)
{
	struct stream *s;
	int r;

	r = stream_new_plain(&s, fd);
	if (r < 0)
		return r;
	return chan_new(&g->daemon.c, s, CHAN_FRAME_MAX, QUEUE_MAX);
}

static void send_hello(struct guest *g)
{
	Mosix__GuestHello m = MOSIX__GUEST_HELLO__INIT;

	m.has_job = m.has_gen = m.has_state = m.has_move = m.has_pid = m.has_init_pid = true;
	m.has_home = true;
	m.job = g->job;
	m.gen = g->gen;
	m.state = g->state;
	m.move = g->move.id;
	m.pid = (int32_t)getpid();
	m.init_pid = (int32_t)g->init;
	m.home = jobid_home(g->job);
	if (g->state == MOSIX__GUEST_STATE__GUEST_ENDED)
		m.exited = &g->exited;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_HELLO, &m.base);
}

static void say_farewell(struct guest *g)
{
	if (!g->farewell || !g->daemon.c)
		return;
	g->farewell_sent =
		chan_send(g->daemon.c, g->farewell, g->farewell_body, g->farewell_len, -1) >= 0;
}

static void daemon_lost(struct guest *g)
{
	ev_io_stop(g->loop, &g->daemon.io);
	g->daemon.c = chan_free(g->daemon.c);
	g->farewell_sent = false;
	if (!g->direct.c)
		guest_link_down(g);
	/* A daemon that never said what this process is for will not come back for it. */
	if (!g->spec) {
		g->over = true;
		return;
	}
	ev_timer_start(g->loop, &g->redial);
}

static void redial(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct guest *g = w->data;
	int fd = unix_connect(CONF_GUEST_SOCK);

	(void)revents;
	if (fd < 0 || daemon_open(g, fd) < 0)
		return;
	ev_timer_stop(loop, w);
	log_debug("Job %s: connected to mosixd again", jobid_str(g->job).s);
	send_hello(g);
	say_farewell(g);
	guest_stats_soon(g);
}

void guest_send(struct guest *g, uint16_t type, const ProtobufCMessage *m)
{
	if (g->daemon.c && msg_send(g->daemon.c, type, m, -1) < 0)
		log_warn("Job %s: a message of type %u to mosixd is lost", jobid_str(g->job).s,
			 type);
}

/* What came in on the way is dispatched by the loop. */
void guest_daemon_push(struct guest *g)
{
	if (!g->daemon.c)
		return;
	chan_process(g->daemon.c);
	ev_feed_event(g->loop, &g->daemon.io, EV_READ);
}

void guest_farewell(struct guest *g, uint16_t type, const ProtobufCMessage *m)
{
	if (g->farewell)
		return;
	if (msg_pack(m, &g->farewell_body, &g->farewell_len) < 0) {
		g->over = true;
		return;
	}
	g->farewell = type;
	say_farewell(g);
}

/* ------------------------------------------------------------------------------ dispatch */

static void on_assign(struct guest *g, void *m)
{
	const Mosix__GuestAssign *a = m;

	if (g->job || !a->job || !a->gen || !a->cgroup || !a->tree) {
		log_err("mosix-guest: not a valid assignment from mosixd");
		return;
	}
	g->cgroup = strdup(a->cgroup);
	g->tree = strdup(a->tree);
	if (!g->cgroup || !g->tree) {
		g->over = true;
		return;
	}
	g->job = a->job;
	g->gen = a->gen;
	(void)prctl(PR_SET_NAME, "mosix-guest");
}

static void on_start(struct guest *g, void *m)
{
	guest_start(g, m);
}

static void on_signal(struct guest *g, void *m)
{
	guest_signal_from_home(g, m);
}

static void on_kill(struct guest *g, void *m)
{
	(void)m;
	log_info("Job %s: killed on request of its home", jobid_str(g->job).s);
	g->over = true;
}

static void on_exited_ack(struct guest *g, void *m)
{
	(void)m;
	if (g->state == MOSIX__GUEST_STATE__GUEST_ENDED)
		g->over = true;
}

static void on_check(struct guest *g, void *m)
{
	guest_check_request(g, m);
}

static void on_prepare(struct guest *g, void *m)
{
	guest_destination_prepare(g, m);
}

static void on_begin(struct guest *g, void *m)
{
	guest_source_begin(g, m);
}

static void on_decision(struct guest *g, void *m)
{
	guest_move_decision(g, m);
}

static void on_look(struct guest *g, void *m)
{
	(void)m;
	guest_stats_wake(g);
}

static void on_net(struct guest *g, void *m)
{
	guest_stats_net(g, m);
}

static void on_bulk(struct guest *g, void *m)
{
	guest_destination_bulk(g, m, chan_take_fd(g->daemon.c));
}

static void on_link_up(struct guest *g, void *m)
{
	guest_link_up(g, m, chan_take_fd(g->daemon.c));
}

static void on_link_down(struct guest *g, void *m)
{
	(void)m;
	guest_link_down(g);
}

static const struct {
	uint16_t type;
	const ProtobufCMessageDescriptor *descriptor;
	void (*handle)(struct guest *g, void *m);
} handlers[] = {
	{MOSIX__MSG_TYPE__MSG_GUEST_ASSIGN, &mosix__guest_assign__descriptor, on_assign},
	{MOSIX__MSG_TYPE__MSG_GUEST_START, &mosix__guest_start__descriptor, on_start},
	{MOSIX__MSG_TYPE__MSG_GUEST_SIGNAL, &mosix__guest_signal__descriptor, on_signal},
	{MOSIX__MSG_TYPE__MSG_GUEST_KILL, &mosix__guest_ref__descriptor, on_kill},
	{MOSIX__MSG_TYPE__MSG_GUEST_EXITED_ACK, &mosix__guest_ref__descriptor, on_exited_ack},
	{MOSIX__MSG_TYPE__MSG_GUEST_CHECK, &mosix__guest_check__descriptor, on_check},
	{MOSIX__MSG_TYPE__MSG_MOVE_PREPARE, &mosix__move_prepare__descriptor, on_prepare},
	{MOSIX__MSG_TYPE__MSG_MOVE_BEGIN, &mosix__move_begin__descriptor, on_begin},
	{MOSIX__MSG_TYPE__MSG_MOVE_DECISION, &mosix__move_decision__descriptor, on_decision},
	{MOSIX__MSG_TYPE__MSG_MOVE_BULK, &mosix__move_ref__descriptor, on_bulk},
	{MOSIX__MSG_TYPE__MSG_GUEST_LOOK, &mosix__guest_ref__descriptor, on_look},
	{MOSIX__MSG_TYPE__MSG_GUEST_NET, &mosix__guest_net__descriptor, on_net},
	{MOSIX__MSG_TYPE__MSG_LINK_UP, &mosix__link_up__descriptor, on_link_up},
	{MOSIX__MSG_TYPE__MSG_LINK_DOWN, &mosix__guest_ref__descriptor, on_link_down},
};

static void dispatch(struct guest *g, const struct chan_frame *f)
{
	if (!g->job && f->type != MOSIX__MSG_TYPE__MSG_GUEST_ASSIGN) {
		log_err("mosix-guest: message type %u from mosixd before an assignment", f->type);
		return;
	}
	if (f->type == MOSIX__MSG_TYPE__MSG_LINK) {
		if (!g->direct.c)
			guest_link_frame(g, f);
		return;
	}
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		_cleanup_(msg_freep) void *m = NULL;

		if (handlers[i].type != f->type)
			continue;
		m = msg_unpack(handlers[i].descriptor, f->body, f->len);
		if (m)
			handlers[i].handle(g, m);
		else
			log_err("Job %s: a bad message of type %u from mosixd", jobid_str(g->job).s,
				f->type);
		return;
	}
	log_warn("Job %s: message type %u from mosixd is not known", jobid_str(g->job).s, f->type);
}

static void daemon_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	struct chan_frame f;
	int r;

	(void)loop;
	(void)revents;
	r = chan_process(g->daemon.c);
	while (r >= 0 && !g->over && (r = chan_next(g->daemon.c, &f)) > 0)
		dispatch(g, &f);
	if (r < 0)
		daemon_lost(g);
}

void guest_daemon_settle(struct guest *g)
{
	short events;

	if (!g->daemon.c)
		return;
	if (g->farewell_sent && !chan_queued(g->daemon.c)) {
		g->over = true;
		return;
	}
	events = chan_events(g->daemon.c);
	guest_io(g, &g->daemon.io, chan_fd(g->daemon.c),
		 (events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));
}

int guest_daemon_init(struct guest *g)
{
	ev_io_init(&g->daemon.io, daemon_event, -1, 0);
	g->daemon.io.data = g;
	ev_timer_init(&g->redial, redial, REDIAL_SECONDS, REDIAL_SECONDS);
	g->redial.data = g;
	fd_set_cloexec(DAEMON_FD, true);
	return daemon_open(g, DAEMON_FD);
}
