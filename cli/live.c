/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking again and again. */
#include "cli/live.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/msg.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

void live_init(struct live *l, int interval_ms)
{
	*l = (struct live){.interval_ms = interval_ms};
}

void live_done(struct live *l)
{
	asker_done(&l->nodes_asker);
	asker_done(&l->jobs_asker);
	asker_done(&l->action);
	msg_free(steal_ptr(l->nodes));
	msg_free(steal_ptr(l->jobs));
}

void live_hurry(struct live *l)
{
	l->next_ms = 0;
}

bool live_ready(const struct live *l)
{
	return l->problem.text[0] || (l->nodes && (l->jobs || !l->wants_jobs));
}

/* The daemon closes connections that are idle, perhaps in this very moment: once is no news. */
static void failed(struct live *l, const struct err *e)
{
	if (l->failures++)
		l->problem = *e;
	else
		live_hurry(l);
}

static void ask(struct live *l, struct asker *a, Mosix__RequestOp op)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct err e = {0};

	q.has_op = q.has_all = true;
	q.op = op;
	q.all = l->all;
	if (!a->busy && asker_ask(a, &q, &e) < 0)
		failed(l, &e);
}

static void ask_all(struct live *l)
{
	int64_t now = clock_ms();

	if (now < l->next_ms)
		return;
	l->next_ms = now + l->interval_ms;
	ask(l, &l->nodes_asker, MOSIX__REQUEST_OP__OP_NODES);
	if (l->wants_jobs)
		ask(l, &l->jobs_asker, MOSIX__REQUEST_OP__OP_PS);
}

static void take(struct live *l, struct asker *a, Mosix__Reply **keep)
{
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	struct err e = {0};
	int r = asker_step(a, &m, &e);

	if (r == 0)
		return;
	if (r > 0)
		r = client_error(m, &e);
	if (r < 0) {
		failed(l, &e);
		return;
	}
	l->failures = 0;
	l->problem.text[0] = '\0';
	msg_free(*keep);
	*keep = steal_ptr(m);
}

Mosix__Reply *live_failure(int r, const char *text)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;
	uint8_t packed[ERR_MAX + 64];
	size_t len;

	m.has_error = true;
	m.error = (uint32_t)-r;
	m.text = (char *)text;
	len = mosix__reply__get_packed_size(&m);
	if (len > sizeof(packed))
		return NULL;
	mosix__reply__pack(&m, packed);
	return msg_unpack(&mosix__reply__descriptor, packed, len);
}

void live_wait(struct live *l, int fd, Mosix__Reply **ret_answer)
{
	struct pollfd p[4];
	struct err e = {0};
	int64_t left;
	int r;

	*ret_answer = NULL;
	ask_all(l);
	p[0] = asker_poll(&l->nodes_asker);
	p[1] = asker_poll(&l->jobs_asker);
	p[2] = asker_poll(&l->action);
	p[3] = (struct pollfd){.fd = fd, .events = POLLIN};
	left = l->next_ms - clock_ms();
	/* A signal ends it, too: of a new size of the terminal, or to end. */
	poll(p, 4, left > 0 ? (int)left : 0);
	take(l, &l->nodes_asker, &l->nodes);
	take(l, &l->jobs_asker, &l->jobs);
	r = asker_step(&l->action, ret_answer, &e);
	if (r < 0)
		*ret_answer = live_failure(r, e.text);
}
