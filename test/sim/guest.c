/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests in the checker. They outlive their daemon, obey it, and never decide; the images go
 * from guest to guest, past the daemons.
 */
#include "test/sim/world.h"
#include <string.h>

static struct copy *copy_at(struct world *w, unsigned int node, unsigned int slot)
{
	return &w->nodes[node].copies[slot];
}

/* An event for the daemon; nobody hears those said between two daemons. */
static void say(struct copy *c, enum handover_guest_event what, unsigned int move)
{
	if (c->connected)
		pipe_push(&c->up, (struct word){.what = (uint8_t)what, .move = (uint8_t)move});
}

/* Tree and guest are gone, with these last words. */
static void leave(struct copy *c, enum handover_guest_event what, unsigned int move)
{
	c->guest = GUEST_GONE;
	c->got = 0;
	memset(&c->down, 0, sizeof(c->down));
	say(c, what, move);
	if (!c->connected)
		memset(c, 0, sizeof(*c));
}

static void begin(struct copy *c, const struct word *word)
{
	if (c->guest != GUEST_RUNNING)
		return;
	c->guest = GUEST_DUMPING;
	c->move = word->move;
}

static void commit(struct copy *c, const struct word *word)
{
	if (c->move != word->move)
		return;
	if (c->guest == GUEST_DUMPED) {
		leave(c, HANDOVER_GUEST_FINISHED, c->move);
	} else if (c->guest == GUEST_READY) {
		c->guest = GUEST_RUNNING;
		c->got = 0;
		say(c, HANDOVER_GUEST_FINISHED, c->move);
	} else {
		sim_complain("a guest is told to commit what it has not voted for");
	}
}

static void abort_move(struct copy *c, const struct word *word)
{
	if (c->move != word->move)
		return;
	switch ((enum guest)c->guest) {
	case GUEST_DUMPING:
	case GUEST_FROZEN:
	case GUEST_SENT:
	case GUEST_DUMPED:
		c->guest = GUEST_RUNNING;
		say(c, HANDOVER_GUEST_FINISHED, c->move);
		break;
	case GUEST_PREPARING:
	case GUEST_RESTORING:
	case GUEST_READY:
		leave(c, HANDOVER_GUEST_FINISHED, c->move);
		break;
	case GUEST_RUNNING: /* it failed and went on before it heard of this */
	case GUEST_ENDED:
	case GUEST_FREE:
	case GUEST_GONE:
		break;
	}
}

/* The guest reads a word of its daemon, even of one that is dead by now. */
bool guest_command(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);
	struct word word;

	if (c->down.count == 0)
		return false;
	word = pipe_pop(&c->down);
	switch (word.what) {
	case HANDOVER_GUEST_BEGIN:
		begin(c, &word);
		break;
	case HANDOVER_GUEST_COMMIT:
		commit(c, &word);
		break;
	case HANDOVER_GUEST_ABORT:
		abort_move(c, &word);
		break;
	case TELL_KILL:
		leave(c, HANDOVER_GUEST_DIED, 0);
		break;
	default:
		break;
	}
	return true;
}

/* What GuestHello says. */
static enum handover_copy reported(const struct copy *c)
{
	switch ((enum guest)c->guest) {
	case GUEST_RUNNING:
		return HANDOVER_COPY_RUNNING;
	case GUEST_DUMPING:
	case GUEST_FROZEN:
	case GUEST_SENT:
		return HANDOVER_COPY_DUMPING;
	case GUEST_DUMPED:
		return HANDOVER_COPY_DUMPED;
	case GUEST_PREPARING:
	case GUEST_RESTORING:
		return HANDOVER_COPY_RESTORING;
	case GUEST_READY:
		return HANDOVER_COPY_READY;
	case GUEST_ENDED:
		return HANDOVER_COPY_ENDED;
	case GUEST_FREE:
	case GUEST_GONE:
		break;
	}
	return HANDOVER_COPY_UNKNOWN;
}

