/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a copy. Nothing of it may be left running when its home hears of the end: the
 * control group is killed first and must be empty and removed.
 */
#include "daemon/guests_priv.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/load.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_SECONDS 0.02
/* A process that lives is given longer: the machine may be busy. */
#define BACK_SECONDS_ALIVE 15.0
#define BACK_SECONDS 5.0
/* For a guest process to end by itself when there is no more use for it. */
#define KILL_SECONDS 5.0

static void guest_arm(struct guest *g, double seconds)
{
	ev_timer_stop(g->d->loop, &g->timer);
	ev_timer_set(&g->timer, seconds, 0.0);
	ev_timer_start(g->d->loop, &g->timer);
}

void guest_expect_back(struct guest *g)
{
	guest_arm(g, g->process.pidfd >= 0 ? BACK_SECONDS_ALIVE : BACK_SECONDS);
}

void guest_report_exited(struct guest *g)
{
	const uint32_t home = jobid_home(g->key.job);
	Mosix__Load load = MOSIX__LOAD__INIT;

	load_fill(g->d, home, &load);
	msg_free(steal_ptr(g->exited->load)); /* what a guest says of it is nothing */
	g->exited->load = &load;
	/* Where there is no link now, the GuestList will say it. */
	(void)node_send(g->d, home, MOSIX__MSG_TYPE__MSG_GUEST_EXITED, &g->exited->base);
	g->exited->load = NULL;
}

void guest_ended(struct guest *g, Mosix__GuestExited *exited)
{
	msg_free(g->exited);
	g->exited = exited;
	g->state = MOSIX__GUEST_STATE__GUEST_ENDED;
	guest_report_exited(g);
}

static Mosix__GuestExited *lost_report(struct guest *g)
{
	Mosix__GuestExited *x = malloc(sizeof(*x));

	if (!x)
		return NULL;
	mosix__guest_exited__init(x);
	x->has_job = x->has_gen = x->has_lost = x->has_cpu_usec = true;
	x->job = g->key.job;
	x->gen = (uint32_t)g->key.gen;
	x->lost = true;
	x->cpu_usec = g->cpu_usec;
	x->text = strdup(g->killed ? "The job was killed"
				   : "The process that held the job ended unexpectedly");
	if (!x->text) {
		free(x);
		return NULL;
	}
	return x;
}

/* Its process has ended and nothing is left in its group. */
static void guest_swept(struct guest *g)
{
	Mosix__GuestExited *x;

	move_guest_died(g);
	if (g->leaving) {
		log_debug("Copy %s has left", guest_title(g));
		guest_free(g);
		return;
	}
	if (g->exited)
		return;
	log_warn("Copy %s: %s", guest_title(g),
		 g->killed ? "killed" : "its guest process ended unexpectedly");
	x = lost_report(g);
	if (x)
		guest_ended(g, x);
	else
		guest_arm(g, 1.0);
	guests_check_settled(g->d);
}

static void guest_sweep(struct guest *g)
{
	char group[CGROUP_PATH_MAX + 64];
	int r;

	guest_cgroup(g, group, sizeof(group));
	r = cgroup_kill(group, 0);
	if (r < 0 && r != -ETIMEDOUT && r != -ENOENT)
		log_warn("Cannot kill what is left of copy %s: %s", guest_title(g), strerror(-r));
	r = cgroup_remove(group);
	if (r == 0)
		guest_swept(g);
	else
		guest_arm(g, SWEEP_SECONDS);
}

static void mark_gone(struct guest *g)
{
	g->ended = true;
	g->known = true;
	g->has_token = false;
}

/* The sweep may free the copy and step its move: it comes from the loop, as who calls uses both. */
void guest_gone(struct guest *g)
{
	mark_gone(g);
	guest_arm(g, 0.0);
}

void guest_kill(struct guest *g)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;

	g->killed = true;
	if (g->ended || g->process.pidfd < 0) {
		guest_gone(g);
		return;
	}
	m.has_job = m.has_gen = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	/* It clears up after itself if it still can. */
	if (guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_KILL, &m.base) < 0)
		process_kill(&g->process);
	else
		guest_arm(g, KILL_SECONDS);
}

void guest_on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct guest *g = w->data;

	(void)loop;
	(void)revents;
	if (g->ended || g->process.pidfd < 0) {
		mark_gone(g);
		guest_sweep(g);
	} else if (g->killed || g->leaving) {
		process_kill(&g->process);
	} else if (!g->conn) {
		log_warn("Copy %s: its guest process %d does not come back; killing it",
			 guest_title(g), (int)g->process.pid);
		process_kill(&g->process);
	}
}

void guest_leave(struct guest *g)
{
	g->leaving = true;
	/* While there is a connection, its end says that the last frame was read. */
	if (g->ended && !g->conn)
		guest_gone(g);
	else
		guest_arm(g, KILL_SECONDS);
}
