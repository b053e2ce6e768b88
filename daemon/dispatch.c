/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between nodes: checked, unpacked, handed on. */
#include "daemon/dispatch.h"

#include "common/cleanup.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/controls.h"
#include "daemon/dead_nodes.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/links.h"
#include "daemon/mfs.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include "daemon/requests.h"
#include "proto/messages.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Both kinds of link news go to whoever is at home for the job. */
static int on_link_down(struct mosixd *d, uint32_t from, void *m)
{
	const Mosix__GuestRef *ref = m;

	/* At its home it comes from the node where the job runs, elsewhere from its home. */
	if ((uint32_t)(ref->job >> 32) == d->config.self)
		return jobs_on_link_down(d, from, m);
	return guests_on_link_down(d, from, m);
}

#define MOVE_REF(name, TYPE)                                                  \
	static int name(struct mosixd *d, uint32_t from, void *m)             \
	{                                                                     \
		return moves_on_ref(d, from, MOSIX__MSG_TYPE__MSG_##TYPE, m); \
	}

MOVE_REF(on_move_dumped, MOVE_DUMPED)
MOVE_REF(on_move_ready, MOVE_READY)
MOVE_REF(on_move_finished, MOVE_FINISHED)
MOVE_REF(on_move_query, MOVE_QUERY)

#define HANDLER(name, type)                                              \
	static int call_##name(struct mosixd *d, uint32_t from, void *m) \
	{                                                                \
		type *message = m;                                       \
                                                                         \
		return name(d, from, message);                           \
	}

HANDLER(requests_on_forward, Mosix__Forward)
HANDLER(requests_on_reply, Mosix__Reply)
HANDLER(requests_on_checked, Mosix__GuestChecked)
HANDLER(guests_on_start, Mosix__GuestStart)
HANDLER(guests_on_exited_ack, Mosix__GuestRef)
HANDLER(guests_on_signal, Mosix__GuestSignal)
HANDLER(guests_on_kill, Mosix__GuestRef)
HANDLER(guests_on_check, Mosix__GuestCheck)
HANDLER(guests_on_control, Mosix__GuestControl)
HANDLER(guests_on_link_up, Mosix__LinkUp)
HANDLER(jobs_on_started, Mosix__GuestStarted)
HANDLER(jobs_on_exited, Mosix__GuestExited)
HANDLER(jobs_on_stats, Mosix__GuestStats)
HANDLER(jobs_on_signalled, Mosix__GuestSignal)
HANDLER(jobs_on_list, Mosix__GuestList)
HANDLER(balance_on_asked, Mosix__MoveAsked)
HANDLER(moves_on_ask, Mosix__MoveAsk)
HANDLER(moves_on_prepare, Mosix__MovePrepare)
HANDLER(moves_on_prepared, Mosix__MovePrepared)
HANDLER(moves_on_begin, Mosix__MoveBegin)
HANDLER(moves_on_failed, Mosix__MoveFailed)
HANDLER(moves_on_decision, Mosix__MoveDecision)
HANDLER(moves_on_progress, Mosix__MoveProgress)

static const struct {
	uint16_t type;
	int (*handle)(struct mosixd *d, uint32_t from, void *m);
} handlers[] = {
	{MOSIX__MSG_TYPE__MSG_FORWARD, call_requests_on_forward},
	{MOSIX__MSG_TYPE__MSG_FORWARD_REPLY, call_requests_on_reply},
	{MOSIX__MSG_TYPE__MSG_GUEST_START, call_guests_on_start},
	{MOSIX__MSG_TYPE__MSG_GUEST_STARTED, call_jobs_on_started},
	{MOSIX__MSG_TYPE__MSG_GUEST_EXITED, call_jobs_on_exited},
	{MOSIX__MSG_TYPE__MSG_GUEST_EXITED_ACK, call_guests_on_exited_ack},
	{MOSIX__MSG_TYPE__MSG_GUEST_SIGNAL, call_guests_on_signal},
	{MOSIX__MSG_TYPE__MSG_GUEST_KILL, call_guests_on_kill},
	{MOSIX__MSG_TYPE__MSG_GUEST_STATS, call_jobs_on_stats},
	{MOSIX__MSG_TYPE__MSG_GUEST_SIGNALLED, call_jobs_on_signalled},
	{MOSIX__MSG_TYPE__MSG_GUEST_CHECK, call_guests_on_check},
	{MOSIX__MSG_TYPE__MSG_GUEST_CONTROL, call_guests_on_control},
	{MOSIX__MSG_TYPE__MSG_GUEST_CHECKED, call_requests_on_checked},
	{MOSIX__MSG_TYPE__MSG_GUEST_LIST, call_jobs_on_list},
	{MOSIX__MSG_TYPE__MSG_MOVE_ASK, call_moves_on_ask},
	{MOSIX__MSG_TYPE__MSG_MOVE_ASKED, call_balance_on_asked},
	{MOSIX__MSG_TYPE__MSG_MOVE_PREPARE, call_moves_on_prepare},
	{MOSIX__MSG_TYPE__MSG_MOVE_PREPARED, call_moves_on_prepared},
	{MOSIX__MSG_TYPE__MSG_MOVE_BEGIN, call_moves_on_begin},
	{MOSIX__MSG_TYPE__MSG_MOVE_DUMPED, on_move_dumped},
	{MOSIX__MSG_TYPE__MSG_MOVE_READY, on_move_ready},
	{MOSIX__MSG_TYPE__MSG_MOVE_FAILED, call_moves_on_failed},
	{MOSIX__MSG_TYPE__MSG_MOVE_DECISION, call_moves_on_decision},
	{MOSIX__MSG_TYPE__MSG_MOVE_FINISHED, on_move_finished},
	{MOSIX__MSG_TYPE__MSG_MOVE_QUERY, on_move_query},
	{MOSIX__MSG_TYPE__MSG_MOVE_PROGRESS, call_moves_on_progress},
	{MOSIX__MSG_TYPE__MSG_LINK_UP, call_guests_on_link_up},
	{MOSIX__MSG_TYPE__MSG_LINK_DOWN, on_link_down},
};

static int dispatch_link(struct mosixd *d, uint32_t from, const uint8_t *body, size_t len)
{
	uint64_t job;

	if (len < sizeof(job))
		return -EPROTO;
	memcpy(&job, body, sizeof(job));
	if ((uint32_t)(le64toh(job) >> 32) == d->config.self)
		return jobs_on_link(d, from, body, len);
	return guests_on_link(d, from, body, len);
}

int dispatch(struct mosixd *d, uint32_t from, uint16_t type, const uint8_t *body, size_t len)
{
	_cleanup_(msg_freep) void *m = NULL;
	int r;

	r = message_check(CONN_FROM_PEER, PHASE_OPEN, type, len);
	if (r < 0)
		return r;
	if (type == MOSIX__MSG_TYPE__MSG_LINK)
		return dispatch_link(d, from, body, len);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type != type)
			continue;
		m = msg_unpack(message_info(type)->descriptor, body, len);
		return m ? handlers[i].handle(d, from, m) : -EPROTO;
	}
	return -EPROTO;
}

