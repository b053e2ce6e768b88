/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves that are to start when something has happened: when an earlier move of the job is quite
 * over, or when there is a link to a node that has none yet.
 */
#include "daemon/move_priv.h"

#include "common/jobid.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WANTED_SECONDS 15.0

struct wanted {
	struct job *job;
	uint32_t target;
	uint32_t link; /* the node to which it waits for a link; 0 = for the end of a move */
	struct requester who;
	struct ev_timer timer;
};

static void wanted_free(struct wanted *w)
{
	w->job->wanted = NULL;
	ev_timer_stop(w->job->d->loop, &w->timer);
	free(w);
}

static void fail(struct job *j, const struct requester *who, int error, const char *text)
{
	if (who->automatic)
		move_asked_refused(j, who, error, text);
	else
		request_fail(j->d, who, error, "%s", text);
}

void move_want_end(struct job *j, int error, const char *fmt, ...)
{
	struct requester who = j->wanted->who;
	char text[ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wanted_free(j->wanted);
	fail(j, &who, error, text);
}

void move_unwanted(struct job *j)
{
	if (j->wanted)
		move_want_end(j, ESRCH, "Job %s has ended", jobid_str(j->id).s);
}

bool move_wanted_is_automatic(const struct job *j)
{
	return j->wanted->who.automatic;
}

static void no_link(struct job *j, const struct node *n)
{
	move_want_end(j, EHOSTUNREACH,
		      "There is no link to %s%s%.300s (mosixctl nodes shows what can be reached)",
		      node_title(j->d, n->number), n->problem[0] ? ": " : "", n->problem);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	struct wanted *w = t->data;
	struct job *j = w->job;
	const struct node *n = nodes_find(j->d, w->link);

	(void)loop;
	(void)revents;
	if (n)
		no_link(j, n);
	else
		move_want_end(j, EBUSY,
			      "The last move of job %s is not over: %s does not say that its copy "
			      "is gone",
			      jobid_str(j->id).s,
			      node_title(j->d, j->move ? j->move->m.source : 0));
}

int move_want(struct job *j, const struct node *target, const struct requester *who,
	      struct node *link, struct err *e)
{
	struct wanted *w = calloc(1, sizeof(*w));

	if (!w)
		return err_sys(e, -ENOMEM, "Cannot start the move");
	w->job = j;
	w->target = target->number;
	w->link = link ? link->number : 0;
	w->who = *who;
	ev_timer_init(&w->timer, on_timer, WANTED_SECONDS, 0.0);
	w->timer.data = w;
	ev_timer_start(j->d->loop, &w->timer);
	j->wanted = w;
	if (link)
		link_make(link);
	return 0;
}

static void answer_there(struct job *j, const struct requester *who)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	if (who->automatic) {
		move_asked_refused(j, who, ESTALE, "It is there already");
		return;
	}
	m.text = (char *)"It is there already";
	request_answer(j->d, who, &m);
}

void move_start_wanted(struct job *j)
{
	struct requester who;
	struct node *target;
	struct err e;
	int r;

	if (!j->wanted)
		return;
	who = j->wanted->who;
	target = nodes_find(j->d, j->wanted->target);
	wanted_free(j->wanted);
	if (target && target->number == j->copy.node && !j->move) {
		answer_there(j, &who);
		return;
	}
	r = target ? move_start(j, target, &who, &e) : err_set(&e, -ENOENT, "The node is gone");
	if (r < 0)
		fail(j, &who, -r, e.text);
}

static bool waits_for(const struct job *j, const struct node *n)
{
	return j->wanted && j->wanted->link == n->number;
}

void moves_link_up(struct node *n)
{
	struct job *j, *next;

	for (j = jobs_first(n->d); j; j = next) {
		next = j->hh.next;
		if (waits_for(j, n))
			move_start_wanted(j);
	}
}

void moves_link_failed(struct node *n)
{
	struct job *j, *next;

	for (j = jobs_first(n->d); j; j = next) {
		next = j->hh.next;
		if (waits_for(j, n))
			no_link(j, n);
	}
}
