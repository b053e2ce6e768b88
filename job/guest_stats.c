/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the job does, told about once a second while it does something; ever more rarely while it
 * does not, as there may be many such jobs. The daemon says when one seems to be busy again.
 */
#include "common/jobid.h"
#include "common/log.h"
#include "job/guest.h"

#define FIRST 0.2 /* most short jobs are over by then */
#define ACTIVE 1.0
#define IDLE_MAX 64.0
#define WAKING 0.3 /* from the daemon's word to the first numbers */
#define IDLE_DEMAND 20
#define RSS_CHANGE (1u << 20)

static void again_in(struct guest *g, double seconds)
{
	ev_timer_stop(g->loop, &g->stats);
	ev_timer_set(&g->stats, seconds, 0.0);
	ev_timer_start(g->loop, &g->stats);
}

static bool has_changed(const struct guest *g, const Mosix__GuestStats *m)
{
	uint64_t rss = g->told.rss > m->rss ? g->told.rss - m->rss : m->rss - g->told.rss;

	return m->demand >= IDLE_DEMAND || g->told.demand >= IDLE_DEMAND || rss >= RSS_CHANGE ||
	       m->net_rate != g->told.net_rate || m->stopped != g->told.stopped ||
	       m->processes != g->told.processes;
}

static void tell(struct guest *g, const struct usage_numbers *n)
{
	Mosix__GuestStats m = MOSIX__GUEST_STATS__INIT;

	m.has_job = m.has_gen = m.has_cpu_usec = m.has_rss = m.has_processes = true;
	m.has_stopped = m.has_demand = m.has_used = m.has_file_bytes = true;
	m.job = g->job;
	m.gen = g->gen;
	m.cpu_usec = n->cpu_usec;
	m.rss = n->rss;
	m.processes = n->processes;
	m.stopped = g->stopped;
	m.demand = n->demand;
	m.used = n->used;
	m.file_bytes = n->file_bytes;
	m.has_net_bytes = m.has_net_rate = true;
	m.net_bytes = g->net_bytes;
	m.net_rate = g->net_rate;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_STATS, &m.base);
	if (has_changed(g, &m))
		g->stats_interval = ACTIVE;
	else if (g->stats_interval < IDLE_MAX)
		g->stats_interval *= 2;
	g->told.demand = m.demand;
	g->told.rss = m.rss;
	g->told.net_rate = m.net_rate;
	g->told.processes = m.processes;
	g->told.stopped = m.stopped;
}

static bool look(struct guest *g, struct usage_numbers *ret)
{
	if (!g->usage.demand && usage_open(&g->usage, g->cgroup) < 0)
		return false;
	if (usage_look(&g->usage, ret) < 0)
		return false;
	if (g->max_rss < ret->rss)
		g->max_rss = ret->rss;
	return true;
}

static void stats_event(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct guest *g = w->data;
	bool first = !g->usage.at;
	struct usage_numbers n;

	(void)loop;
	(void)revents;
	if (look(g, &n) && !first)
		tell(g, &n);
	again_in(g, g->stats_interval);
}

void guest_stats_init(struct guest *g)
{
	ev_init(&g->stats, stats_event);
	g->stats.data = g;
	g->usage.cpu = g->usage.pressure = g->usage.source.fd = -1;
}

void guest_stats_start(struct guest *g)
{
	g->stats_interval = ACTIVE;
	again_in(g, FIRST);
}

void guest_stats_stop(struct guest *g)
{
	ev_timer_stop(g->loop, &g->stats);
	usage_close(&g->usage);
	g->usage.at = 0;
}

void guest_stats_soon(struct guest *g)
{
	if (ev_is_active(&g->stats))
		again_in(g, 0.0);
}

/* What it did since the last look, long ago, would be told as if it had done so all the time. */
void guest_stats_wake(struct guest *g)
{
	struct usage_numbers n;

	if (!ev_is_active(&g->stats) || g->stats_interval <= ACTIVE)
		return;
	g->stats_interval = ACTIVE;
	again_in(g, look(g, &n) ? WAKING : ACTIVE);
}

/* Told of when it is told of anyway, which is soon: a job that uses the network is not idle. */
void guest_stats_net(struct guest *g, const Mosix__GuestNet *m)
{
	g->net_bytes = m->bytes;
	g->net_rate = m->rate;
	if (ev_is_active(&g->stats) && g->stats_interval > ACTIVE) {
		g->stats_interval = ACTIVE;
		again_in(g, WAKING);
	}
}
