/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What jobs send and receive. Their sockets are in the node's network, which they share, so it is
 * this daemon that looks, once for all of them. A copy's guest keeps its count: it outlives this
 * daemon, and tells home.
 */
#include "daemon/sample_priv.h"

#include "common/log.h"
#include "daemon/guests.h"
#include "daemon/metrics.h"
#include "daemon/mosixd.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RETRY_TICKS 60u /* after an error */

static void stop(struct sample_of_net *s, int error)
{
	if (!s->failed)
		log_info("What jobs send and receive is not known: %s", strerror(-error));
	s->failed = true;
	s->retry = RETRY_TICKS;
	s->tcp = tcp_bytes_free(s->tcp);
}

static void start(struct sample_of_net *s)
{
	int r;

	if (s->tcp)
		return;
	if (s->retry > 0) {
		s->retry--;
		return;
	}
	r = tcp_bytes_new(&s->tcp);
	if (r < 0)
		stop(s, r);
}

/* 0: not there yet, or not any more. */
static uint64_t group_of(const struct guest *g)
{
	char path[CGROUP_PATH_MAX + 64];
	struct stat st;

	guest_cgroup(g, path, sizeof(path));
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static size_t list_groups(struct mosixd *d, struct tcp_group *groups, size_t max)
{
	size_t count = 0;

	for (struct guest *g = guests_first(d); g && count < max; g = g->hh.next) {
		struct net_use *u = sample_job_net(g);

		if (!u)
			continue;
		if (!u->group)
			u->group = group_of(g);
		if (!u->group)
			continue;
		groups[count++] = (struct tcp_group){
			.id = u->group,
			.old = g->inherited && !u->looked,
			.owner = g,
		};
		u->looked = true;
	}
	return count;
}

/* Its guest hears of it when it is something new, but not before it has told what it knows. */
static void tell_guest(struct guest *g, struct net_use *u)
{
	Mosix__GuestNet m = MOSIX__GUEST_NET__INIT;
	uint64_t rate = u->rate >> 10;

	if ((u->bytes == u->told_bytes && rate == u->told_rate) || (g->inherited && !u->heard))
		return;
	m.has_job = m.has_gen = m.has_bytes = m.has_rate = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	m.bytes = u->bytes;
	m.rate = rate << 10;
	(void)guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_NET, &m.base);
	u->told_bytes = u->bytes;
	u->told_rate = rate;
}

static void take(struct mosixd *d, const struct tcp_group *t, int64_t ms)
{
	struct guest *g = t->owner;
	struct net_use *u = sample_job_net(g);

	u->bytes += t->bytes;
	u->rate = (3 * u->rate + t->bytes * 1000 / (uint64_t)(ms > 0 ? ms : 1)) / 4;
	metrics_job_net(d, t->bytes);
	tell_guest(g, u);
}

void sample_net_tick(struct mosixd *d, int64_t now_ms)
{
	struct sample_of_net *s = &d->sample->net;
	size_t count = guests_count(d);
	struct tcp_group *groups;
	int r;

	start(s);
	if (!s->tcp)
		return;
	groups = count ? calloc(count, sizeof(*groups)) : NULL;
	count = groups ? list_groups(d, groups, count) : 0;
	r = tcp_bytes_look(s->tcp, groups, count);
	if (r < 0)
		stop(s, r);
	for (size_t i = 0; i < count; i++)
		take(d, &groups[i], now_ms - s->at_ms);
	s->at_ms = now_ms;
	free(groups);
}

void sample_net_heard(struct guest *g, const Mosix__GuestStats *m)
{
	struct net_use *u = sample_job_net(g);

	if (!u || !g->inherited || u->heard)
		return;
	u->heard = true;
	u->bytes += m->net_bytes;
}

void sample_net_free(struct mosixd *d)
{
	d->sample->net.tcp = tcp_bytes_free(d->sample->net.tcp);
}
