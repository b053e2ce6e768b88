/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages about moves from other nodes, made into events of the right machine. */
#include "daemon/move_priv.h"

#include "common/fail.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <string.h>

/* Fills a struct handover_ref from any message of a move, if it makes sense at all. */
#define TAKE_REF(m, ref)                                                        \
	((ref)->move = (m)->move, (ref)->job = (m)->job, (ref)->gen = (m)->gen, \
	 (m)->move && (m)->gen > 1)

static struct handover_event message(uint32_t from, enum handover_msg msg,
				     const struct handover_ref *ref)
{
	return (struct handover_event){
		.kind = HANDOVER_MESSAGE,
		.node = from,
		.msg = msg,
		.ref = *ref,
	};
}

static bool is_home(const struct mosixd *d, const struct handover_ref *ref)
{
	return jobid_home(ref->job) == d->config.self;
}

/* ------------------------------------------------------------------ to source, destination */

int moves_on_prepare(struct mosixd *d, uint32_t from, Mosix__MovePrepare *m)
{
	struct handover_ref ref;
	struct handover_event ev;
	struct move *mv;

	if (!TAKE_REF(m, &ref) || jobid_home(ref.job) != from || !m->spec)
		return -EPROTO;
	mv = participant_for(d, HANDOVER_DESTINATION, &ref);
	if (!mv)
		return 0;
	ev = message(from, HANDOVER_MSG_PREPARE, &ref);
	mv->prepare = m;
	move_step(mv, &ev);
	return 0;
}

int moves_on_begin(struct mosixd *d, uint32_t from, Mosix__MoveBegin *m)
{
	struct handover_ref ref;
	struct handover_event ev;
	struct move *mv;

	if (!TAKE_REF(m, &ref) || jobid_home(ref.job) != from || m->token.len != PREAMBLE_TOKEN ||
	    m->key.len != KEY_SIZE)
		return -EPROTO;
	mv = participant_for(d, HANDOVER_SOURCE, &ref);
	if (!mv)
		return 0;
	ev = message(from, HANDOVER_MSG_BEGIN, &ref);
	mv->begin = m;
	move_step(mv, &ev);
	return 0;
}

int moves_on_decision(struct mosixd *d, uint32_t from, Mosix__MoveDecision *m)
{
	struct handover_ref ref;
	struct handover_event ev;
	struct move *mv;

	if (!TAKE_REF(m, &ref) || jobid_home(ref.job) != from)
		return -EPROTO;
	mv = participant_for(d, m->source ? HANDOVER_SOURCE : HANDOVER_DESTINATION, &ref);
	if (!mv)
		return 0;
	/* Home asks again: perhaps the guest could not do it the first time. */
	participant_retell(mv, m->commit);
	ev = message(from, HANDOVER_MSG_DECISION, &ref);
	ev.commit = m->commit;
	move_step(mv, &ev);
	return 0;
}

/* ------------------------------------------------------------------ to the arbiter */

int moves_on_prepared(struct mosixd *d, uint32_t from, Mosix__MovePrepared *m)
{
	struct handover_ref ref;
	struct handover_event ev;
	struct move *mv;

	if (!TAKE_REF(m, &ref) || !is_home(d, &ref) || m->token.len != PREAMBLE_TOKEN ||
	    m->key.len != KEY_SIZE)
		return -EPROTO;
	mv = arbiter_for(d, &ref);
	if (!mv)
		return 0;
	if (from == mv->m.destination) {
		memcpy(mv->token, m->token.data, sizeof(mv->token));
		memcpy(mv->key, m->key.data, sizeof(mv->key));
	}
	ev = message(from, HANDOVER_MSG_PREPARED, &ref);
	move_step(mv, &ev);
	return 0;
}

/* When things happened, for the report. */
static void note_time(struct move *mv, uint16_t type)
{
	if (type == MOSIX__MSG_TYPE__MSG_MOVE_DUMPED && !mv->dumped_usec) {
		mv->dumped_usec = clock_usec();
		FAIL_POINT("daemon/move/dumped");
	} else if (type == MOSIX__MSG_TYPE__MSG_MOVE_READY) {
		FAIL_POINT("daemon/move/ready");
	} else if (type == MOSIX__MSG_TYPE__MSG_MOVE_FINISHED) {
		FAIL_POINT("daemon/move/finished");
	}
}

int moves_on_ref(struct mosixd *d, uint32_t from, uint16_t type, Mosix__MoveRef *m)
{
	struct handover_ref ref;
	struct handover_event ev;
	struct move *mv;

	if (!TAKE_REF(m, &ref) || !is_home(d, &ref))
		return -EPROTO;
	mv = arbiter_for(d, &ref);
	if (!mv)
		return 0;
	note_time(mv, type);
	ev = message(from, (enum handover_msg)type, &ref);
	ev.source = m->source;
	move_step(mv, &ev);
	return 0;
}

int moves_on_failed(struct mosixd *d, uint32_t from, Mosix__MoveFailed *m)
{
	struct handover_ref ref;
	struct handover_event ev;
	struct move *mv;

	if (!TAKE_REF(m, &ref) || !is_home(d, &ref))
		return -EPROTO;
	ev = message(from, HANDOVER_MSG_FAILED, &ref);
	ev.refused = m->refused;
	ev.text = m->text;
	mv = arbiter_for(d, &ref);
	if (!mv)
		return 0;
	if (from == mv->m.destination)
		mv->refused = m->refused;
	move_step(mv, &ev);
	return 0;
}

static void tell_progress(struct move *mv, const Mosix__MoveProgress *m)
{
	Mosix__Reply a = MOSIX__REPLY__INIT;

	if (m->bytes > mv->bytes)
		mv->bytes = m->bytes;
	if (m->phase && !strcmp(m->phase, "frozen"))
		mv->frozen_usec = clock_usec();
	a.has_more = a.has_bytes = true;
	a.more = true;
	a.bytes = m->bytes;
	a.text = m->phase;
	request_answer(mv->d, &mv->who, &a);
}

int moves_on_progress(struct mosixd *d, uint32_t from, Mosix__MoveProgress *m)
{
	struct handover_ref ref = {.move = m->move, .job = m->job};
	struct handover_event ev;
	struct move *mv;

	if (!m->move || !is_home(d, &ref))
		return -EPROTO;
	mv = move_find(d, HANDOVER_ARBITER, d->config.self, m->move);
	if (!mv || mv->m.ref.job != m->job)
		return 0;
	if (from == mv->m.source)
		tell_progress(mv, m);
	ev = message(from, HANDOVER_MSG_PROGRESS, &mv->m.ref);
	move_step(mv, &ev);
	return 0;
}