void node_went_up(struct node *n)
{
	dead_nodes_back(n);
	guests_node_up(n);
	moves_node_up(n);
	link_flush(n);
	moves_link_up(n);
}

void node_went_down(struct node *n)
{
	moves_node_down(n);
	jobs_node_down(n);
	guests_node_down(n);
	requests_node_down(n);
	balance_node_down(n);
	controls_node_down(n);
}

void node_came_alive(struct node *n)
{
	links_tick(n->d);
}

void node_died(struct node *n, bool left)
{
	(void)left;
	links_tick(n->d);
}

void node_was_found(struct node *n)
{
	links_tick(n->d);
	mfs_reload(n->d);
}

/* ------------------------------------------------------------------ to this node itself */

struct local_message {
	struct local_message *next;
	uint16_t type;
	size_t len;
	uint8_t body[];
};

struct local {
	struct ev_prepare prepare;
	struct local_message *queue, *tail;
};

int local_send(struct mosixd *d, uint16_t type, const void *body, size_t len)
{
	struct local_message *m = malloc(sizeof(*m) + len);

	if (!m)
		return -ENOMEM;
	m->type = type;
	m->len = len;
	m->next = NULL;
	if (len)
		memcpy(m->body, body, len);
	if (d->local->tail)
		d->local->tail->next = m;
	else
		d->local->queue = m;
	d->local->tail = m;
	return 0;
}

static struct local_message *local_take(struct local *l)
{
	struct local_message *m = l->queue;

	if (m) {
		l->queue = m->next;
		if (!l->queue)
			l->tail = NULL;
	}
	return m;
}

static void local_run(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct mosixd *d = w->data;
	struct local_message *m;
	int r;

	(void)loop;
	(void)revents;
	while ((m = local_take(d->local))) {
		r = dispatch(d, d->config.self, m->type, m->body, m->len);
		if (r < 0)
			log_err("A message of type %s to this node itself is not valid",
				message_name(m->type));
		free(m);
	}
}

int local_new(struct mosixd *d)
{
	d->local = calloc(1, sizeof(*d->local));
	if (!d->local)
		return -ENOMEM;
	ev_prepare_init(&d->local->prepare, local_run);
	d->local->prepare.data = d;
	ev_prepare_start(d->loop, &d->local->prepare);
	return 0;
}

void local_free(struct mosixd *d)
{
	struct local_message *m;

	if (!d->local)
		return;
	ev_prepare_stop(d->loop, &d->local->prepare);
	while ((m = local_take(d->local)))
		free(m);
	free(d->local);
	d->local = NULL;
}
