/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The home's daemon in the checker: its journal, the arbiter, GuestLists, the job's end. Whatever
 * mosixd does around the arbiter, it does here.
 */
#include "test/sim/world.h"
#include <string.h>

/* Between HANDOVER_PERSIST and its outcome the daemon does nothing else. */
bool home_is_writing(const struct world *w)
{
	return w->arbiter.on &&
	       (w->arbiter.state == ARBITER_STARTING || w->arbiter.state == ARBITER_DECIDING);
}

struct handover_job journal_job(const struct world *w)
{
	return (struct handover_job){
		.job = JOB,
		.gen = w->journal.gen,
		.node = w->journal.node + 1U,
		.move = w->journal.move,
	};
}

static struct handover machine_of(const struct world *w)
{
	const struct arbiter *a = &w->arbiter;
	struct handover_ref ref = {.move = a->move, .job = JOB, .gen = a->gen};
	struct handover_job job = journal_job(w);
	struct handover m;

	handover_arbiter_init(&m, w->home + 1U, &ref, &job, a->source + 1U, a->destination + 1U);
	m.state = a->state;
	m.source_gone = a->source_gone;
	m.over = a->over;
	return m;
}

static void kill_copy(struct world *w, unsigned int node, unsigned int gen)
{
	send_to_node(w, node, (struct sim_msg){.kind = SIM_KILL, .gen = (uint8_t)gen});
}

static void job_is_over(struct world *w)
{
	w->journal.gen = 0;
	w->journal.node = 0;
	w->journal.move = 0;
}

/* The deputy is dead: kill the copy that the journal names, once no move can change that. */
void home_end_job(struct world *w)
{
	if (w->journal.gen == 0 || !w->must_end)
		return;
	kill_copy(w, w->journal.node, w->journal.gen);
	job_is_over(w);
}

static void persist(struct world *w, const struct handover *m, enum handover_phase phase)
{
	struct journal *j = &w->journal;

	j->phase = (uint8_t)phase;
	j->ref_move = (uint8_t)m->ref.move;
	j->ref_gen = (uint8_t)m->ref.gen;
	j->source = (uint8_t)(m->source - 1);
	j->destination = (uint8_t)(m->destination - 1);
	if (phase != HANDOVER_PHASE_COMMIT || j->gen == 0)
		return;
	if (j->gen + 1 != j->ref_gen || j->node != j->source)
		sim_complain("a move was committed that does not start at the job's copy");
	j->gen = j->ref_gen;
	j->node = j->destination;
	j->move = j->ref_move;
}

static void forget(struct world *w)
{
	w->journal.phase = 0;
	w->journal.ref_move = 0;
	w->journal.ref_gen = 0;
	w->journal.source = 0;
	w->journal.destination = 0;
}

static void fate(struct world *w, const struct handover_action *a)
{
	switch (a->fate) {
	case HANDOVER_RUNS:
	case HANDOVER_STAYS:
		if (w->journal.gen != 0 &&
		    (a->gen != w->journal.gen || a->node != w->journal.node + 1U))
			sim_complain("the job is said to run where the journal does not have it");
		home_end_job(w);
		break;
	case HANDOVER_LOST:
	case HANDOVER_ENDED:
		if (w->journal.gen != 0 && !w->excused)
			sim_complain("the job is given up though nothing of it has died");
		job_is_over(w);
		break;
	}
}

static void note(struct world *w)
{
	if (w->arbiter.noted)
		sim_complain("the user is answered twice");
	w->arbiter.noted = 1;
}

