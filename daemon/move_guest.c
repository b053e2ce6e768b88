/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source and destination of a move: between the machine and the guest process that does the work.
 */
#include "daemon/move_priv.h"

#include "common/cleanup.h"
#include "common/fail.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/guests_priv.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum handover_copy copy_state(Mosix__GuestState state)
{
	switch (state) {
	case MOSIX__GUEST_STATE__GUEST_STARTING:
		return HANDOVER_COPY_STARTING;
	case MOSIX__GUEST_STATE__GUEST_RUNNING:
		return HANDOVER_COPY_RUNNING;
	case MOSIX__GUEST_STATE__GUEST_DUMPING:
		return HANDOVER_COPY_DUMPING;
	case MOSIX__GUEST_STATE__GUEST_DUMPED:
		return HANDOVER_COPY_DUMPED;
	case MOSIX__GUEST_STATE__GUEST_RESTORING:
		return HANDOVER_COPY_RESTORING;
	case MOSIX__GUEST_STATE__GUEST_READY:
		return HANDOVER_COPY_READY;
	case MOSIX__GUEST_STATE__GUEST_ENDED:
		return HANDOVER_COPY_ENDED;
	case _MOSIX__GUEST_STATE_IS_INT_SIZE:
		break;
	}
	return HANDOVER_COPY_UNKNOWN;
}

static uint32_t copy_gen(enum handover_role role, const struct handover_ref *ref)
{
	return role == HANDOVER_SOURCE ? ref->gen - 1 : ref->gen;
}

static struct guest *guest_of(struct move *mv)
{
	return guests_find(mv->d, mv->m.ref.job, copy_gen(mv->m.role, &mv->m.ref));
}

/* What is here of it. A guest of another move is not in the way of this one's questions. */
static enum handover_copy copy_here(struct mosixd *d, enum handover_role role,
				    const struct handover_ref *ref)
{
	struct guest *g = guests_find(d, ref->job, copy_gen(role, ref));

	if (!g)
		return HANDOVER_COPY_ABSENT;
	return g->known ? copy_state(g->state) : HANDOVER_COPY_UNKNOWN;
}

static struct move *participant_new(struct mosixd *d, enum handover_role role,
				    const struct handover_ref *ref)
{
	struct move *mv = move_new(d);
	uint32_t home = jobid_home(ref->job);

	if (!mv)
		return NULL;
	if (role == HANDOVER_SOURCE)
		handover_source_init(&mv->m, home, ref, copy_here(d, role, ref));
	else
		handover_destination_init(&mv->m, home, ref, copy_here(d, role, ref));
	move_list(mv);
	return mv;
}

struct move *participant_for(struct mosixd *d, enum handover_role role,
			     const struct handover_ref *ref)
{
	struct move *mv = move_find(d, role, jobid_home(ref->job), ref->move);

	return mv ? mv : participant_new(d, role, ref);
}

/* ------------------------------------------------------------------ to the guest */

static void post_failed(struct move *mv, const char *text)
{
	const struct handover_event ev = {
		.kind = HANDOVER_GUEST,
		.guest = HANDOVER_GUEST_FAILED,
		.refused = true,
		.text = text,
	};

	/* Called from within a step: it waits until that is over. */
	move_step(mv, &ev);
}

static void begin_source(struct move *mv)
{
	const struct node *n = nodes_find(mv->d, mv->begin->destination);
	struct guest *g = guest_of(mv);
	char address[INET_ADDRSTRLEN];
	struct err e;

	if (!n || !node_is_known(n)) {
		err_set(&e, 0, "%s knows no node %u", node_title(mv->d, mv->d->config.self),
			mv->begin->destination);
		post_failed(mv, e.text);
		return;
	}
	FAIL_POINT("daemon/source/begin");
	inet_ntop(AF_INET, &n->addr, address, sizeof(address));
	free(mv->begin->address);
	mv->begin->address = strdup(address);
	mv->begin->has_port = true;
	mv->begin->port = n->port;
	g->state = MOSIX__GUEST_STATE__GUEST_DUMPING;
	g->move = mv->m.ref.move;
	if (guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_BEGIN, &mv->begin->base) < 0) {
		g->state = MOSIX__GUEST_STATE__GUEST_RUNNING;
		g->move = 0;
		post_failed(mv, "The job's guest process does not answer; try again");
	}
}

