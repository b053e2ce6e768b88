/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to mosix-mfsd whose answers others wait for. */
#include "daemon/mfs_settle.h"

#include "common/cleanup.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/mfs.h"
#include "daemon/mosixd.h"
#include "proto/messages.h"
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#define WAIT_SECONDS 2.0

struct settle {
	struct mosixd *d;
	uint64_t number;
	mfs_settled_fn *fn;
	uint64_t a, b;
	struct ev_timer timer;
	struct settle *prev, *next;
};

static uint64_t last;

static void settle_free(struct settle *s)
{
	DL_DELETE(s->d->settling, s);
	ev_timer_stop(s->d->loop, &s->timer);
	free(s);
}

static void settle_end(struct settle *s)
{
	const struct settle copy = *s;

	settle_free(s);
	copy.fn(copy.d, copy.a, copy.b);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	log_warn("mosix-mfsd does not say whether other nodes know of all changes");
	settle_end(w->data);
}

bool mfs_settle(struct mosixd *d, mfs_settled_fn *fn, uint64_t a, uint64_t b)
{
	Mosix__MfsSettle m = MOSIX__MFS_SETTLE__INIT;
	struct conn *c = mfs_server_conn(d);
	struct settle *s = c ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return false;
	s->d = d;
	s->number = ++last;
	s->fn = fn;
	s->a = a;
	s->b = b;
	m.has_number = true;
	m.number = s->number;
	if (conn_send(c, MOSIX__MSG_TYPE__MSG_MFS_SETTLE, &m.base, -1) < 0) {
		free(s);
		return false;
	}
	DL_APPEND(d->settling, s);
	ev_timer_init(&s->timer, on_timeout, WAIT_SECONDS, 0.0);
	s->timer.data = s;
	ev_timer_start(d->loop, &s->timer);
	return true;
}

int mfs_on_settled(struct mosixd *d, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__MfsSettle *m = NULL;
	struct settle *s;

	if (message_check(CONN_FROM_MFS, PHASE_OPEN, f->type, f->len) < 0)
		return -EPROTO;
	m = msg_unpack(&mosix__mfs_settle__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	DL_FOREACH (d->settling, s) {
		if (s->number == m->number)
			break;
	}
	if (s)
		settle_end(s);
	return 0;
}

void mfs_settle_all(struct mosixd *d)
{
	while (d->settling)
		settle_end(d->settling);
}

void mfs_settle_free(struct mosixd *d)
{
	while (d->settling)
		settle_free(d->settling);
}
