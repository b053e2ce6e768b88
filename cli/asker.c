/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions without waiting. */
#include "cli/asker.h"
#include "common/msg.h"
#include <errno.h>

void asker_done(struct asker *a)
{
	a->chan = chan_free(a->chan);
	a->busy = false;
}

int asker_ask(struct asker *a, const Mosix__Request *q, struct err *e)
{
	int r = 0;

	if (a->busy)
		return err_set(e, -EBUSY, "mosixd has not answered yet");
	if (!a->chan)
		r = client_connect(&a->chan, e);
	if (r < 0)
		return r;
	r = msg_send(a->chan, MOSIX__MSG_TYPE__MSG_REQUEST, &q->base, -1);
	if (r < 0) {
		asker_done(a);
		return err_sys(e, r, "cannot ask mosixd");
	}
	a->busy = true;
	return 0;
}

void asker_forget(struct asker *a)
{
	/* The connection would carry answers to what nobody remembers. */
	if (a->busy)
		asker_done(a);
}

struct pollfd asker_poll(const struct asker *a)
{
	struct pollfd p = {.fd = -1};

	if (a->chan) {
		p.fd = chan_fd(a->chan);
		p.events = chan_events(a->chan);
	}
	return p;
}

static int lost(struct asker *a, int r, struct err *e)
{
	asker_done(a);
	return err_sys(e, r == -EPIPE ? -ECONNRESET : r, "mosixd went away");
}

int asker_step(struct asker *a, Mosix__Reply **ret, struct err *e)
{
	struct chan_frame f;
	Mosix__Reply *m;
	int r;

	if (!a->chan)
		return 0;
	r = chan_process(a->chan);
	while (r >= 0 && (r = chan_next(a->chan, &f)) > 0) {
		if (f.type != MOSIX__MSG_TYPE__MSG_REPLY || !a->busy)
			continue;
		m = msg_unpack(&mosix__reply__descriptor, f.body, f.len);
		if (!m)
			return lost(a, -EPROTO, e);
		a->busy = m->more;
		*ret = m;
		return 1;
	}
	if (r >= 0)
		return 0;
	/* An idle connection may be closed: that is no news. */
	if (!a->busy) {
		asker_done(a);
		return 0;
	}
	return lost(a, r, e);
}
