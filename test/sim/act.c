/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything that can happen next in the checker's cluster: work that gets done, in any order, and
 * faults, as far as the budget goes.
 */
#include "test/sim/world.h"
#include <stdio.h>
#include <string.h>

static bool spend(uint8_t *budget)
{
	if (*budget == 0)
		return false;
	--*budget;
	return true;
}

/* Before the first move, faults show nothing that they would not show later. */
static bool fault(struct world *w)
{
	return w->last_move != 0 && spend(&w->budget.faults);
}

/* Can the daemon of @node handle anything now? */
static bool is_free(const struct world *w, unsigned int node)
{
	return w->nodes[node].up && !(is_local(w, node) && home_is_writing(w));
}

static bool to_home(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (!is_free(w, w->home) || !n->home_sees || n->to_home.count == 0)
		return false;
	home_message(w, node, line_pop(&n->to_home));
	return true;
}

static bool to_node(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (!is_free(w, node) || !n->node_sees || n->to_node.count == 0)
		return false;
	node_message(w, node, line_pop(&n->to_node));
	return true;
}

static bool stale_arrives(struct world *w, unsigned int i)
{
	struct stale s = w->stale[i];
	unsigned int receiver = s.to_home ? w->home : s.node;

	if (!s.used || !is_free(w, receiver))
		return false;
	memset(&w->stale[i], 0, sizeof(w->stale[i]));
	if (s.to_home)
		home_message(w, s.node, s.msg);
	else
		node_message(w, s.node, s.msg);
	return true;
}

/* Saying it once more on top of what is not read yet shows nothing new. */
static bool is_busy(const struct world *w, unsigned int node)
{
	return w->nodes[node].to_home.count + w->nodes[node].to_node.count > 1;
}

static bool home_timer(struct world *w)
{
	const struct arbiter *a = &w->arbiter;

	if (!is_free(w, w->home) || !a->on || a->timer == TIMER_OFF)
		return false;
	if (a->timer == TIMER_GIVE_UP) {
		if (!fault(w))
			return false;
	} else if (is_busy(w, a->source) || is_busy(w, a->destination)) {
		return false;
	}
	w->arbiter.timer = TIMER_OFF;
	home_event(w, (struct handover_event){.kind = HANDOVER_TIMER});
	return true;
}

static bool copy_timer(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = &w->nodes[node].copies[slot];

	if (!is_free(w, node) || c->timer == TIMER_OFF)
		return false;
	if (c->timer == TIMER_GIVE_UP) {
		if (!fault(w))
			return false;
	} else if (is_busy(w, node)) {
		return false;
	}
	c->timer = TIMER_OFF;
	node_event(w, node, slot, (struct handover_event){.kind = HANDOVER_TIMER});
	return true;
}

/* One end notices that the connection is gone. What was on the way to it is lost, but for one
 * message that may turn up later: @keep 1 the first, 2 the last. */
static bool detect(struct world *w, unsigned int node, bool at_home, unsigned int keep)
{
	struct node *n = &w->nodes[node];
	struct line *line = at_home ? &n->to_home : &n->to_node;
	uint8_t *sees = at_home ? &n->home_sees : &n->node_sees;

	if (is_local(w, node) || n->whole || !*sees || !is_free(w, at_home ? w->home : node))
		return false;
	if (keep != 0) {
		if (line->count < keep || w->last_move == 0 || !spend(&w->budget.noise))
			return false;
		stale_add(w, node, at_home, keep == 1 ? line->msg[0] : line->msg[line->count - 1]);
	}
	memset(line, 0, sizeof(*line));
	*sees = 0;
	if (at_home)
		home_event(w, (struct handover_event){
				      .kind = HANDOVER_LINK_DOWN,
				      .node = node + 1,
			      });
	else
		node_link(w, node, false);
	return true;
}

