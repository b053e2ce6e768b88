/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A node's daemon in the checker: the source and destination machines of the copies that it holds,
 * and what it tells home.
 */
#include "test/sim/world.h"
#include <string.h>

static struct handover_ref ref_of(const struct copy *c)
{
	return (struct handover_ref){
		.move = c->ref_move,
		.job = JOB,
		.gen = c->role == HANDOVER_SOURCE ? c->gen + 1U : c->gen,
	};
}

static void init_machine(struct handover *m, const struct world *w, enum handover_role role,
			 const struct handover_ref *ref, enum handover_copy view)
{
	if (role == HANDOVER_SOURCE)
		handover_source_init(m, w->home + 1U, ref, view);
	else
		handover_destination_init(m, w->home + 1U, ref, view);
}

static void tell(struct copy *c, uint64_t move, unsigned int what)
{
	if (c->guest != GUEST_GONE)
		pipe_push(&c->down, (struct word){.what = (uint8_t)what, .move = (uint8_t)move});
}

/* A new guest, started to restore. */
static struct copy *add_copy(struct world *w, unsigned int node, const struct handover_ref *ref)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct copy *c = &w->nodes[node].copies[i];

		if (c->guest != GUEST_FREE)
			continue;
		*c = (struct copy){
			.guest = GUEST_PREPARING,
			.gen = (uint8_t)ref->gen,
			.move = (uint8_t)ref->move,
			.connected = 1,
			.view = HANDOVER_COPY_RESTORING,
		};
		return c;
	}
	sim_overflow = true;
	return NULL;
}

static struct copy *perform_tell(struct world *w, unsigned int node, const struct handover *m,
				 struct copy *c, enum handover_guest_command command)
{
	if (command == HANDOVER_GUEST_BEGIN && m->role == HANDOVER_DESTINATION)
		return add_copy(w, node, &m->ref);
	tell(c, m->ref.move, command);
	if (command == HANDOVER_GUEST_BEGIN)
		c->view = HANDOVER_COPY_DUMPING;
	return c;
}

/* @c is NULL for a machine made for one message, unless that one makes a copy. */
static void perform(struct world *w, unsigned int node, const struct handover *m, struct copy *c,
		    const struct handover_actions *acts)
{
	uint8_t timer = c ? c->timer : TIMER_OFF;

	for (size_t i = 0; i < acts->count; i++) {
		const struct handover_action *a = &acts->list[i];

		switch (a->kind) {
		case HANDOVER_SEND:
			send_to_home(w, node, msg_of(m, a));
			break;
		case HANDOVER_TELL:
			c = perform_tell(w, node, m, c, a->command);
			break;
		case HANDOVER_TIMER_SET:
			timer = timer_of(a->ms);
			break;
		case HANDOVER_TIMER_CLEAR:
			timer = TIMER_OFF;
			break;
		case HANDOVER_PERSIST:
		case HANDOVER_FORGET:
		case HANDOVER_JOB:
		case HANDOVER_NOTE:
			sim_complain("a participant does what only the arbiter may");
			break;
		}
	}
	if (m->state == HANDOVER_NONE || m->state == HANDOVER_DONE) {
		if (timer != TIMER_OFF)
			sim_complain("a participant leaves its timer behind");
		if (c) {
			c->role = 0;
			c->state = 0;
			c->ref_move = 0;
			c->timer = TIMER_OFF;
		}
	} else if (c) {
		c->role = (uint8_t)m->role;
		c->state = (uint8_t)m->state;
		c->ref_move = (uint8_t)m->ref.move;
		c->timer = timer;
	}
}

/* Gives @ev to the machine that the copy has. */
void node_event(struct world *w, unsigned int node, unsigned int slot, struct handover_event ev)
{
	struct copy *c = &w->nodes[node].copies[slot];
	struct handover_ref ref = ref_of(c);
	struct handover_actions acts;
	struct handover m;

	if (c->role == 0)
		return;
	init_machine(&m, w, c->role, &ref, HANDOVER_COPY_UNKNOWN);
	m.state = c->state;
	if (step_machine(&m, &ev, &acts) == 0)
		perform(w, node, &m, c, &acts);
}