static void perform(struct world *w, const struct handover *m, const struct handover_actions *acts)
{
	for (size_t i = 0; i < acts->count; i++) {
		const struct handover_action *a = &acts->list[i];

		if (sim_interrupt == 0)
			return;
		sim_interrupt--;
		switch (a->kind) {
		case HANDOVER_PERSIST:
			/* Its outcome is a step of its own: ACT_PERSISTED. */
			if (i + 1 != acts->count)
				sim_complain("something follows HANDOVER_PERSIST");
			break;
		case HANDOVER_FORGET:
			forget(w);
			break;
		case HANDOVER_SEND:
			send_to_node(w, a->node - 1, msg_of(m, a));
			break;
		case HANDOVER_TIMER_SET:
			w->arbiter.timer = timer_of(a->ms);
			break;
		case HANDOVER_TIMER_CLEAR:
			w->arbiter.timer = TIMER_OFF;
			break;
		case HANDOVER_JOB:
			fate(w, a);
			break;
		case HANDOVER_NOTE:
			note(w);
			break;
		case HANDOVER_TELL:
			sim_complain("the arbiter talks to a guest");
			break;
		}
	}
}

static void drop_arbiter(struct world *w)
{
	if (w->arbiter.timer != TIMER_OFF)
		sim_complain("the arbiter leaves its timer behind");
	if (w->journal.phase != HANDOVER_PHASE_NONE)
		sim_complain("the arbiter leaves its record behind");
	memset(&w->arbiter, 0, sizeof(w->arbiter));
	home_end_job(w);
}

void home_event(struct world *w, struct handover_event ev)
{
	struct handover m;
	struct handover_actions acts;

	if (!w->arbiter.on)
		return;
	m = machine_of(w);
	step_machine(&m, &ev, &acts);
	w->arbiter.state = (uint8_t)m.state;
	w->arbiter.source_gone = m.source_gone;
	w->arbiter.over = m.over;
	perform(w, &m, &acts);
	if (sim_interrupt != 0 && (m.state == ARBITER_DONE || m.state == ARBITER_NONE))
		drop_arbiter(w);
}

void home_start(struct world *w, unsigned int destination)
{
	w->arbiter = (struct arbiter){
		.on = 1,
		.move = ++w->last_move,
		.gen = (uint8_t)(w->journal.gen + 1),
		.source = w->journal.node,
		.destination = (uint8_t)destination,
	};
	home_event(w, (struct handover_event){.kind = HANDOVER_START});
}

/* The record gets to the journal, or for certain not, and the machine hears of it. */
void home_persisted(struct world *w, bool ok)
{
	struct handover m = machine_of(w);

	if (ok)
		persist(w, &m,
			w->arbiter.state == ARBITER_STARTING ? HANDOVER_PHASE_PREPARING
							     : HANDOVER_PHASE_COMMIT);
	home_event(w, (struct handover_event){.kind = ok ? HANDOVER_PERSISTED
							 : HANDOVER_PERSIST_FAILED});
}

/* A message of a move that has no arbiter: what NONE has to say to it. */
static void unknown_move(struct world *w, unsigned int node, struct sim_msg msg)
{
	struct handover_ref ref = {.move = msg.move, .job = JOB, .gen = msg.gen};
	struct handover_event ev = event_of(node, msg);
	struct handover_job job = journal_job(w);
	struct handover_actions acts;
	struct handover m;

	handover_arbiter_init(&m, w->home + 1U, &ref, &job, 0, 0);
	step_machine(&m, &ev, &acts);
	for (size_t i = 0; i < acts.count; i++) {
		if (acts.list[i].kind != HANDOVER_SEND || acts.list[i].node != node + 1)
			sim_complain("an unknown move does more than answer");
		send_to_node(w, node, msg_of(&m, &acts.list[i]));
	}
}

/* A copy has ended or is not there any more. */
static void copy_is_gone(struct world *w, unsigned int node, unsigned int gen)
{
	struct handover_event ev = {
		.kind = HANDOVER_COPY_GONE,
		.node = node + 1,
		.ref = {.job = JOB, .gen = gen},
	};

	if (w->arbiter.on) {
		home_event(w, ev);
		return;
	}
	if (w->journal.gen != gen || w->journal.node != node)
		return;
	if (!w->excused)
		sim_complain("the job's copy is gone though nothing has died");
	job_is_over(w);
}

