/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drain, expel, bring: who asked is told how many jobs are left until none is, or until those that
 * are left cannot go. Copies leave by the balancer's decisions; jobs that come home are moved from
 * here. That the asker goes away changes nothing.
 */
#include "daemon/controls_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/balance.h"
#include "daemon/control.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/links.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define TICK_SECONDS 0.5
#define BRING_AT_ONCE 2u
/* After so many failures a job counts as one that cannot go. */
#define TRIES 3u
#define WAITING_MAX 256u
#define STAYS_MAX 32u
#define LOOKS_MAX 64u /* for what keeps a job, at a time */
/* What keeps jobs is looked up so rarely where there are many nodes. */
#define LOOK_TICKS 4u
#define LOOK_AT_ONCE 64u

/* One that is not leaving, and why. */
struct staying {
	uint64_t job;
	bool held;
	char why[ERR_MAX];
};

struct leaving {
	struct requester who;
	Mosix__RequestOp op;
	bool all;                   /* bring: every user's */
	uint32_t before;            /* jobs at the beginning */
	uint32_t left, told, stuck; /* now; as last told; of those left: cannot go */
	struct staying *stays;      /* STAYS_MAX */
	unsigned int stay_count, ticks;
	uint64_t told_stays; /* what was told of them, hashed */
	struct leaving *next;
};

/* ------------------------------------------------------------------ counting */

static bool is_leaving(const struct leaving *w, const struct guest *g)
{
	if (g->state == MOSIX__GUEST_STATE__GUEST_ENDED || g->leaving)
		return false;
	/* What comes in a move is not here yet. */
	if (g->state == MOSIX__GUEST_STATE__GUEST_RESTORING ||
	    g->state == MOSIX__GUEST_STATE__GUEST_READY)
		return false;
	return w->op == MOSIX__REQUEST_OP__OP_DRAIN || jobid_home(g->key.job) != g->d->config.self;
}

static void note_stays(struct leaving *w, uint64_t job, bool held, const char *why)
{
	struct staying *s = &w->stays[w->stay_count];

	if (w->stay_count == STAYS_MAX)
		return;
	s->job = job;
	s->held = held;
	snprintf(s->why, sizeof(s->why), "%s", why);
	w->stay_count++;
}

static void count_guests(struct mosixd *d, struct leaving *w)
{
	unsigned int looks = 0;
	char why[ERR_MAX];

	for (struct guest *g = guests_first(d); g; g = g->hh.next) {
		bool stuck;

		if (!is_leaving(w, g))
			continue;
		w->left++;
		stuck = balance_is_stuck(g, TRIES, why);
		w->stuck += stuck;
		/* It is asked of every node. */
		if (w->stay_count < STAYS_MAX &&
		    (stuck || (looks++ < LOOKS_MAX && balance_waits(g, why))))
			note_stays(w, g->key.job, stuck, why);
	}
}

static bool is_away(const struct leaving *w, const struct job *j)
{
	return j->state == MOSIX__JOB_STATE__JOB_RUNNING && !j->killed &&
	       j->copy.node != j->d->config.self && (w->all || j->spec->uid == w->who.uid);
}

static void count_jobs(struct mosixd *d, struct leaving *w)
{
	for (struct job *j = jobs_first(d); j; j = j->hh.next) {
		if (!is_away(w, j))
			continue;
		w->left++;
		if (j->bring_tries < TRIES || j->moving || j->wanted)
			continue;
		w->stuck++;
		note_stays(w, j->id, true, j->bring_why);
	}
}

static void count(struct mosixd *d, struct leaving *w)
{
	w->left = w->stuck = w->stay_count = 0;
	if (w->op == MOSIX__REQUEST_OP__OP_BRING)
		count_jobs(d, w);
	else
		count_guests(d, w);
}

/* ------------------------------------------------------------------ answers */

