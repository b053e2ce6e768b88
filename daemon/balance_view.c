/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the decisions know: this node and its copies as sampled, the others as they tell. */
#include "daemon/balance_priv.h"

#include "ckpt/cpu.h"
#include "common/jobid.h"
#include "daemon/controls.h"
#include "daemon/gossip_io.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include <errno.h>
#include <stdlib.h>

/* @array of @size bytes each gets room for @count. */
static int make_room(void *array, size_t *max, size_t count, size_t size)
{
	void *p, *old;

	if (count <= *max)
		return 0;
	old = *(void **)array;
	p = reallocarray(old, count, size);
	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	*max = count;
	return 0;
}

/* ------------------------------------------------------------------ jobs */

static bool is_stuck_now(const struct guest *g)
{
	return g->stuck.until_usec > clock_usec();
}

static bool is_asked_for(const struct guest *g)
{
	const struct balancer *b = g->d->balancer;

	return b->asked.job == g->key.job && b->asked.gen == g->key.gen;
}

static uint32_t flags_of(const struct guest *g)
{
	const struct guest_word *w = &g->word;
	uint32_t flags = 0;

	if (w->lock)
		flags |= JOB_LOCKED;
	if (w->frozen)
		flags |= JOB_FROZEN;
	if (w->stay)
		flags |= JOB_STAYS;
	if (g->state != MOSIX__GUEST_STATE__GUEST_RUNNING || g->move || is_asked_for(g))
		flags |= JOB_MOVING;
	if (!w->told || is_stuck_now(g) || !node_up(nodes_find(g->d, jobid_home(g->key.job))))
		flags |= JOB_UNMOVABLE;
	if (w->cpu_bound)
		flags |= JOB_CPU_BOUND;
	if (w->io_bound)
		flags |= JOB_IO_BOUND;
	return flags;
}

void balance_job_facts(const struct guest *g, struct job_facts *ret)
{
	int64_t age = (clock_usec() - g->word.born_usec) / 1000;

	sample_job((struct guest *)g, ret);
	ret->flags = flags_of(g);
	if (!g->word.told) {
		/* It starts in this moment; what it will need counts already. */
		const struct job *j = jobs_find(g->d, g->key.job);

		if (j)
			ret->mem_hint = mib(j->spec->memory_hint);
		return;
	}
	ret->age_ms = age < INT32_MAX ? (uint32_t)age : INT32_MAX;
	ret->mem_hint = g->word.memory_hint;
	ret->job_class = g->word.job_class;
	ret->allowed = g->word.allowed;
	ret->allowed_count = g->word.allowed_count;
}

static int fill_jobs(struct mosixd *d, struct balance_view *v)
{
	struct balancer *b = d->balancer;
	size_t n = 0;
	int r;

	r = make_room(&b->jobs, &b->job_max, guests_count(d), sizeof(*b->jobs));
	if (r < 0)
		return r;
	for (struct guest *g = guests_first(d); g; g = g->hh.next) {
		if (g->state == MOSIX__GUEST_STATE__GUEST_ENDED || g->leaving)
			continue;
		balance_job_facts(g, &b->jobs[n++]);
	}
	v->jobs = b->jobs;
	v->job_count = n;
	return 0;
}

/* ------------------------------------------------------------------ nodes */

/* So old may a Load be at most that comes once a second. */
#define LINK_MS 1500u

/* As its last Load says. False: it has not said enough. */
static bool take_load(const struct node *n, struct node_facts *ret)
{
	const Mosix__Load *l = &n->load;
	const Mosix__NodeInfo *info = node_info(n);

	/* There is no link to it now. */
	if (!n->peer && gossip_io_facts(n, ret))
		return true;
	if (!l->has_cpus || !l->has_runnable || !info)
		return false;
	*ret = (struct node_facts){
		.node = n->number,
		.flags = l->flags,
		.cpus = l->cpus,
		.speed = l->speed,
		.runnable = l->runnable,
		.mem_total = (uint32_t)(l->memory_total >> 20),
		.mem_free = (uint32_t)(l->memory_free >> 20),
		.guests = (uint16_t)l->guests,
		.jobs = (uint16_t)l->jobs,
		.classes = (uint8_t)l->classes,
		.cpu_class = l->cpu_class,
		.age_ms = (uint32_t)((clock_usec() - n->load_usec) / 1000),
	};
	if (info->criu_problem && info->criu_problem[0])
		ret->flags |= NODE_NO_MOVES;
	return true;
}

/* The link brings once a second what is meant for this node; only if that is older does gossip
 * count, if it is fresher. */
static bool take_facts(const struct node *n, struct node_facts *ret)
{
	struct node_facts gossip;
	bool linked = take_load(n, ret);

	if (linked && ret->age_ms <= LINK_MS)
		return true;
	if (!gossip_io_facts(n, &gossip) || (linked && gossip.age_ms >= ret->age_ms))
		return linked;
	*ret = gossip;
	return true;
}

static int fill_nodes(struct mosixd *d, struct balance_view *v)
{
	struct balancer *b = d->balancer;
	size_t n = 0;
	int r;

	r = make_room(&b->nodes, &b->node_max, nodes_count(d), sizeof(*b->nodes));
	if (r < 0)
		return r;
	for (struct node *i = nodes_first(d); i; i = i->hh.next)
		if (!i->self && node_up(i) && take_facts(i, &b->nodes[n]))
			n++;
	v->nodes = b->nodes;
	v->node_count = n;
	v->cluster = nodes_alive(d);
	return 0;
}

static void as_cpu(struct cpu *c, const Mosix__NodeInfo *info)
{
	*c = (struct cpu){
		.xfeatures = info->xfeatures,
		.flags = info->cpu_flags,
		.flag_count = info->n_cpu_flags,
	};
}

/* What runs here may rely on this node's features at least; home knows where else it has been, and
 * refuses what does not suit. */
static bool fits(void *arg, const struct job_facts *job, const struct node_facts *node)
{
	struct mosixd *d = arg;
	const struct node *n = nodes_find(d, node->node);
	const Mosix__NodeInfo *info = n ? node_info(n) : NULL;
	struct cpu here, there;

	if (job->age_ms == 0)
		return true;
	if (!info)
		return node->cpu_class == sample_facts(d)->cpu_class;
	as_cpu(&here, d->info);
	as_cpu(&there, info);
	return cpu_subset(&here, &there, "", NULL);
}

int balance_view_self(struct mosixd *d, struct balance_view *ret)
{
	*ret = (struct balance_view){
		.now_ms = clock_usec() / 1000,
		.self = sample_facts(d),
		.drain = controls_drain(d),
		.expel = controls_expel(d),
		.off = controls_off(d),
		.fits = fits,
		.arg = d,
	};
	return fill_jobs(d, ret);
}

int balance_view(struct mosixd *d, struct balance_view *ret)
{
	int r = balance_view_self(d, ret);

	return r < 0 ? r : fill_nodes(d, ret);
}
