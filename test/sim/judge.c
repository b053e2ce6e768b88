/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be true of the checker's cluster at any moment, and after it has come to rest.
 */
#include "test/sim/world.h"
#include <stdio.h>
#include <string.h>

#define REST_STEPS 600

static bool is_thawed(const struct copy *c)
{
	return c->guest == GUEST_RUNNING || c->guest == GUEST_DUMPING;
}

static void judge_copy(const struct world *w, unsigned int node, const struct copy *c)
{
	if (!is_thawed(c) || w->journal.gen == 0)
		return;
	if (c->gen > w->journal.gen)
		sim_complain("a copy runs that was never committed");
	if (c->gen == w->journal.gen && node != w->journal.node)
		sim_complain("a copy runs where the journal does not have it");
}

void judge_state(const struct world *w)
{
	unsigned int thawed = 0, whole = 0;

	for (unsigned int i = 0; i < NODES * SLOTS; i++) {
		const struct copy *c = &w->nodes[i / SLOTS].copies[i % SLOTS];

		thawed += is_thawed(c);
		whole += guest_matters(c);
		judge_copy(w, i / SLOTS, c);
	}
	if (thawed > 1)
		sim_complain("two copies run");
	if (whole == 0 && !w->excused)
		sim_complain("no copy is left");
}

static bool has_timer(const struct world *w)
{
	if (w->arbiter.timer != TIMER_OFF)
		return true;
	for (unsigned int i = 0; i < NODES * SLOTS; i++)
		if (w->nodes[i / SLOTS].copies[i % SLOTS].timer != TIMER_OFF)
			return true;
	return false;
}

/* A second passes, or, if @long_enough, as much as it takes to give up. */
static void wait_a_while(struct world *w, bool long_enough)
{
	uint8_t faults = long_enough ? 1 : 0;

	w->budget.faults = faults;
	act_do(w, (struct act){ACT_HOME_TIMER, 0, 0});
	for (uint8_t i = 0; i < NODES * SLOTS; i++) {
		w->budget.faults = faults;
		act_do(w, (struct act){ACT_TIMER, i / SLOTS, i % SLOTS});
	}
	w->budget.faults = 0;
}

static void judge_end(const struct world *w)
{
	unsigned int running = 0, others = 0;

	for (unsigned int i = 0; i < NODES * SLOTS; i++) {
		const struct copy *c = &w->nodes[i / SLOTS].copies[i % SLOTS];

		if (c->guest == GUEST_RUNNING && i / SLOTS == w->journal.node &&
		    c->gen == w->journal.gen)
			running++;
		else if (c->guest != GUEST_FREE)
			others++;
		if (c->role != 0)
			sim_complain("at rest, a machine is left");
	}
	if (w->arbiter.on || w->journal.phase != HANDOVER_PHASE_NONE)
		sim_complain("at rest, a move is left");
	if (others > 0)
		sim_complain("at rest, a copy is left that is not the job's");
	if (w->journal.gen == 0 && !w->excused)
		sim_complain("at rest, the job is over without a reason");
	if (w->journal.gen != 0 && running != 1)
		sim_complain("at rest, the job does not run");
	if (w->must_end && w->journal.gen != 0)
		sim_complain("at rest, the job lives without its deputy");
}

/* Worlds that are known to come to rest. Most ways there soon meet one of an earlier way. */
static uint64_t rested[1 << 20];

void judge_forget(void)
{
	memset(rested, 0, sizeof(rested));
}

static uint64_t *place(uint64_t hash)
{
	return &rested[hash & (sizeof(rested) / sizeof(rested[0]) - 1)];
}

static void remember_way(const uint64_t *way, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*place(way[i]) = way[i];
}

