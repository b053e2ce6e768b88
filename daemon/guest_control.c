/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the home of a copy says that its user wants of it: balancing needs it, and the freezer. */
#include "daemon/guests_priv.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/balance.h"
#include "daemon/cgroups.h"
#include "daemon/mosixd.h"
#include "daemon/sample.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The guest process itself freezes and thaws the copy in a move; home says it again after that. */
void guest_apply_freezer(const struct guest *g)
{
	char group[CGROUP_PATH_MAX + 64];
	int r;

	if (g->state != MOSIX__GUEST_STATE__GUEST_RUNNING || g->move || g->frozen_lost)
		return;
	guest_cgroup(g, group, sizeof(group));
	/* Whether it is frozen at once is not waited for. */
	r = g->word.frozen ? cgroup_freeze(group, 0) : cgroup_thaw(group);
	if (r < 0 && r != -ETIMEDOUT)
		log_warn("Copy %s cannot be %s: %s", guest_title(g),
			 g->word.frozen ? "frozen" : "continued", strerror(-r));
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void guest_word_done(struct guest_word *w)
{
	free(w->allowed);
	*w = (struct guest_word){0};
}

static void take_word(struct guest_word *w, Mosix__GuestControl *m)
{
	guest_word_done(w);
	w->told = true;
	w->lock = m->lock;
	w->frozen = m->frozen;
	w->stay = m->stay;
	w->cpu_bound = m->cpu_bound;
	w->io_bound = m->io_bound;
	w->job_class = m->job_class <= JOB_CLASS_MAX ? (uint8_t)m->job_class : 0;
	w->memory_hint = mib(m->memory_hint);
	w->born_usec =
		clock_usec() - (int64_t)(m->age_ms < INT32_MAX ? m->age_ms : INT32_MAX) * 1000;
	w->allowed_count = (uint32_t)m->n_allowed;
	w->allowed = steal_ptr(m->allowed);
	m->n_allowed = 0;
	if (w->allowed)
		qsort(w->allowed, w->allowed_count, sizeof(*w->allowed), by_number);
}

int guests_on_control(struct mosixd *d, uint32_t from, Mosix__GuestControl *m)
{
	struct guest *g;
	bool frozen;

	if (jobid_home(m->job) != from || m->n_allowed > JOB_NODES_MAX)
		return -EPROTO;
	g = guests_find(d, m->job, m->gen);
	if (!g)
		return 0;
	/* An earlier daemon may have frozen it. */
	frozen = g->word.frozen || (!g->word.told && g->inherited);
	take_word(&g->word, m);
	if (g->word.frozen || frozen)
		guest_apply_freezer(g);
	return 0;
}