/* What home is told of it. */
static enum handover_copy listed_as(const struct copy *c)
{
	struct handover m = {.role = c->role, .state = c->state};

	return c->role == 0 ? c->view : handover_listed_as(&m);
}

static struct copy *find_copy(struct world *w, unsigned int node, unsigned int gen)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct copy *c = &w->nodes[node].copies[i];

		if (c->guest != GUEST_FREE && c->gen == gen)
			return c;
	}
	return NULL;
}

/* A message about a move that no machine here takes part in. */
static void unknown_move(struct world *w, unsigned int node, enum handover_role role,
			 const struct handover_event *ev)
{
	unsigned int gen = role == HANDOVER_SOURCE ? ev->ref.gen - 1 : ev->ref.gen;
	struct copy *c = find_copy(w, node, gen);
	struct handover_actions acts;
	struct handover m;

	init_machine(&m, w, role, &ev->ref, c ? c->view : HANDOVER_COPY_ABSENT);
	if (step_machine(&m, ev, &acts) != 0)
		return;
	if (m.state == HANDOVER_NONE || m.state == HANDOVER_DONE) {
		c = NULL;
	} else if (c && c->role != 0) {
		sim_complain("a copy takes part in two moves");
		return;
	}
	perform(w, node, &m, c, &acts);
}

static void move_message(struct world *w, unsigned int node, struct sim_msg msg)
{
	struct handover_event ev = event_of(w->home, msg);
	enum handover_role role = HANDOVER_DESTINATION;

	if (msg.kind == HANDOVER_MSG_BEGIN ||
	    (msg.kind == HANDOVER_MSG_DECISION && msg.flags & FLAG_SOURCE))
		role = HANDOVER_SOURCE;
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct copy *c = &w->nodes[node].copies[i];

		if (c->role == (uint8_t)role && c->ref_move == msg.move) {
			node_event(w, node, i, ev);
			return;
		}
	}
	unknown_move(w, node, role, &ev);
}

void node_message(struct world *w, unsigned int node, struct sim_msg msg)
{
	struct copy *c;

	if (msg.kind != SIM_KILL && msg.kind != SIM_ACK) {
		move_message(w, node, msg);
		return;
	}
	c = find_copy(w, node, msg.gen);
	if (!c || c->view == HANDOVER_COPY_UNKNOWN)
		return;
	/* Only a committed copy has this name for itself. */
	if (listed_as(c) == HANDOVER_COPY_RESTORING || listed_as(c) == HANDOVER_COPY_READY)
		return;
	if (msg.kind == SIM_KILL)
		tell(c, 0, TELL_KILL);
	else if (c->view == HANDOVER_COPY_ENDED)
		memset(c, 0, sizeof(*c));
}

static bool all_known(const struct world *w, unsigned int node)
{
	for (size_t i = 0; i < SLOTS; i++) {
		const struct copy *c = &w->nodes[node].copies[i];

		if (c->guest != GUEST_FREE && c->view == HANDOVER_COPY_UNKNOWN)
			return false;
	}
	return true;
}

/* GuestList, if it is due and can be complete. Sooner or later: other messages may go before it. */
bool node_send_list(struct world *w, unsigned int node)
{
	struct node *n = &w->nodes[node];
	uint32_t bits = 0;
	int shift = 0;

	if (!n->list_due || !n->up || !n->node_sees || !all_known(w, node))
		return false;
	n->list_due = 0;
	for (size_t i = 0; i < SLOTS; i++) {
		const struct copy *c = &n->copies[i];

		if (c->guest == GUEST_FREE)
			continue;
		bits |= (c->gen | (uint32_t)c->move << 4 | (uint32_t)listed_as(c) << 8) << shift;
		shift += 12;
	}
	send_to_home(w, node,
		     (struct sim_msg){
			     .kind = SIM_LIST,
			     .move = (uint8_t)bits,
			     .gen = (uint8_t)(bits >> 8),
			     .flags = (uint8_t)(bits >> 16),
		     });
	return true;
}