void judge_rest(struct world w, bool verbose)
{
	uint64_t way[REST_STEPS];
	unsigned int waits = 0;
	unsigned int steps;

	memset(&w.budget, 0, sizeof(w.budget));
	sim_overflow = false;
	for (steps = 0; !sim_violation; steps++) {
		if (steps == REST_STEPS) {
			sim_complain("it does not come to rest");
			break;
		}
		way[steps] = world_hash(&w);
		if (!verbose && *place(way[steps]) == way[steps]) {
			remember_way(way, steps);
			return;
		}
		if (!act_work(&w)) {
			if (!has_timer(&w))
				break;
			wait_a_while(&w, ++waits % 4 == 0);
		}
		judge_state(&w);
	}
	if (sim_overflow)
		sim_complain("a queue runs full on the way to rest");
	judge_end(&w);
	if (!sim_violation)
		remember_way(way, steps);
	if (verbose)
		world_print(&w);
}

static void print_line(const char *name, const struct line *l)
{
	if (l->count == 0)
		return;
	printf("    %s:", name);
	for (size_t i = 0; i < l->count; i++) {
		const struct sim_msg *m = &l->msg[i];

		if (m->kind >= HANDOVER_MSG_PREPARE)
			printf(" %s(move %d gen %d%s%s)", handover_msg_name(m->kind), m->move,
			       m->gen, m->flags & FLAG_COMMIT ? " commit" : "",
			       m->flags & FLAG_SOURCE ? " source" : "");
		else if (m->kind == SIM_LIST)
			printf(" list(%02x%02x%02x)", m->flags, m->gen, m->move);
		else
			printf(" %s(gen %d)",
			       m->kind == SIM_EXITED ? "exited"
			       : m->kind == SIM_ACK  ? "ack"
						     : "kill",
			       m->gen);
	}
	printf("\n");
}

static void print_copy(const struct copy *c)
{
	static const char *const guests[] = {"free",  "RUNNING", "DUMPING",   "FROZEN",
					     "SENT",  "DUMPED",  "PREPARING", "RESTORING",
					     "READY", "ENDED",   "gone"};

	printf("    gen %d %s move %d%s, believed %d", c->gen, guests[c->guest], c->move,
	       c->connected ? "" : " (alone)", c->view);
	if (c->role != 0)
		printf(", %s of move %d: %s", handover_role_name(c->role), c->ref_move,
		       handover_state_name(c->role, c->state));
	for (size_t i = 0; i < c->up.count; i++)
		printf(" says %d/%d", c->up.word[i].what, c->up.word[i].move);
	for (size_t i = 0; i < c->down.count; i++)
		printf(" hears %d/%d", c->down.word[i].what, c->down.word[i].move);
	printf("\n");
}

void world_print(const struct world *w)
{
	const struct journal *j = &w->journal;

	printf("  job gen %d at n%d by move %d, record phase %d move %d%s\n", j->gen, j->node + 1,
	       j->move, j->phase, j->ref_move, w->must_end ? ", deputy dead" : "");
	if (w->arbiter.on)
		printf("  arbiter: %s of move %d, n%d to n%d\n",
		       handover_state_name(HANDOVER_ARBITER, w->arbiter.state), w->arbiter.move,
		       w->arbiter.source + 1, w->arbiter.destination + 1);
	for (size_t i = 0; i < STALE; i++)
		if (w->stale[i].used)
			printf("  stale %s n%d: %s(move %d)\n", w->stale[i].to_home ? "from" : "to",
			       w->stale[i].node + 1, handover_msg_name(w->stale[i].msg.kind),
			       w->stale[i].msg.move);
	for (unsigned int i = 0; i < NODES; i++) {
		const struct node *n = &w->nodes[i];

		printf("  n%u%s%s%s\n", i + 1, i == w->home ? " (home)" : "", n->up ? "" : " down",
		       n->whole ? "" : " link cut");
		for (size_t k = 0; k < SLOTS; k++)
			if (n->copies[k].guest != GUEST_FREE)
				print_copy(&n->copies[k]);
		print_line("to node", &n->to_node);
		print_line("to home", &n->to_home);
	}
}