static void fill(Mosix__Reply *m, const struct leaving *w, Mosix__JobStays rows[STAYS_MAX],
		 Mosix__JobStays *list[STAYS_MAX])
{
	m->has_left = m->has_done = true;
	m->left = w->left;
	m->done = w->before > w->left ? w->before - w->left : 0;
	for (unsigned int i = 0; i < w->stay_count; i++) {
		mosix__job_stays__init(&rows[i]);
		rows[i].has_job = rows[i].has_held = true;
		rows[i].job = w->stays[i].job;
		rows[i].held = w->stays[i].held;
		rows[i].text = w->stays[i].why;
		list[i] = &rows[i];
	}
	m->n_stays = w->stay_count;
	m->stays = list;
}

/* FNV-1a: whether they are the same as those that were told. */
static uint64_t stays_hash(const struct leaving *w)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (unsigned int i = 0; i < w->stay_count; i++) {
		h = (h ^ w->stays[i].job) * 0x100000001b3u;
		for (const char *p = w->stays[i].why; *p; p++)
			h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	}
	return h;
}

static void tell_progress(struct mosixd *d, struct leaving *w)
{
	Mosix__JobStays rows[STAYS_MAX], *list[STAYS_MAX];
	Mosix__Reply m = MOSIX__REPLY__INIT;
	uint64_t hash = stays_hash(w);

	if (w->told == w->left && w->told_stays == hash)
		return;
	w->told = w->left;
	w->told_stays = hash;
	fill(&m, w, rows, list);
	m.has_more = m.more = true;
	request_answer(d, &w->who, &m);
}

static void tell_done(struct mosixd *d, struct leaving *w)
{
	Mosix__JobStays rows[STAYS_MAX], *list[STAYS_MAX];
	Mosix__Reply m = MOSIX__REPLY__INIT;
	char text[64];

	fill(&m, w, rows, list);
	if (w->left) {
		snprintf(text, sizeof(text), "%u of the jobs cannot leave where they are", w->left);
		m.text = text;
	}
	request_answer(d, &w->who, &m);
}

static void leaving_free(struct mosixd *d, struct leaving *w)
{
	LL_DELETE(d->controls->waiting, w);
	free(w->stays);
	free(w);
	if (!d->controls->waiting)
		ev_timer_stop(d->loop, &d->controls->timer);
	controls_publish(d);
}

static bool asker_is_gone(struct mosixd *d, const struct leaving *w)
{
	return w->who.client ? !control_find(d, w->who.client) : !w->who.node;
}

/* ------------------------------------------------------------------ bringing home */

static void bring_one(struct job *j)
{
	const struct requester who = {.automatic = true, .bring = true};
	struct err e;

	j->bring_tries++;
	if (move_start(j, nodes_find(j->d, j->d->config.self), &who, &e) >= 0)
		return;
	snprintf(j->bring_why, sizeof(j->bring_why), "%.150s", e.text);
}

static void bring(struct mosixd *d, struct leaving *w)
{
	unsigned int moving = 0;

	for (struct job *j = jobs_first(d); j; j = j->hh.next)
		moving += (j->moving || j->wanted) && is_away(w, j);
	for (struct job *j = jobs_first(d); j && moving < BRING_AT_ONCE; j = j->hh.next) {
		if (!is_away(w, j) || j->moving || j->move || j->wanted || j->bring_tries >= TRIES)
			continue;
		bring_one(j);
		moving++;
	}
}

/* ------------------------------------------------------------------ waiting */

static void step(struct mosixd *d, struct leaving *w)
{
	if (w->op == MOSIX__REQUEST_OP__OP_BRING)
		bring(d, w);
	if (nodes_count(d) > LOOK_AT_ONCE && w->ticks++ % LOOK_TICKS)
		return;
	count(d, w);
	if (w->left == 0 || w->left == w->stuck) {
		tell_done(d, w);
		leaving_free(d, w);
	} else {
		tell_progress(d, w);
		/* The work of a bring is done here and goes on; what a drain does, goes on anyway.
		 */
		if (w->op == MOSIX__REQUEST_OP__OP_DRAIN && asker_is_gone(d, w))
			leaving_free(d, w);
	}
}