static bool connect_link(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (is_local(w, node) || n->whole || n->home_sees || n->node_sees || !is_free(w, w->home) ||
	    !is_free(w, node))
		return false;
	memset(&n->to_home, 0, sizeof(n->to_home));
	memset(&n->to_node, 0, sizeof(n->to_node));
	n->whole = 1;
	n->home_sees = 1;
	n->node_sees = 1;
	node_link(w, node, true);
	home_event(w, (struct handover_event){.kind = HANDOVER_LINK_UP, .node = node + 1});
	return true;
}

static bool cut(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (is_local(w, node) || !n->whole || !fault(w))
		return false;
	n->whole = 0;
	return true;
}

/* The daemon of @node is killed. What it sent may still arrive; what it did not read is lost. */
static void kill_daemon(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	n->up = 0;
	n->list_due = 0;
	node_lost_daemon(w, node);
	if (!is_local(w, node)) {
		n->whole = 0;
		n->node_sees = 0;
		memset(&n->to_node, 0, sizeof(n->to_node));
		return;
	}
	memset(&w->arbiter, 0, sizeof(w->arbiter));
	memset(&n->to_node, 0, sizeof(n->to_node));
	for (unsigned int i = 0; i < NODES; i++) {
		memset(&w->nodes[i].to_home, 0, sizeof(w->nodes[i].to_home));
		if (is_local(w, i))
			continue;
		w->nodes[i].whole = 0;
		w->nodes[i].home_sees = 0;
	}
}

static bool crash(struct world *w, unsigned int node)
{
	if (!w->nodes[node].up || !fault(w))
		return false;
	kill_daemon(w, node);
	return true;
}

/* Home's daemon is killed when it has done @count of the things that a message asks for. */
static bool interrupt(struct world *w, unsigned int node, int count)
{
	struct world next = *w;

	if (!fault(&next))
		return false;
	sim_interrupt = count;
	if (!to_home(&next, node) || sim_interrupt != 0) {
		sim_interrupt = -1;
		return false;
	}
	sim_interrupt = -1;
	kill_daemon(&next, next.home);
	*w = next;
	return true;
}

/* The whole node falls over; at home that takes the deputy with it. */
static bool power(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (!fault(w))
		return false;
	for (size_t i = 0; i < SLOTS; i++)
		if (guest_matters(&n->copies[i]))
			w->excused = 1;
	if (n->up)
		kill_daemon(w, node);
	memset(n->copies, 0, sizeof(n->copies));
	if (is_local(w, node)) {
		w->must_end = 1;
		w->excused = 1;
	}
	return true;
}

static bool restart(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (n->up)
		return false;
	n->up = 1;
	if (is_local(w, node)) {
		n->list_due = 1;
		home_restart(w);
	}
	return true;
}

static bool start_move(struct world *w, unsigned int destination)
{
	const struct journal *j = &w->journal;

	if (!is_free(w, w->home) || w->arbiter.on || j->gen == 0 || w->must_end ||
	    !w->nodes[j->node].home_sees || !w->nodes[destination].home_sees ||
	    !spend(&w->budget.moves))
		return false;
	home_start(w, destination);
	return true;
}

static bool dead(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];

	if (is_local(w, node) || n->home_sees || !is_free(w, w->home) || !fault(w))
		return false;
	for (size_t i = 0; i < SLOTS; i++)
		if (guest_matters(&n->copies[i]))
			w->excused = 1;
	home_node_dead(w, node);
	return true;
}

static bool deputy_dies(struct world *w)
{
	if (w->must_end || !is_free(w, w->home) || !spend(&w->budget.ends))
		return false;
	w->must_end = 1;
	w->excused = 1;
	if (w->arbiter.on)
		home_event(w, (struct handover_event){.kind = HANDOVER_ABORT});
	/* Either there is no move, or the job is known to run behind it. */
	if (!w->arbiter.on || w->arbiter.state == ARBITER_KILLING)
		home_end_job(w);
	return true;
}

static bool twice(struct world *w, unsigned int node, bool at_home)
{
	const struct line *line = at_home ? &w->nodes[node].to_home : &w->nodes[node].to_node;

	if (is_local(w, node) || line->count == 0 || w->last_move == 0 || !spend(&w->budget.noise))
		return false;
	stale_add(w, node, at_home, line->msg[0]);
	return true;
}

