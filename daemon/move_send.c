/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of a move to other nodes, as its machine orders them. */
#include "daemon/move_priv.h"

#include "common/fail.h"
#include "common/log.h"
#include "daemon/jobs.h"
#include "daemon/mfs_settle.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"

static void send_prepare_now(struct move *mv, uint32_t node)
{
	Mosix__MovePrepare m = MOSIX__MOVE_PREPARE__INIT;

	m.has_move = m.has_job = m.has_gen = m.has_source = true;
	m.move = mv->m.ref.move;
	m.job = mv->m.ref.job;
	m.gen = mv->m.ref.gen;
	m.spec = mv->job->spec;
	m.source = mv->m.source;
	if (mv->job->asked) {
		m.has_automatic = m.has_claimed_load = m.has_demand = m.has_memory = true;
		m.automatic = true;
		m.claimed_load = mv->job->asked->decision.load_there;
		m.demand = mv->job->asked->demand;
		m.memory = mv->job->asked->memory;
	}
	FAIL_POINT("daemon/move/prepare");
	(void)node_send(mv->d, node, MOSIX__MSG_TYPE__MSG_MOVE_PREPARE, &m.base);
}

static void on_settled(struct mosixd *d, uint64_t move, uint64_t node)
{
	struct move *mv = move_find(d, HANDOVER_ARBITER, d->config.self, move);

	if (mv && mv->job && mv->m.state == ARBITER_PREPARING)
		send_prepare_now(mv, (uint32_t)node);
}

/* Not before that node knows what was changed here. */
static void send_prepare(struct move *mv, uint32_t node)
{
	if (node == mv->d->config.self || !mfs_settle(mv->d, on_settled, mv->m.ref.move, node))
		send_prepare_now(mv, node);
}

static void send_begin(struct move *mv, uint32_t node)
{
	Mosix__MoveBegin m = MOSIX__MOVE_BEGIN__INIT;

	m.has_move = m.has_job = m.has_gen = m.has_destination = m.has_token = m.has_key = true;
	m.move = mv->m.ref.move;
	m.job = mv->m.ref.job;
	m.gen = mv->m.ref.gen;
	m.destination = mv->m.destination;
	m.token.data = mv->token;
	m.token.len = sizeof(mv->token);
	m.key.data = mv->key;
	m.key.len = sizeof(mv->key);
	FAIL_POINT("daemon/move/begin");
	job_thaw_to_move(mv->job);
	(void)node_send(mv->d, node, MOSIX__MSG_TYPE__MSG_MOVE_BEGIN, &m.base);
}

static void send_decision(struct move *mv, uint32_t node, const struct handover_action *a)
{
	Mosix__MoveDecision m = MOSIX__MOVE_DECISION__INIT;

	m.has_move = m.has_job = m.has_gen = m.has_commit = m.has_source = true;
	m.move = mv->m.ref.move;
	m.job = mv->m.ref.job;
	m.gen = mv->m.ref.gen;
	m.commit = a->commit;
	m.source = a->source;
	(void)node_send(mv->d, node, MOSIX__MSG_TYPE__MSG_MOVE_DECISION, &m.base);
	if (a->commit)
		FAIL_POINT("daemon/move/commit-sent");
}

static void send_failed(struct move *mv, uint32_t node, const struct handover_action *a)
{
	Mosix__MoveFailed m = MOSIX__MOVE_FAILED__INIT;

	m.has_move = m.has_job = m.has_gen = m.has_refused = true;
	m.move = mv->m.ref.move;
	m.job = mv->m.ref.job;
	m.gen = mv->m.ref.gen;
	m.refused = a->refused;
	m.text = (char *)a->text;
	(void)node_send(mv->d, node, MOSIX__MSG_TYPE__MSG_MOVE_FAILED, &m.base);
}

static void send_ref(struct move *mv, uint32_t node, const struct handover_action *a)
{
	Mosix__MoveRef m = MOSIX__MOVE_REF__INIT;

	m.has_move = m.has_job = m.has_gen = m.has_source = true;
	m.move = mv->m.ref.move;
	m.job = mv->m.ref.job;
	m.gen = mv->m.ref.gen;
	m.source = a->source;
	(void)node_send(mv->d, node, (uint16_t)a->msg, &m.base);
}

/* What the guest said goes on as it is. */
static void send_on(struct move *mv, uint32_t node)
{
	if (mv->frame)
		(void)node_send_raw(mv->d, node, mv->frame->type, mv->frame->body, mv->frame->len);
}

void move_send(struct move *mv, const struct handover_event *ev, const struct handover_action *a)
{
	(void)ev;
	switch (a->msg) {
	case HANDOVER_MSG_PREPARE:
		send_prepare(mv, a->node);
		break;
	case HANDOVER_MSG_BEGIN:
		send_begin(mv, a->node);
		break;
	case HANDOVER_MSG_DECISION:
		send_decision(mv, a->node, a);
		break;
	case HANDOVER_MSG_PREPARED:
	case HANDOVER_MSG_PROGRESS:
		send_on(mv, a->node);
		break;
	case HANDOVER_MSG_FAILED:
		send_failed(mv, a->node, a);
		break;
	case HANDOVER_MSG_DUMPED:
		FAIL_POINT("daemon/source/dumped");
		send_ref(mv, a->node, a);
		break;
	case HANDOVER_MSG_READY:
		FAIL_POINT("daemon/destination/ready");
		send_ref(mv, a->node, a);
		break;
	case HANDOVER_MSG_FINISHED:
	case HANDOVER_MSG_QUERY:
		send_ref(mv, a->node, a);
		break;
	}
}
