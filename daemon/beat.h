/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The beat: what is done once a second is done at the same moment, so that an idle node wakes up as
 * seldom as possible; and at the same moment of the wall clock, so that what all nodes send once a
 * second arrives together where their clocks agree. Nothing depends on their doing so. Gossip and
 * decisions are left out: nodes that act in the same moment do not know of each other.
 */
#ifndef MOSIX_DAEMON_BEAT_H
#define MOSIX_DAEMON_BEAT_H

#include <ev.h>

#define BEAT_SECONDS 1.0

typedef void (*beat_fn)(struct ev_loop *loop, struct ev_periodic *w, int revents);

/* @data becomes w->data. Stopped with ev_periodic_stop(). */
static inline void beat_start(struct ev_loop *loop, struct ev_periodic *w, beat_fn fn, void *data)
{
	ev_periodic_init(w, fn, 0.0, BEAT_SECONDS, NULL);
	w->data = data;
	ev_periodic_start(loop, w);
}

#endif
