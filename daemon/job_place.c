/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On which node a new job starts: the one that its user named, or the one that balancing chose. A
 * node that was chosen may refuse; it is then certain that the job does not run there, and it is
 * started elsewhere as a new copy. Of a node that does not answer nothing is certain: no other one
 * is tried.
 */
#include "daemon/jobs_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/balance.h"
#include "daemon/decision.h"
#include "daemon/metrics.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <string.h>

/* The user has named it. */
static int named_node(struct mosixd *d, const Mosix__JobStart *m, struct node **ret, struct err *e)
{
	bool home = m->spec->home_only || !strcmp(m->node, "home");
	struct node *n = home ? nodes_find(d, d->config.self) : nodes_find_text(d, m->node);

	if (!n)
		return err_set(e, -ENOENT, "There is no node %.128s in this cluster", m->node);
	if (!job_spec_allows(m->spec, n->number))
		return err_set(e, -EINVAL, "%s is not among the nodes that the job may run on",
			       node_title(d, n->number));
	if (!node_up(n))
		return err_set(e, -EHOSTUNREACH, "%s cannot be reached%s%s",
			       node_title(d, n->number), n->problem[0] ? ": " : "", n->problem);
	*ret = n;
	return 0;
}

int job_choose_node(struct mosixd *d, const Mosix__JobStart *m, struct node **ret,
		    struct balance_decision *dec, struct err *e)
{
	uint32_t number;
	int r;

	*dec = (struct balance_decision){.reason = BALANCE_NOTHING};
	if (m->spec->home_only || (m->node && m->node[0]))
		return named_node(d, m, ret, e);
	r = balance_place_job(d, m, &number, dec, e);
	if (r == 0)
		*ret = nodes_find(d, number);
	return r;
}

void job_note_place(struct job *j, const struct balance_decision *dec)
{
	char text[ERR_MAX];
	Mosix__Decision m;

	if (dec->reason == BALANCE_NOTHING || dec->reason == BALANCE_STAYS_OFF)
		return;
	decision_pack(&m, dec, j->d->config.self);
	decision_text(j->d, &m, text);
	decision_log(j->d, j->id, &m, "is placed");
	decision_keep(j, &m, text);
	metrics_decision(j->d, dec->reason);
}

static int choose_again(struct job *j, uint32_t *ret, struct balance_decision *dec, struct err *e)
{
	Mosix__JobStart m = MOSIX__JOB_START__INIT;
	struct mosixd *d = j->d;
	int r;

	m.spec = j->spec;
	m.best = j->best;
	m.or_home = j->or_home;
	balance_place_refused(d, j->id, j->copy.node);
	r = balance_place_job(d, &m, ret, dec, e);
	if (r < 0 || (*ret != j->copy.node && j->places < PLACE_TRIES))
		return r;
	*ret = d->config.self;
	*dec = (struct balance_decision){.reason = BALANCE_ONLY, .to = *ret};
	return job_spec_allows(j->spec, *ret) || j->or_home ? 0 : -EAGAIN;
}

/* Its copy is now to be there: a new one, of which nobody has heard. 0 or negative. */
static int place_at(struct job *j, const struct node *n, const struct balance_decision *dec)
{
	int r;

	j->copy.gen++;
	j->copy.node = n->number;
	j->start_node = n->number;
	j->start_epoch = node_epoch(n);
	j->places++;
	j->claimed_load = balance_claim(dec, j->places);
	cpu_done(&j->cpu);
	r = job_note_cpu(j, node_info(n));
	return r < 0 ? r : job_save(j);
}

bool job_start_elsewhere(struct job *j, const char *why)
{
	struct balance_decision dec;
	struct node *n;
	struct err e;
	uint32_t node;

	if (!j->placed || !j->spec->n_argv || j->copy.node == j->d->config.self)
		return false;
	log_info("Job %s was refused by %s: %s", jobid_str(j->id).s, node_title(j->d, j->copy.node),
		 why ? why : "?");
	if (choose_again(j, &node, &dec, &e) < 0)
		return false;
	n = nodes_find(j->d, node);
	if (!n || place_at(j, n, &dec) < 0)
		return false;
	job_note_place(j, &dec);
	return job_send_start(j) >= 0 || job_start_elsewhere(j, "the link to it is down");
}