/* A decision may rest on old numbers; a user's word does not. */
static int check_coming(const struct move *mv, struct err *e)
{
	const Mosix__MovePrepare *m = mv->prepare;
	struct job_facts j = {.job = m->job, .home = mv->m.home};
	int r;

	if (!m->automatic)
		return 0;
	/* Not new: it need not be here. */
	j.age_ms = 1;
	j.demand = m->demand;
	j.memory = (uint32_t)(m->memory >> 20);
	j.job_class = m->spec->job_class <= JOB_CLASS_MAX ? (uint8_t)m->spec->job_class : 0;
	r = balance_check_coming(mv->d, &j, m->claimed_load, e);
	if (r < 0 && m->source != mv->d->config.self)
		load_tell(mv->d, m->source);
	return r;
}

static void begin_destination(struct move *mv)
{
	struct guest *g = NULL;
	struct err e;
	int r;

	FAIL_POINT("daemon/destination/prepare");
	r = guest_check_room(mv->d, mv->m.home, &e);
	if (r == 0)
		r = check_coming(mv, &e);
	if (r == 0)
		r = guest_start(mv->d, mv->prepare->spec, mv->m.ref.job, mv->m.ref.gen,
				MOSIX__GUEST_STATE__GUEST_RESTORING, &g, &e);
	if (r < 0) {
		post_failed(mv, e.text);
		return;
	}
	g->move = mv->m.ref.move;
	guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_PREPARE, &mv->prepare->base);
}

static void tell_decision(struct move *mv, bool commit)
{
	Mosix__MoveDecision m = MOSIX__MOVE_DECISION__INIT;
	struct guest *g = guest_of(mv);

	if (!g)
		return;
	m.has_move = m.has_job = m.has_gen = m.has_commit = m.has_source = true;
	m.move = mv->m.ref.move;
	m.job = mv->m.ref.job;
	m.gen = mv->m.ref.gen;
	m.commit = commit;
	m.source = mv->m.role == HANDOVER_SOURCE;
	/* To one that is away it is told when it is back. */
	guest_send(g, MOSIX__MSG_TYPE__MSG_MOVE_DECISION, &m.base);
	if (mv->m.role == HANDOVER_SOURCE)
		FAIL_POINT("daemon/source/decision-told");
	else
		FAIL_POINT("daemon/destination/decision-told");
}

void participant_tell(struct move *mv, enum handover_guest_command command)
{
	mv->told = command;
	if (command != HANDOVER_GUEST_BEGIN)
		tell_decision(mv, command == HANDOVER_GUEST_COMMIT);
	else if (mv->m.role == HANDOVER_SOURCE)
		begin_source(mv);
	else
		begin_destination(mv);
}

void participant_retell(struct move *mv, bool commit)
{
	if (mv->told == (commit ? HANDOVER_GUEST_COMMIT : HANDOVER_GUEST_ABORT))
		tell_decision(mv, commit);
}

/* ------------------------------------------------------------------ from the guest */

/* The machine of the move that the copy is in, as whichever of the two. */
static struct move *move_of(struct guest *g)
{
	uint32_t home = jobid_home(g->key.job);
	struct move *mv;

	if (!g->move)
		return NULL;
	mv = move_find(g->d, HANDOVER_SOURCE, home, g->move);
	if (mv && guest_of(mv) == g)
		return mv;
	mv = move_find(g->d, HANDOVER_DESTINATION, home, g->move);
	return mv && guest_of(mv) == g ? mv : NULL;
}

Mosix__GuestState move_listed_as(struct guest *g)
{
	struct move *mv = move_of(g);
	enum handover_copy copy = copy_state(g->state);

	if (mv && mv->m.state != HANDOVER_NONE && mv->m.state != HANDOVER_DONE)
		copy = handover_listed_as(&mv->m);
	/* The other states are none of a move's. */
	switch (copy) {
	case HANDOVER_COPY_RUNNING:
		return MOSIX__GUEST_STATE__GUEST_RUNNING;
	case HANDOVER_COPY_DUMPING:
		return MOSIX__GUEST_STATE__GUEST_DUMPING;
	case HANDOVER_COPY_DUMPED:
		return MOSIX__GUEST_STATE__GUEST_DUMPED;
	case HANDOVER_COPY_RESTORING:
		return MOSIX__GUEST_STATE__GUEST_RESTORING;
	case HANDOVER_COPY_READY:
		return MOSIX__GUEST_STATE__GUEST_READY;
	case HANDOVER_COPY_UNKNOWN:
	case HANDOVER_COPY_ABSENT:
	case HANDOVER_COPY_STARTING:
	case HANDOVER_COPY_ENDED:
		break;
	}
	return g->state;
}