static void progress(struct mosixd *d)
{
	struct leaving *w, *next;

	for (w = d->controls->waiting; w; w = next) {
		next = w->next;
		step(d, w);
	}
}

void controls_soon(struct mosixd *d)
{
	struct ev_timer *t = &d->controls->timer;

	if (!d->controls->waiting)
		return;
	ev_timer_stop(d->loop, t);
	ev_timer_set(t, 0.0, TICK_SECONDS);
	ev_timer_start(d->loop, t);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	progress(t->data);
}

static struct leaving *leaving_new(struct mosixd *d, const struct requester *who,
				   const Mosix__Request *m)
{
	struct leaving *w;
	unsigned int n;

	LL_COUNT(d->controls->waiting, w, n);
	w = n < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (w)
		w->stays = calloc(STAYS_MAX, sizeof(*w->stays));
	if (!w || !w->stays) {
		free(w);
		request_fail(d, who, EAGAIN, "Too many wait for jobs to leave; try again");
		return NULL;
	}
	w->who = *who;
	w->op = m->op;
	w->all = m->all && who->uid == 0;
	if (!d->controls->waiting) {
		ev_timer_init(&d->controls->timer, on_timer, TICK_SECONDS, TICK_SECONDS);
		d->controls->timer.data = d;
		ev_timer_start(d->loop, &d->controls->timer);
	}
	LL_APPEND(d->controls->waiting, w);
	return w;
}

void controls_wait(struct mosixd *d, const struct requester *who, const Mosix__Request *m)
{
	struct leaving *w = leaving_new(d, who, m);

	if (!w)
		return;
	for (struct job *j = jobs_first(d); j; j = j->hh.next)
		if (m->op == MOSIX__REQUEST_OP__OP_BRING && is_away(w, j))
			j->bring_tries = 0;
	if (m->op != MOSIX__REQUEST_OP__OP_BRING)
		balance_try_again(d);
	count(d, w);
	w->before = w->left;
	w->told = w->left + 1;
	controls_publish(d);
	balance_soon(d);
	step(d, w);
}

bool controls_expelling(const struct mosixd *d)
{
	struct leaving *w;

	LL_SEARCH_SCALAR(d->controls->waiting, w, op, MOSIX__REQUEST_OP__OP_EXPEL);
	return w != NULL;
}

bool controls_bringing(const struct job *j)
{
	struct leaving *w;

	LL_FOREACH (j->d->controls->waiting, w)
		if (w->op == MOSIX__REQUEST_OP__OP_BRING && (w->all || j->spec->uid == w->who.uid))
			return true;
	return false;
}

void controls_wait_end(struct mosixd *d, Mosix__RequestOp op, const char *why)
{
	struct leaving *w, *next;

	for (w = d->controls->waiting; w; w = next) {
		next = w->next;
		if (w->op != op)
			continue;
		request_fail(d, &w->who, ECANCELED, "%s", why);
		leaving_free(d, w);
	}
}

void controls_node_down(struct node *n)
{
	struct leaving *w;

	LL_FOREACH (n->d->controls->waiting, w)
		if (w->who.node == n->number)
			w->who = (struct requester){.uid = w->who.uid};
}

void controls_mark_nodes(struct mosixd *d)
{
	struct leaving *w;

	LL_FOREACH (d->controls->waiting, w)
		links_mark(d, w->who.node);
}

void controls_wait_free(struct mosixd *d)
{
	struct leaving *w, *next;

	ev_timer_stop(d->loop, &d->controls->timer);
	for (w = d->controls->waiting; w; w = next) {
		next = w->next;
		free(w->stays);
		free(w);
	}
	d->controls->waiting = NULL;
}