/* It notices that its daemon is gone, leaves unread what that one said, and finds the new one. */
bool guest_hello(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);

	if (!w->nodes[node].up || c->connected || c->guest == GUEST_FREE)
		return false;
	c->connected = 1;
	memset(&c->down, 0, sizeof(c->down));
	pipe_push(&c->up, (struct word){
				  .what = SAY_HELLO,
				  .move = c->move,
				  .state = (uint8_t)reported(c),
			  });
	return true;
}

/* The guest at the other end of the images of @move. */
static struct copy *receiver(struct world *w, unsigned int move)
{
	for (unsigned int i = 0; i < NODES * SLOTS; i++) {
		struct copy *c = copy_at(w, i / SLOTS, i % SLOTS);

		if (c->guest == GUEST_RESTORING && c->move == move)
			return c;
	}
	return NULL;
}

bool guest_progress(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);
	struct copy *other;

	switch ((enum guest)c->guest) {
	case GUEST_DUMPING:
		c->guest = GUEST_FROZEN;
		return true;
	case GUEST_FROZEN:
		other = receiver(w, c->move);
		if (!other)
			return false;
		other->got = 1;
		c->guest = GUEST_SENT;
		return true;
	case GUEST_SENT:
		c->guest = GUEST_DUMPED;
		say(c, HANDOVER_GUEST_DUMPED, c->move);
		return true;
	case GUEST_PREPARING:
		c->guest = GUEST_RESTORING;
		say(c, HANDOVER_GUEST_PREPARED, c->move);
		return true;
	case GUEST_RESTORING:
		if (!c->got)
			return false;
		c->guest = GUEST_READY;
		say(c, HANDOVER_GUEST_READY, c->move);
		return true;
	case GUEST_RUNNING:
	case GUEST_DUMPED:
	case GUEST_READY:
	case GUEST_ENDED:
	case GUEST_FREE:
	case GUEST_GONE:
		break;
	}
	return false;
}

/* A step on the way that nobody votes for. */
bool guest_report(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);

	if (!c->connected || c->up.count > 0 ||
	    (c->guest != GUEST_FROZEN && c->guest != GUEST_RESTORING))
		return false;
	say(c, HANDOVER_GUEST_PROGRESS, c->move);
	return true;
}

/* The worker fails or is killed, before the vote. */
bool guest_fail(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);

	switch ((enum guest)c->guest) {
	case GUEST_DUMPING:
	case GUEST_FROZEN:
	case GUEST_SENT:
		c->guest = GUEST_RUNNING;
		say(c, HANDOVER_GUEST_FAILED, c->move);
		return true;
	case GUEST_PREPARING:
	case GUEST_RESTORING:
		leave(c, HANDOVER_GUEST_FAILED, c->move);
		return true;
	case GUEST_RUNNING:
	case GUEST_DUMPED:
	case GUEST_READY:
	case GUEST_ENDED:
	case GUEST_FREE:
	case GUEST_GONE:
		break;
	}
	return false;
}

bool guest_exit(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);

	if (c->guest != GUEST_RUNNING && c->guest != GUEST_DUMPING)
		return false;
	c->guest = GUEST_ENDED;
	say(c, HANDOVER_GUEST_ENDED, 0);
	return true;
}

/* Would the job have needed this copy, or might it soon? */
bool guest_matters(const struct copy *c)
{
	return c->guest == GUEST_RUNNING || c->guest == GUEST_DUMPING || c->guest == GUEST_FROZEN ||
	       c->guest == GUEST_SENT || c->guest == GUEST_DUMPED || c->guest == GUEST_READY;
}

bool guest_die(struct world *w, unsigned int node, unsigned int slot)
{
	struct copy *c = copy_at(w, node, slot);

	if (c->guest == GUEST_FREE || c->guest == GUEST_GONE)
		return false;
	if (guest_matters(c))
		w->excused = 1;
	leave(c, HANDOVER_GUEST_DIED, 0);
	return true;
}