void node_link(struct world *w, unsigned int node, bool up)
{
	struct handover_event ev = {
		.kind = up ? HANDOVER_LINK_UP : HANDOVER_LINK_DOWN,
		.node = w->home + 1U,
	};

	if (up)
		w->nodes[node].list_due = 1;
	for (unsigned int i = 0; i < SLOTS; i++)
		node_event(w, node, i, ev);
}

static void hello(struct world *w, unsigned int node, unsigned int slot, struct word word)
{
	struct copy *c = &w->nodes[node].copies[slot];

	c->view = word.state;
	switch (word.state) {
	case HANDOVER_COPY_DUMPING:
	case HANDOVER_COPY_DUMPED:
	case HANDOVER_COPY_RESTORING:
	case HANDOVER_COPY_READY: {
		bool source =
			word.state == HANDOVER_COPY_DUMPING || word.state == HANDOVER_COPY_DUMPED;
		struct handover_event ev = {.kind = HANDOVER_RECOVER};
		struct handover_ref ref = {
			.move = word.move,
			.job = JOB,
			.gen = source ? c->gen + 1U : c->gen,
		};
		struct handover_actions acts;
		struct handover m;

		init_machine(&m, w, source ? HANDOVER_SOURCE : HANDOVER_DESTINATION, &ref,
			     word.state);
		step_machine(&m, &ev, &acts);
		perform(w, node, &m, c, &acts);
		break;
	}
	default:
		break;
	}
}

static void send_exited(struct world *w, unsigned int node, const struct copy *c)
{
	send_to_home(w, node, (struct sim_msg){.kind = SIM_EXITED, .gen = c->gen});
}

/* What the daemon believes after an event of the guest. */
static void update_view(struct copy *c, const struct word *word)
{
	switch ((enum handover_guest_event)word->what) {
	case HANDOVER_GUEST_PREPARED:
	case HANDOVER_GUEST_PROGRESS:
		break;
	case HANDOVER_GUEST_DUMPED:
		c->view = HANDOVER_COPY_DUMPED;
		break;
	case HANDOVER_GUEST_READY:
		c->view = HANDOVER_COPY_READY;
		break;
	case HANDOVER_GUEST_FAILED:
	case HANDOVER_GUEST_FINISHED:
		c->view = HANDOVER_COPY_RUNNING;
		break;
	case HANDOVER_GUEST_ENDED:
		c->view = HANDOVER_COPY_ENDED;
		break;
	case HANDOVER_GUEST_DIED:
		break;
	}
}

static bool was_the_job(const struct copy *c)
{
	return c->view == HANDOVER_COPY_RUNNING || c->view == HANDOVER_COPY_DUMPING ||
	       c->view == HANDOVER_COPY_DUMPED;
}

/* The daemon reads a word of its guest. */
void node_guest_word(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = &w->nodes[node].copies[slot];
	struct word word = pipe_pop(&c->up);
	bool last = c->guest == GUEST_GONE && c->up.count == 0;
	bool own = c->role != 0 && (c->ref_move == word.move || word.move == 0);
	bool died = word.what == HANDOVER_GUEST_DIED && was_the_job(c);

	if (word.what == SAY_HELLO) {
		hello(w, node, slot, word);
	} else {
		update_view(c, &word);
		if (own)
			node_event(w, node, slot,
				   (struct handover_event){
					   .kind = HANDOVER_GUEST,
					   .guest = word.what,
				   });
		if (word.what == HANDOVER_GUEST_ENDED || died)
			send_exited(w, node, c);
	}
	if (last) {
		if (c->role != 0)
			sim_complain("a machine outlives its guest");
		memset(c, 0, sizeof(*c));
	}
}

/* The daemon is killed: its machines are gone, the guests stay. */
void node_lost_daemon(struct world *w, unsigned int node)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct copy *c = &w->nodes[node].copies[i];

		c->role = 0;
		c->state = 0;
		c->ref_move = 0;
		c->timer = TIMER_OFF;
		c->view = HANDOVER_COPY_UNKNOWN;
		c->connected = 0;
		memset(&c->up, 0, sizeof(c->up));
		if (c->guest == GUEST_GONE || c->guest == GUEST_FREE)
			memset(c, 0, sizeof(*c));
	}
}
