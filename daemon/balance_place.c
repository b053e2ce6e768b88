/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where new jobs start, as their home sees it; and whether this node takes what others send. */
#include "daemon/balance_priv.h"

#include "daemon/controls.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fill_request(const struct mosixd *d, const Mosix__JobStart *m, struct place_request *rq)
{
	const Mosix__JobSpec *s = m->spec;

	*rq = (struct place_request){
		.best = m->best,
		.any_home = job_spec_allows(s, d->config.self) && !controls_drain(d),
		.job.job = s->job,
		.job.home = d->config.self,
		.job.demand = DEMAND_EXPECTED,
		.job.mem_hint = mib(s->memory_hint),
		.job.job_class = (uint8_t)s->job_class,
		.job.allowed = s->allowed,
		.job.allowed_count = (uint32_t)s->n_allowed,
	};
	if (s->cpu_bound)
		rq->job.flags |= JOB_CPU_BOUND;
	if (s->io_bound)
		rq->job.flags |= JOB_IO_BOUND;
}

/* Nothing but home is left: may it be home? */
static int at_home(struct mosixd *d, const Mosix__JobStart *m, uint32_t *ret, struct err *e)
{
	const char *title = node_title(d, d->config.self);

	if (controls_drain(d))
		return err_set(e, -EAGAIN,
			       "%s is drained, and no other node can take the job now (see "
			       "mosixctl nodes)",
			       title);
	if (!job_spec_allows(m->spec, d->config.self) && !m->or_home)
		return err_set(e, -EAGAIN,
			       "None of the nodes that the job may run on can take it now (see "
			       "mosixctl nodes)");
	*ret = d->config.self;
	return 0;
}

/* What was decided is known to be possible: gossip may be old, and this node has the last word on
 * what it knows itself. */
static bool is_possible(struct mosixd *d, const Mosix__JobStart *m, uint32_t node)
{
	if (!node_up(nodes_find(d, node)) || !job_spec_allows(m->spec, node))
		return false;
	return node != d->config.self || !controls_drain(d);
}

int balance_place_job(struct mosixd *d, const Mosix__JobStart *m, uint32_t *ret,
		      struct balance_decision *ret_decision, struct err *e)
{
	struct balance_decision dec = {.reason = BALANCE_ONLY, .to = d->config.self};
	struct place_request rq;
	struct balance_view v;

	*ret_decision = dec;
	if (controls_off(d) && !m->best && !controls_drain(d) &&
	    job_spec_allows(m->spec, d->config.self)) {
		*ret = d->config.self;
		ret_decision->reason = BALANCE_STAYS_OFF;
		return 0;
	}
	if (m->spec->memory_hint)
		sample_memory_now(d);
	if (balance_view(d, &v) < 0)
		return at_home(d, m, ret, e);
	v.fits = NULL; /* it has not run anywhere yet */
	fill_request(d, m, &rq);
	balance_place(d->balancer->core, &v, &rq, &dec);
	if (!is_possible(d, m, dec.to))
		return at_home(d, m, ret, e);
	*ret_decision = dec;
	*ret = dec.to;
	return 0;
}

void balance_place_refused(struct mosixd *d, uint64_t job, uint32_t node)
{
	balance_refused(d->balancer->core, clock_usec() / 1000, job, node);
}

void balance_job_over(struct mosixd *d, uint64_t job)
{
	if (d->balancer && !d->stopping)
		balance_forget(d->balancer->core, job);
}

int balance_check_coming(struct mosixd *d, const struct job_facts *j, uint32_t claimed,
			 struct err *e)
{
	const char *title = node_title(d, d->config.self);
	struct balance_view v;

	if (controls_drain(d))
		return err_set(e, -EAGAIN, "%s is being drained", title);
	if (j->home == d->config.self)
		return 0;
	if (j->job_class <= JOB_CLASS_MAX && !(d->config.conf.guest_classes & 1u << j->job_class))
		return err_set(e, -EPERM, "%s takes no jobs of class %u", title, j->job_class);
	sample_memory_now(d);
	if (balance_view_self(d, &v) < 0)
		return err_set(e, -ENOMEM, "%s is out of memory", title);
	if (!balance_accept(d->balancer->core, &v, j, claimed))
		return err_set(e, -EAGAIN, "%s is busier than it was thought to be", title);
	return 0;
}

uint32_t balance_tell_tasks(struct mosixd *d, uint32_t to)
{
	struct balance_view v;

	if (!d->balancer || balance_view_self(d, &v) < 0)
		return sample_facts(d)->runnable;
	return balance_exported(d->balancer->core, &v, to);
}
