/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues and links of the checker's cluster, and the way between its bytes and the machines'
 * structures. Nodes count from 0 here, from 1 in the machines.
 */
#include "test/sim/world.h"
#include "policy/handover_table.h"
#include <stdio.h>
#include <string.h>

const char *sim_violation;
bool sim_overflow;
int sim_interrupt = -1;
uint8_t sim_rows[3][64];

void sim_complain(const char *what)
{
	if (!sim_violation)
		sim_violation = what;
}

void world_init(struct world *w, unsigned int home, unsigned int start)
{
	memset(w, 0, sizeof(*w));
	w->home = (uint8_t)home;
	w->journal.gen = 1;
	w->journal.node = (uint8_t)start;
	for (unsigned int i = 0; i < NODES; i++) {
		w->nodes[i].up = 1;
		w->nodes[i].whole = 1;
		w->nodes[i].home_sees = 1;
		w->nodes[i].node_sees = 1;
	}
	w->nodes[start].copies[0] = (struct copy){
		.guest = GUEST_RUNNING,
		.gen = 1,
		.connected = 1,
		.view = HANDOVER_COPY_RUNNING,
	};
}

uint64_t world_hash(const struct world *w)
{
	const unsigned char *p = (const unsigned char *)w;
	uint64_t h = 0x9e3779b97f4a7c15, word;

	for (size_t i = 0; i < sizeof(*w); i += sizeof(word)) {
		size_t n = sizeof(*w) - i < sizeof(word) ? sizeof(*w) - i : sizeof(word);

		word = 0;
		memcpy(&word, p + i, n);
		h = (h ^ word) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	h *= 0xc4ceb9fe1a85ec53;
	h ^= h >> 29;
	return h ? h : 1;
}

void line_push(struct line *l, struct sim_msg msg)
{
	if (l->count == LINE) {
		sim_overflow = true;
		return;
	}
	l->msg[l->count++] = msg;
}

struct sim_msg line_pop(struct line *l)
{
	struct sim_msg msg = l->msg[0];

	l->count--;
	memmove(l->msg, l->msg + 1, l->count * sizeof(l->msg[0]));
	memset(&l->msg[l->count], 0, sizeof(l->msg[0]));
	return msg;
}

void pipe_push(struct pipe *p, struct word word)
{
	if (p->count == PIPE) {
		sim_overflow = true;
		return;
	}
	p->word[p->count++] = word;
}

struct word pipe_pop(struct pipe *p)
{
	struct word word = p->word[0];

	p->count--;
	memmove(p->word, p->word + 1, p->count * sizeof(p->word[0]));
	memset(&p->word[p->count], 0, sizeof(p->word[0]));
	return word;
}

void stale_add(struct world *w, unsigned int node, bool to_home, struct sim_msg msg)
{
	/* A list is what a connection begins with: one of an old connection is not looked at. */
	if (msg.kind == SIM_LIST)
		return;
	for (size_t i = 0; i < STALE; i++) {
		if (w->stale[i].used)
			continue;
		w->stale[i] = (struct stale){
			.used = 1,
			.node = (uint8_t)node,
			.to_home = to_home,
			.msg = msg,
		};
		return;
	}
	sim_overflow = true;
}

bool is_local(const struct world *w, unsigned int node)
{
	return node == w->home;
}

void send_to_node(struct world *w, unsigned int node, struct sim_msg msg)
{
	struct node *n = &w->nodes[node];

	if (n->home_sees && n->whole)
		line_push(&n->to_node, msg);
}

void send_to_home(struct world *w, unsigned int node, struct sim_msg msg)
{
	struct node *n = &w->nodes[node];

	if (n->node_sees && n->whole)
		line_push(&n->to_home, msg);
}

/* Notes which row is taken. */
int step_machine(struct handover *m, const struct handover_event *ev, struct handover_actions *acts)
{
	const struct handover_row *row = handover_find(m, ev);

	if (row)
		sim_rows[m->role][row - handover_table(m->role)->rows] = 1;
	return handover_step(m, ev, acts);
}

struct sim_msg msg_of(const struct handover *m, const struct handover_action *a)
{
	uint8_t flags = 0;

	if (a->commit)
		flags |= FLAG_COMMIT;
	if (a->source)
		flags |= FLAG_SOURCE;
	if (a->refused)
		flags |= FLAG_REFUSED;
	return (struct sim_msg){
		.kind = (uint8_t)a->msg,
		.move = (uint8_t)m->ref.move,
		.gen = (uint8_t)m->ref.gen,
		.flags = flags,
	};
}

struct handover_event event_of(unsigned int from, struct sim_msg msg)
{
	return (struct handover_event){
		.kind = HANDOVER_MESSAGE,
		.node = from + 1,
		.msg = msg.kind,
		.ref = {.move = msg.move, .job = JOB, .gen = msg.gen},
		.commit = msg.flags & FLAG_COMMIT,
		.source = msg.flags & FLAG_SOURCE,
		.refused = msg.flags & FLAG_REFUSED,
	};
}

uint8_t timer_of(uint32_t ms)
{
	return ms == HANDOVER_RETRY_MS ? TIMER_RETRY : TIMER_GIVE_UP;
}
