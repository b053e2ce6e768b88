/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs whose node or home is dead. */
#include "daemon/dead_nodes.h"

#include "common/cgroup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/cgroups.h"
#include "daemon/gossip_io.h"
#include "daemon/guests_priv.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <string.h>

#define MARGIN_MS 10000 /* by which two nodes may differ in when they noticed */

static void freeze(struct guest *g)
{
	char group[CGROUP_PATH_MAX];
	int r;

	if (g->frozen_lost || g->state != MOSIX__GUEST_STATE__GUEST_RUNNING)
		return;
	guest_cgroup(g, group, sizeof(group));
	/* Whether it is frozen at once is not waited for. */
	r = cgroup_freeze(group, 0);
	if (r < 0 && r != -ETIMEDOUT)
		log_warn("Guest %s, whose home is dead, cannot be frozen: %s", guest_title(g),
			 strerror(-r));
	else
		log_warn("Guest %s is frozen until %s comes back", guest_title(g),
			 node_title(g->d, jobid_home(g->key.job)));
	g->frozen_lost = r >= 0 || r == -ETIMEDOUT;
}

static void thaw(struct guest *g)
{
	char group[CGROUP_PATH_MAX];
	int r = 0;

	if (!g->frozen_lost)
		return;
	guest_cgroup(g, group, sizeof(group));
	g->frozen_lost = false;
	if (g->state == MOSIX__GUEST_STATE__GUEST_RUNNING && !g->word.frozen)
		r = cgroup_thaw(group);
	if (r < 0)
		log_err("Guest %s cannot be thawed: %s", guest_title(g), strerror(-r));
	else
		log_info("Guest %s goes on: its home is back", guest_title(g));
}

static void end(struct guest *g)
{
	if (g->killed)
		return;
	log_warn("Guest %s is ended: its home, %s, stays away", guest_title(g),
		 node_title(g->d, jobid_home(g->key.job)));
	guest_kill(g);
}

static void each_guest(const struct node *home, void (*what)(struct guest *g))
{
	struct guest *g, *tmp;

	HASH_ITER (hh, home->d->guests->table, g, tmp)
		if (jobid_home(g->key.job) == home->number)
			what(g);
}

static bool is_lost(const struct node *n)
{
	enum gossip_state s = gossip_io_state(n, NULL);

	return !n->peer && s != GOSSIP_ALIVE && s != GOSSIP_SUSPECT;
}

static void look_at(struct node *n, int64_t now)
{
	int64_t grace = (int64_t)n->d->config.conf.grace * 1000, lost;

	if (!is_lost(n)) {
		n->lost_ms = 0;
		n->reported_lost = false;
		return;
	}
	if (!n->lost_ms)
		n->lost_ms = now;
	lost = now - n->lost_ms;
	if (lost >= 2 * grace)
		each_guest(n, end);
	else if (lost >= grace)
		each_guest(n, freeze);
	if (lost < 2 * grace + MARGIN_MS || n->reported_lost)
		return;
	n->reported_lost = true;
	moves_node_dead(n);
	jobs_node_dead(n);
}

void dead_nodes_tick(struct mosixd *d)
{
	int64_t now = clock_usec() / 1000;

	for (struct node *n = nodes_first(d); n; n = n->hh.next)
		if (!n->self)
			look_at(n, now);
}

/* What an earlier daemon has frozen goes on when its home has told of it (guest_control.c). */
void dead_nodes_back(struct node *n)
{
	n->lost_ms = 0;
	each_guest(n, thaw);
}