static void runs_again(struct guest *g)
{
	g->state = MOSIX__GUEST_STATE__GUEST_RUNNING;
	g->move = 0;
}

/* The copy's state follows what its guest says, before the machine hears of it. */
static void note_state(struct guest *g, const struct move *mv, enum handover_guest_event what)
{
	bool source = mv->m.role == HANDOVER_SOURCE;

	switch (what) {
	case HANDOVER_GUEST_DUMPED:
		g->state = MOSIX__GUEST_STATE__GUEST_DUMPED;
		break;
	case HANDOVER_GUEST_READY:
		g->state = MOSIX__GUEST_STATE__GUEST_READY;
		break;
	case HANDOVER_GUEST_FAILED:
		if (source)
			runs_again(g);
		else
			guest_leave(g);
		break;
	case HANDOVER_GUEST_FINISHED:
		if (source == (mv->told == HANDOVER_GUEST_COMMIT))
			guest_leave(g);
		else
			runs_again(g);
		break;
	case HANDOVER_GUEST_PREPARED:
	case HANDOVER_GUEST_PROGRESS:
	case HANDOVER_GUEST_ENDED:
	case HANDOVER_GUEST_DIED:
		break;
	}
}

static int check_prepared(struct guest *g, const void *message)
{
	const Mosix__MovePrepared *m = message;

	if (m->token.len != PREAMBLE_TOKEN || m->key.len != KEY_SIZE)
		return -EPROTO;
	memcpy(g->token, m->token.data, PREAMBLE_TOKEN);
	g->has_token = true;
	return 0;
}

static const struct guest_message {
	uint16_t type;
	const ProtobufCMessageDescriptor *desc;
	enum handover_guest_event event;
} guest_messages[] = {
	{MOSIX__MSG_TYPE__MSG_MOVE_PREPARED, &mosix__move_prepared__descriptor,
	 HANDOVER_GUEST_PREPARED},
	{MOSIX__MSG_TYPE__MSG_MOVE_PROGRESS, &mosix__move_progress__descriptor,
	 HANDOVER_GUEST_PROGRESS},
	{MOSIX__MSG_TYPE__MSG_MOVE_DUMPED, &mosix__move_ref__descriptor, HANDOVER_GUEST_DUMPED},
	{MOSIX__MSG_TYPE__MSG_MOVE_READY, &mosix__move_ref__descriptor, HANDOVER_GUEST_READY},
	{MOSIX__MSG_TYPE__MSG_MOVE_FAILED, &mosix__move_failed__descriptor, HANDOVER_GUEST_FAILED},
	{MOSIX__MSG_TYPE__MSG_MOVE_FINISHED, &mosix__move_ref__descriptor, HANDOVER_GUEST_FINISHED},
};

static const struct guest_message *find_message(uint16_t type)
{
	for (size_t i = 0; i < sizeof(guest_messages) / sizeof(guest_messages[0]); i++)
		if (guest_messages[i].type == type)
			return &guest_messages[i];
	return NULL;
}

static uint64_t field(const void *m, const ProtobufCMessageDescriptor *desc, unsigned int tag)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(desc, tag);
	uint64_t v;

	memcpy(&v, (const uint8_t *)m + f->offset, sizeof(v));
	return v;
}

/* Every message of a move begins with its number and the job's. */
static bool is_about(const void *m, const ProtobufCMessageDescriptor *desc, const struct guest *g)
{
	return field(m, desc, 1) == g->move && field(m, desc, 2) == g->key.job;
}

