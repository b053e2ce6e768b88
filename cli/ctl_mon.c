/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl mon: joins picture and keys (cli/mon.h) to terminal and daemon. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "cli/live.h"
#include "cli/mon.h"
#include "cli/screen.h"
#include "common/cleanup.h"
#include "common/msg.h"
#include <unistd.h>

struct monitor {
	struct live live;
	struct mon mon;
	struct grid grid;
	struct mon_action doing; /* while live.action is busy */
};

static void start_action(struct monitor *x, const struct mon_action *a)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct err e = {0};
	char text[128];

	q.has_op = true;
	q.op = a->op;
	q.has_job = a->job != 0;
	q.job = a->job;
	q.has_signal = a->signal != 0;
	q.signal = a->signal;
	q.node = a->node[0] ? (char *)a->node : NULL;
	mon_action_text(&x->doing, text, sizeof(text));
	if (x->live.action.busy) {
		mon_say(&x->mon, true, "%s is still going on: wait for it", text);
		return;
	}
	x->doing = *a;
	mon_action_text(a, text, sizeof(text));
	if (asker_ask(&x->live.action, &q, &e) < 0)
		mon_say(&x->mon, true, "%s", e.text);
	else
		mon_say(&x->mon, false, "%s ...", text);
}

static void take_answer(struct monitor *x, const Mosix__Reply *m)
{
	struct err e = {0};
	char text[128];

	mon_action_text(&x->doing, text, sizeof(text));
	live_hurry(&x->live);
	if (client_error(m, &e) < 0) {
		mon_say(&x->mon, true, "%s: %s", text, e.text);
	} else if (m->has_left) {
		mon_say(&x->mon, false, "%s: %u jobs have to leave", text, m->left);
		/* The display shows how it goes on. */
		asker_forget(&x->live.action);
	} else if (m->more) {
		mon_say(&x->mon, false, "%s: %s", text, m->text ? m->text : "...");
	} else if (m->text && *m->text) {
		mon_say(&x->mon, false, "%s: %s", text, m->text);
	} else if (m->has_total_usec) {
		mon_say(&x->mon, false, "%s: done, in %s", text, human_usec(m->total_usec).s);
	} else {
		mon_say(&x->mon, false, "%s: done", text);
	}
}

static void take_keys(struct monitor *x)
{
	struct mon_action a;
	int key;

	while (!x->mon.quit && (key = screen_key()) != SCREEN_NONE) {
		bool jobs = x->mon.view == MON_JOBS;

		if (mon_key(&x->mon, key, &a))
			start_action(x, &a);
		/* The jobs are asked for only while they are seen. */
		x->live.wants_jobs = x->mon.view == MON_JOBS;
		if (x->live.wants_jobs && !jobs)
			live_hurry(&x->live);
	}
}

static int draw(struct monitor *x)
{
	int r = screen_reset(&x->grid);

	x->mon.nodes = x->live.nodes;
	x->mon.jobs = x->live.jobs;
	x->mon.problem = x->live.problem.text;
	if (r == 0)
		r = mon_draw(&x->mon, &x->grid);
	if (r == 0)
		screen_show(&x->grid);
	return r;
}

static int loop(struct monitor *x)
{
	int r = 0;

	while (!x->mon.quit && !screen_stopped() && r == 0) {
		_cleanup_(msg_freep) Mosix__Reply *answer = NULL;

		live_wait(&x->live, STDIN_FILENO, &answer);
		if (answer)
			take_answer(x, answer);
		/* What keys select is looked up in what is there now. */
		x->mon.nodes = x->live.nodes;
		x->mon.jobs = x->live.jobs;
		take_keys(x);
		r = draw(x);
	}
	return r;
}

int ctl_mon(struct ctl *ctl)
{
	struct monitor x = {0};
	struct err e = {0};
	int ms = 1000, r;

	if (ctl->argc)
		return ctl_usage("mon takes no argument");
	r = ctl_seconds(ctl->delay, &ms);
	/* Says why there is no daemon before there is a screen. */
	if (!r)
		r = ctl_connect(ctl);
	if (r)
		return r;
	live_init(&x.live, ms);
	x.live.all = geteuid() == 0;
	mon_init(&x.mon);
	r = screen_start(ctl->ascii, &e);
	if (r < 0)
		return ctl_fail(CTL_FAILED, &e);
	r = loop(&x);
	screen_stop();
	live_done(&x.live);
	grid_done(&x.grid);
	if (r < 0)
		return ctl_fail(CTL_FAILED, (err_sys(&e, r, "cannot draw"), &e));
	return CTL_OK;
}