static bool persisted(struct world *w, bool ok)
{
	if (!w->nodes[w->home].up || !home_is_writing(w))
		return false;
	if (!ok && !fault(w))
		return false;
	home_persisted(w, ok);
	return true;
}

static bool faulty(struct world *w, bool (*what)(struct world *, unsigned int, unsigned int),
		   uint8_t *budget, struct act act)
{
	return w->last_move != 0 && *budget > 0 && what(w, act.node, act.what) && spend(budget);
}

static bool give_up(struct world *w)
{
	if (!w->arbiter.on || !is_free(w, w->home) || !fault(w))
		return false;
	home_event(w, (struct handover_event){.kind = HANDOVER_ABORT});
	return true;
}

static bool read_word(struct world *w, struct act act)
{
	const struct copy *c = &w->nodes[act.node].copies[act.what];

	if (!is_free(w, act.node) || c->up.count == 0)
		return false;
	node_guest_word(w, act.node, act.what);
	return true;
}

/* False: it cannot happen now, and nothing has changed. */
bool act_do(struct world *w, struct act act)
{
	switch ((enum act_kind)act.kind) {
	case ACT_TO_HOME:
		return to_home(w, act.node);
	case ACT_TO_NODE:
		return to_node(w, act.node);
	case ACT_STALE:
		return stale_arrives(w, act.what);
	case ACT_WORD:
		return read_word(w, act);
	case ACT_COMMAND:
		return guest_command(w, act.node, act.what);
	case ACT_LIST:
		return is_free(w, act.node) && node_send_list(w, act.node);
	case ACT_HELLO:
		return guest_hello(w, act.node, act.what);
	case ACT_PROGRESS:
		return guest_progress(w, act.node, act.what);
	case ACT_PERSISTED:
		return persisted(w, true);
	case ACT_HOME_TIMER:
		return home_timer(w);
	case ACT_TIMER:
		return copy_timer(w, act.node, act.what);
	case ACT_DETECT_HOME:
		return detect(w, act.node, true, act.what);
	case ACT_DETECT_NODE:
		return detect(w, act.node, false, act.what);
	case ACT_CONNECT:
		return connect_link(w, act.node);
	case ACT_RESTART:
		return restart(w, act.node);
	case ACT_START:
		return start_move(w, act.node);
	case ACT_FAIL:
		return faulty(w, guest_fail, &w->budget.faults, act);
	case ACT_EXIT:
		if (!faulty(w, guest_exit, &w->budget.ends, act))
			return false;
		w->excused = 1;
		return true;
	case ACT_DIE:
		return faulty(w, guest_die, &w->budget.faults, act);
	case ACT_GIVE_UP:
		return give_up(w);
	case ACT_KILL:
		return deputy_dies(w);
	case ACT_NOT_PERSISTED:
		return persisted(w, false);
	case ACT_CUT:
		return cut(w, act.node);
	case ACT_CRASH:
		return crash(w, act.node);
	case ACT_INTERRUPT:
		return interrupt(w, act.node, act.what + 1);
	case ACT_POWER:
		return power(w, act.node);
	case ACT_DEAD:
		return dead(w, act.node);
	case ACT_TWICE:
		return twice(w, act.node, act.what);
	case ACT_REPORT:
		return faulty(w, guest_report, &w->budget.noise, act);
	case ACT_KINDS:
		break;
	}
	return false;
}

/* What gets done without any fault, in the order of preference: whoever can work does, and only
 * when nobody can, time passes. */
bool act_work(struct world *w)
{
	static const enum act_kind order[] = {
		ACT_RESTART, ACT_DETECT_HOME, ACT_DETECT_NODE, ACT_PERSISTED, ACT_LIST,
		ACT_HELLO,   ACT_WORD,        ACT_COMMAND,     ACT_CONNECT,   ACT_STALE,
		ACT_TO_NODE, ACT_TO_HOME,     ACT_PROGRESS,
	};

	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (uint8_t node = 0; node < NODES; node++)
			for (uint8_t what = 0; what < SLOTS; what++)
				if (act_do(w, (struct act){(uint8_t)order[k], node, what}))
					return true;
	return false;
}

