/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node says which copies of our jobs it has; what is made of it is policy/reconcile.h's. */
#include "daemon/jobs_priv.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/links.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include "policy/reconcile.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The journal's word on it. */
static struct handover_job word_on(const struct job *j, uint64_t id)
{
	if (!j || j->state == MOSIX__JOB_STATE__JOB_ENDED)
		return (struct handover_job){.job = id};
	return j->copy;
}

static void send_ref(struct mosixd *d, uint32_t node, uint16_t type, const Mosix__GuestHello *h)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;

	m.has_job = m.has_gen = true;
	m.job = h->job;
	m.gen = h->gen;
	(void)node_send(d, node, type, &m.base);
}

static void send_decision(struct mosixd *d, uint32_t node, const Mosix__GuestHello *h, bool commit)
{
	Mosix__MoveDecision m = MOSIX__MOVE_DECISION__INIT;
	bool source = h->state == MOSIX__GUEST_STATE__GUEST_DUMPING ||
		      h->state == MOSIX__GUEST_STATE__GUEST_DUMPED;

	m.has_move = m.has_job = m.has_gen = m.has_commit = m.has_source = true;
	m.move = h->move;
	m.job = h->job;
	m.gen = source ? h->gen + 1 : h->gen;
	m.commit = commit;
	m.source = source;
	(void)node_send(d, node, MOSIX__MSG_TYPE__MSG_MOVE_DECISION, &m.base);
}

/* A copy that is where it should be: what it missed while there was no link. */
static void resume_job(struct job *j, uint32_t node, const Mosix__GuestHello *h)
{
	if (j->copy.node != node || j->copy.gen != h->gen || j->moving)
		return;
	if (h->state == MOSIX__GUEST_STATE__GUEST_RUNNING)
		job_started(j);
	job_settled(j);
}

static int take_row(struct mosixd *d, uint32_t from, const struct reconcile_guest *row,
		    Mosix__GuestHello *h)
{
	struct job *j = jobs_find(d, h->job);
	struct handover_job word = word_on(j, h->job);
	bool impossible = false;
	enum reconcile_verdict v;

	v = reconcile_guest(&word, j && j->move ? move_number(j->move) : 0, from, row, &impossible);
	if (impossible)
		log_err("%s has copy %s.%u, which should not exist; was the journal lost?",
			node_title(d, from), jobid_str(h->job).s, h->gen);
	switch (v) {
	case RECONCILE_KEEP:
		if (j)
			resume_job(j, from, h);
		return 0;
	case RECONCILE_ENDED:
		return h->exited ? jobs_on_exited(d, from, h->exited) : -EPROTO;
	case RECONCILE_ACK:
		/* Ended, but perhaps not yet written down. */
		if (j && !job_end_is_safe(j, from, h->gen))
			return 0;
		send_ref(d, from, MOSIX__MSG_TYPE__MSG_GUEST_EXITED_ACK, h);
		return 0;
	case RECONCILE_KILL:
		send_ref(d, from, MOSIX__MSG_TYPE__MSG_GUEST_KILL, h);
		return 0;
	case RECONCILE_COMMIT:
	case RECONCILE_ABORT:
		send_decision(d, from, h, v == RECONCILE_COMMIT);
		return 0;
	}
	return 0;
}

static void find_missing(struct mosixd *d, const struct node *n, const struct reconcile_guest *rows,
			 size_t count)
{
	struct job *j, *tmp;
	char text[ERR_MAX];

	snprintf(text, sizeof(text), "It is no longer on %s; was that node restarted?",
		 node_title(d, n->number));
	HASH_ITER (hh, d->jobs->table, j, tmp) {
		struct handover_job word = word_on(j, j->id);

		if (j->start_epoch == n->epoch ||
		    !reconcile_is_missing(&word, n->number, rows, count))
			continue;
		if (j->move)
			move_copy_gone(j, n->number, j->copy.gen, NULL);
		else
			job_end(j, NULL, text);
	}
}

static int read_rows(struct mosixd *d, const Mosix__GuestList *m, struct reconcile_guest *rows)
{
	for (size_t i = 0; i < m->n_guests; i++) {
		const Mosix__GuestHello *h = m->guests[i];

		if (jobid_home(h->job) != d->config.self || !h->gen || (int)h->state < 0 ||
		    h->state > MOSIX__GUEST_STATE__GUEST_ENDED)
			return -EPROTO;
		rows[i] = (struct reconcile_guest){
			.job = h->job,
			.gen = h->gen,
			.move = h->move,
			.state = copy_state(h->state),
		};
	}
	return 0;
}

int jobs_on_list(struct mosixd *d, uint32_t from, Mosix__GuestList *m)
{
	_cleanup_free_ struct reconcile_guest *rows = NULL;
	struct node *n = nodes_find(d, from);
	int r;

	rows = calloc(m->n_guests ? m->n_guests : 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	r = read_rows(d, m, rows);
	for (size_t i = 0; i < m->n_guests && r == 0; i++)
		r = take_row(d, from, &rows[i], m->guests[i]);
	if (r == 0 && n)
		find_missing(d, n, rows, m->n_guests);
	return r;
}

void jobs_node_dead(struct node *n)
{
	struct job *j, *tmp;
	char text[ERR_MAX];

	snprintf(text, sizeof(text), "%s, where it ran, is dead", node_title(n->d, n->number));
	HASH_ITER (hh, n->d->jobs->table, j, tmp)
		if (j->copy.node == n->number && !j->move &&
		    j->state != MOSIX__JOB_STATE__JOB_ENDED)
			job_end(j, NULL, text);
}

void jobs_mark_nodes(struct mosixd *d)
{
	struct job *j, *tmp;

	HASH_ITER (hh, d->jobs->table, j, tmp) {
		links_mark(d, j->copy.node);
		if (j->move)
			links_mark(d, j->destination);
	}
}