int move_on_guest_frame(struct guest *g, const struct chan_frame *f)
{
	const struct guest_message *gm = find_message(f->type);
	_cleanup_(msg_freep) void *m = NULL;
	struct handover_event ev = {.kind = HANDOVER_GUEST};
	struct move *mv = move_of(g);

	if (!gm)
		return -EPROTO;
	m = msg_unpack(gm->desc, f->body, f->len);
	if (!m)
		return -EPROTO;
	/* A late word about a move that is over. */
	if (!mv || !is_about(m, gm->desc, g))
		return 0;
	if (gm->event == HANDOVER_GUEST_PREPARED && check_prepared(g, m) < 0)
		return -EPROTO;
	ev.guest = gm->event;
	if (gm->event == HANDOVER_GUEST_FAILED) {
		ev.text = ((Mosix__MoveFailed *)m)->text;
		ev.refused = ((Mosix__MoveFailed *)m)->refused;
	}
	note_state(g, mv, gm->event);
	mv->frame = f;
	move_step(mv, &ev);
	return 0;
}

static void step_word(struct move *mv, enum handover_guest_event what)
{
	const struct handover_event ev = {
		.kind = HANDOVER_GUEST,
		.guest = what,
		.text = what == HANDOVER_GUEST_DIED ? "The job's guest process ended" : NULL,
	};

	move_step(mv, &ev);
}

static void step_guest(struct guest *g, enum handover_guest_event what)
{
	struct move *mv = move_of(g);

	if (mv)
		step_word(mv, what);
}

void move_guest_ended(struct guest *g)
{
	step_guest(g, HANDOVER_GUEST_ENDED);
}

void move_guest_died(struct guest *g)
{
	step_guest(g, HANDOVER_GUEST_DIED);
}

/* ------------------------------------------------------------------ after a restart */

static void recover(struct guest *g)
{
	const struct handover_event ev = {.kind = HANDOVER_RECOVER};
	struct handover_ref ref = {.job = g->key.job, .move = g->move};
	bool source = g->state == MOSIX__GUEST_STATE__GUEST_DUMPING ||
		      g->state == MOSIX__GUEST_STATE__GUEST_DUMPED;
	struct move *mv;

	ref.gen = (uint32_t)g->key.gen + source;
	mv = participant_new(g->d, source ? HANDOVER_SOURCE : HANDOVER_DESTINATION, &ref);
	if (!mv) {
		log_err("Out of memory");
		abort();
	}
	move_step(mv, &ev);
}

/* What its machine, which stayed here while it was away, makes of its state. */
static void catch_up(struct guest *g, struct move *mv)
{
	bool begun = mv->told == HANDOVER_GUEST_BEGIN;

	switch (g->state) {
	case MOSIX__GUEST_STATE__GUEST_DUMPED:
	case MOSIX__GUEST_STATE__GUEST_READY:
	case MOSIX__GUEST_STATE__GUEST_DUMPING:
	case MOSIX__GUEST_STATE__GUEST_RESTORING:
		if (!begun)
			tell_decision(mv, mv->told == HANDOVER_GUEST_COMMIT);
		else if (g->state == MOSIX__GUEST_STATE__GUEST_DUMPED)
			step_word(mv, HANDOVER_GUEST_DUMPED);
		else if (g->state == MOSIX__GUEST_STATE__GUEST_READY)
			step_word(mv, HANDOVER_GUEST_READY);
		break;
	case MOSIX__GUEST_STATE__GUEST_RUNNING:
		/* It has done what it was told, or could not begin and went on. */
		step_word(mv, begun ? HANDOVER_GUEST_FAILED : HANDOVER_GUEST_FINISHED);
		break;
	case MOSIX__GUEST_STATE__GUEST_ENDED:
		step_word(mv, HANDOVER_GUEST_ENDED);
		break;
	case MOSIX__GUEST_STATE__GUEST_STARTING:
	case _MOSIX__GUEST_STATE_IS_INT_SIZE:
		break;
	}
}

/* Whatever move the guest says it is in: one that is over for the guest may not be for its machine.
 */
static struct move *machine_of(struct guest *g)
{
	struct move *mv;

	DL_FOREACH (g->d->moves->list, mv)
		if (mv->m.role != HANDOVER_ARBITER && guest_of(mv) == g)
			return mv;
	return NULL;
}

void move_guest_back(struct guest *g)
{
	struct move *mv = machine_of(g);

	if (mv)
		catch_up(g, mv);
	else if (g->move && g->state >= MOSIX__GUEST_STATE__GUEST_DUMPING &&
		 g->state <= MOSIX__GUEST_STATE__GUEST_READY)
		recover(g);
}