static void exited(struct world *w, unsigned int node, unsigned int gen)
{
	copy_is_gone(w, node, gen);
	/* Only when the end is recorded, or was none of the job's, the guest may forget it. */
	if (w->journal.gen != gen || w->journal.node != node)
		send_to_node(w, node, (struct sim_msg){.kind = SIM_ACK, .gen = (uint8_t)gen});
}

static void decide(struct world *w, unsigned int node, const struct reconcile_guest *g, bool commit)
{
	bool source = g->state == HANDOVER_COPY_DUMPING || g->state == HANDOVER_COPY_DUMPED;
	int flags = (commit ? FLAG_COMMIT : 0) | (source ? FLAG_SOURCE : 0);

	send_to_node(w, node,
		     (struct sim_msg){
			     .kind = HANDOVER_MSG_DECISION,
			     .move = (uint8_t)g->move,
			     .gen = (uint8_t)(source ? g->gen + 1 : g->gen),
			     .flags = (uint8_t)flags,
		     });
}

static void list_row(struct world *w, unsigned int node, const struct reconcile_guest *g)
{
	struct handover_job job = journal_job(w);
	uint64_t arbiter = w->arbiter.on ? w->arbiter.move : 0;
	bool impossible;

	switch (reconcile_guest(&job, arbiter, node + 1, g, &impossible)) {
	case RECONCILE_KEEP:
		break;
	case RECONCILE_ENDED:
	case RECONCILE_ACK:
		exited(w, node, g->gen);
		break;
	case RECONCILE_KILL:
		kill_copy(w, node, g->gen);
		break;
	case RECONCILE_COMMIT:
		decide(w, node, g, true);
		break;
	case RECONCILE_ABORT:
		decide(w, node, g, false);
		break;
	}
	if (impossible)
		sim_complain("reconciliation finds a copy that cannot be");
}

static void guest_list(struct world *w, unsigned int node, struct sim_msg msg)
{
	uint32_t bits = (uint32_t)msg.move | (uint32_t)msg.gen << 8 | (uint32_t)msg.flags << 16;
	struct reconcile_guest guests[SLOTS];
	struct handover_job job = journal_job(w);
	size_t count = 0;

	for (; count < SLOTS && (bits & 0xfff); bits >>= 12)
		guests[count++] = (struct reconcile_guest){
			.job = JOB,
			.gen = bits & 0xf,
			.move = bits >> 4 & 0xf,
			.state = bits >> 8 & 0xf,
		};
	if (reconcile_is_missing(&job, node + 1, guests, count))
		copy_is_gone(w, node, job.gen);
	for (size_t i = 0; i < count; i++)
		list_row(w, node, &guests[i]);
}

void home_message(struct world *w, unsigned int node, struct sim_msg msg)
{
	switch (msg.kind) {
	case SIM_LIST:
		guest_list(w, node, msg);
		return;
	case SIM_EXITED:
		exited(w, node, msg.gen);
		return;
	default:
		break;
	}
	if (w->arbiter.on && w->arbiter.move == msg.move)
		home_event(w, event_of(node, msg));
	else
		unknown_move(w, node, msg);
}

void home_node_dead(struct world *w, unsigned int node)
{
	if (w->arbiter.on)
		home_event(w, (struct handover_event){
				      .kind = HANDOVER_NODE_DEAD,
				      .node = node + 1,
			      });
	else if (w->journal.gen != 0 && w->journal.node == node)
		job_is_over(w);
}

void home_restart(struct world *w)
{
	const struct journal *j = &w->journal;

	memset(&w->arbiter, 0, sizeof(w->arbiter));
	if (j->phase != HANDOVER_PHASE_NONE) {
		w->arbiter = (struct arbiter){
			.on = 1,
			.move = j->ref_move,
			.gen = j->ref_gen,
			.source = j->source,
			.destination = j->destination,
			.over = j->gen == 0,
		};
		home_event(w, (struct handover_event){
				      .kind = HANDOVER_RECOVER,
				      .phase = j->phase,
			      });
	} else {
		home_end_job(w);
	}
}