enum scope { ONCE, EACH_NODE, EACH_SLOT, EACH_STALE };

/* By kind: what it is about, and how many ways there are to do it. */
static const struct {
	const char *name;
	enum scope scope;
	uint8_t ways;
} kinds[ACT_KINDS] = {
	[ACT_TO_HOME] = {"home reads a message of", EACH_NODE, 1},
	[ACT_TO_NODE] = {"a message of home is read by", EACH_NODE, 1},
	[ACT_STALE] = {"a stale message arrives", EACH_STALE, 1},
	[ACT_WORD] = {"daemon reads a word of its guest:", EACH_SLOT, 1},
	[ACT_COMMAND] = {"guest reads a word of its daemon:", EACH_SLOT, 1},
	[ACT_LIST] = {"GuestList is sent by", EACH_NODE, 1},
	[ACT_HELLO] = {"guest finds the new daemon:", EACH_SLOT, 1},
	[ACT_PROGRESS] = {"guest gets on:", EACH_SLOT, 1},
	[ACT_PERSISTED] = {"the journal is written", ONCE, 1},
	[ACT_HOME_TIMER] = {"the arbiter's timer fires", ONCE, 1},
	[ACT_TIMER] = {"timer fires:", EACH_SLOT, 1},
	[ACT_DETECT_HOME] = {"home sees that the link is cut:", EACH_NODE, 3},
	[ACT_DETECT_NODE] = {"the link is seen to be cut by", EACH_NODE, 3},
	[ACT_CONNECT] = {"link comes up:", EACH_NODE, 1},
	[ACT_RESTART] = {"daemon is restarted:", EACH_NODE, 1},
	[ACT_START] = {"a move is wanted to", EACH_NODE, 1},
	[ACT_FAIL] = {"dump or restore fails:", EACH_SLOT, 1},
	[ACT_EXIT] = {"the job exits:", EACH_SLOT, 1},
	[ACT_DIE] = {"guest is killed:", EACH_SLOT, 1},
	[ACT_GIVE_UP] = {"the user gives the move up", ONCE, 1},
	[ACT_KILL] = {"the deputy dies", ONCE, 1},
	[ACT_NOT_PERSISTED] = {"the journal cannot be written", ONCE, 1},
	[ACT_CUT] = {"link is cut:", EACH_NODE, 1},
	[ACT_CRASH] = {"daemon is killed:", EACH_NODE, 1},
	[ACT_INTERRUPT] = {"home's daemon is killed in a message of", EACH_NODE, 4},
	[ACT_POWER] = {"node loses power:", EACH_NODE, 1},
	[ACT_DEAD] = {"node is declared dead:", EACH_NODE, 1},
	[ACT_REPORT] = {"guest reports progress:", EACH_SLOT, 1},
	[ACT_TWICE] = {"the next message will come twice:", EACH_NODE, 2},
};

size_t act_list(struct act ret[ACTS_MAX])
{
	size_t count = 0;

	for (uint8_t kind = 0; kind < ACT_KINDS; kind++) {
		uint8_t nodes = kinds[kind].scope == EACH_NODE || kinds[kind].scope == EACH_SLOT
					? NODES
					: 1;
		uint8_t ways = kinds[kind].ways;

		if (kinds[kind].scope == EACH_SLOT)
			ways = SLOTS;
		else if (kinds[kind].scope == EACH_STALE)
			ways = STALE;
		for (uint8_t node = 0; node < nodes; node++)
			for (uint8_t what = 0; what < ways; what++)
				ret[count++] = (struct act){kind, node, what};
	}
	return count;
}

void act_print(struct act act)
{
	printf("%s", kinds[act.kind].name);
	if (kinds[act.kind].scope == EACH_NODE || kinds[act.kind].scope == EACH_SLOT)
		printf(" n%d", act.node + 1);
	if (kinds[act.kind].scope == EACH_SLOT || kinds[act.kind].ways > 1)
		printf(" (%d)", act.what);
	printf("\n");
}
