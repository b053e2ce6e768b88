/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arbiter of a move, at the job's home: what is checked before it starts, what is written,
 * what becomes of the job, and what the one who asked is told.
 */
#include "daemon/move_priv.h"

#include "common/fail.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/balance.h"
#include "daemon/deputy.h"
#include "daemon/jobs.h"
#include "daemon/metrics.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ machines */

static struct move *arbiter_new(struct mosixd *d, struct job *j, const struct handover_ref *ref,
				uint32_t source, uint32_t destination)
{
	struct handover_job word = {.job = ref->job};
	struct move *mv = move_new(d);

	if (!mv)
		return NULL;
	if (j && j->state != MOSIX__JOB_STATE__JOB_ENDED)
		word = j->copy;
	handover_arbiter_init(&mv->m, d->config.self, ref, &word, source, destination);
	mv->started_usec = clock_usec();
	return mv;
}

static void arbiter_bind(struct move *mv, struct job *j)
{
	mv->job = j;
	j->move = mv;
	move_list(mv);
}

struct move *arbiter_for(struct mosixd *d, const struct handover_ref *ref)
{
	struct job *j = jobs_find(d, ref->job);

	if (j && j->move && j->move->m.ref.move == ref->move)
		return j->move;
	return arbiter_new(d, j, ref, 0, 0);
}

void arbiter_done(struct move *mv)
{
	struct job *j = mv->job;

	if (!j)
		return;
	j->move = NULL;
	j->moving = false;
	if (j->state != MOSIX__JOB_STATE__JOB_ENDED)
		move_start_wanted(j);
	job_settled(j);
}

void move_recover_arbiter(struct job *j)
{
	struct handover_event ev = {.kind = HANDOVER_RECOVER, .phase = j->phase};
	struct move *mv;

	mv = arbiter_new(j->d, j, &j->ref, j->source, j->destination);
	if (!mv) {
		log_err("Out of memory");
		abort();
	}
	arbiter_bind(mv, j);
	j->moving = true;
	move_step(mv, &ev);
}

void move_abort(struct job *j, const char *why)
{
	const struct handover_event ev = {.kind = HANDOVER_ABORT, .text = why};

	move_step(j->move, &ev);
}

void move_copy_gone(struct job *j, uint32_t node, uint32_t gen, const Mosix__GuestExited *m)
{
	struct move *mv = j->move;
	struct handover_event ev = {.kind = HANDOVER_COPY_GONE, .node = node};

	ev.ref.job = j->id;
	ev.ref.gen = gen;
	ev.text = m ? m->text : NULL;
	/* Read in the step alone, after which both job and machine may be gone. */
	mv->exited = m;
	move_step(mv, &ev);
}

/* ------------------------------------------------------------------ actions */

static void set_phase(struct job *j, const struct move *mv, enum handover_phase phase)
{
	j->phase = phase;
	j->ref = mv->m.ref;
	j->source = mv->m.source;
	j->destination = mv->m.destination;
}

static int commit(struct move *mv)
{
	struct job *j = mv->job;
	struct handover_job before = j->copy;
	const struct node *n = nodes_find(mv->d, mv->m.destination);
	enum handover_phase phase = j->phase;
	int r;

	r = job_note_cpu(j, n ? node_info(n) : NULL);
	if (r < 0)
		return r;
	/* The source's frames end here; what they did not bring is in the images. */
	job_link_down(j);
	set_phase(j, mv, HANDOVER_PHASE_COMMIT);
	j->copy.gen = mv->m.ref.gen;
	j->copy.node = mv->m.destination;
	j->copy.move = mv->m.ref.move;
	j->moves++;
	j->cpu_before += j->cpu_usec;
	j->net_before += j->net_bytes;
	r = job_save(j);
	if (r < 0) {
		j->copy = before;
		j->phase = phase;
		j->moves--;
		j->cpu_before -= j->cpu_usec;
		j->net_before -= j->net_bytes;
		job_link_update(j);
		return r;
	}
	j->cpu_usec = j->net_bytes = j->net_rate = 0;
	j->start_epoch = UINT64_MAX;
	FAIL_POINT("daemon/move/commit-persisted");
	return 0;
}

int arbiter_persist(struct move *mv, enum handover_phase phase)
{
	struct job *j = mv->job;
	int r;

	if (phase == HANDOVER_PHASE_COMMIT) {
		r = commit(mv);
	} else {
		set_phase(j, mv, phase);
		r = job_save(j);
		if (r < 0)
			j->phase = HANDOVER_PHASE_NONE;
	}
	if (r < 0)
		log_err("%s: cannot write the journal: %s", move_title(mv), strerror(-r));
	return r;
}

void arbiter_forget(struct move *mv)
{
	struct job *j = mv->job;

	if (!j)
		return;
	j->phase = HANDOVER_PHASE_NONE;
	if (job_save(j) < 0)
		log_err("%s: cannot write that it is over", move_title(mv));
}

void arbiter_job(struct move *mv, const struct handover_action *a)
{
	struct job *j = mv->job;

	j->moving = false;
	switch (a->fate) {
	case HANDOVER_RUNS:
		deputy_tell_moved(j);
		job_settled(j);
		break;
	case HANDOVER_STAYS:
		job_settled(j);
		break;
	case HANDOVER_ENDED:
		job_end(j, mv->exited, "It is no longer where it was");
		break;
	case HANDOVER_LOST:
		job_end(j, NULL, a->text ? a->text : "It was lost in a move");
		break;
	}
}

static uint64_t downtime(const struct move *mv, int64_t now)
{
	int64_t since = mv->frozen_usec ? mv->frozen_usec : mv->dumped_usec;

	return since ? (uint64_t)(now - since) : 0;
}

void arbiter_note(struct move *mv, const struct handover_action *a)
{
	bool by_user = mv->who.client || mv->who.node;
	Mosix__Reply m = MOSIX__REPLY__INIT;
	int64_t now = clock_usec();

	if (mv->who.automatic)
		move_asked_ended(mv, a->ok, a->text ? a->text : "The move failed",
				 (uint64_t)(now - mv->started_usec));
	if (!a->ok) {
		metrics_move_failed(mv->d, by_user);
		log_warn("%s failed: %s", move_title(mv), a->text ? a->text : "?");
		request_fail(mv->d, &mv->who, EIO, "%s", a->text ? a->text : "The move failed");
		return;
	}
	m.has_downtime_usec = m.has_total_usec = m.has_bytes = true;
	m.downtime_usec = downtime(mv, now);
	m.total_usec = (uint64_t)(now - mv->started_usec);
	m.bytes = mv->bytes;
	metrics_move_done(mv->d, by_user, m.total_usec, m.downtime_usec, m.bytes);
	/* From what it had decided itself, this node has learned already. */
	if (!mv->who.automatic || mv->m.source != mv->d->config.self)
		balance_learn_move(mv->d, m.total_usec, m.bytes);
	log_info("%s: done, it was stopped for %.1f ms of %.1f ms, %.1f KiB", move_title(mv),
		 (double)m.downtime_usec / 1000, (double)m.total_usec / 1000,
		 (double)m.bytes / 1024);
	request_answer(mv->d, &mv->who, &m);
}

/* ------------------------------------------------------------------ starting */

bool move_is_automatic(const struct job *j)
{
	return j->move && j->move->who.automatic;
}

/* A user's word goes before a decision. */
static bool gives_way(const struct job *j, const struct requester *who)
{
	return !who->automatic && (!j->moving || move_is_automatic(j)) &&
	       (!j->wanted || move_wanted_is_automatic(j));
}

static int check_job(const struct job *j, const struct node *target, const struct requester *who,
		     struct err *e)
{
	struct jobid_text id = jobid_str(j->id);

	if (j->state != MOSIX__JOB_STATE__JOB_RUNNING || j->killed)
		return err_set(e, -EAGAIN, "Job %s does not run now", id.s);
	if ((j->moving || j->wanted) && !gives_way(j, who))
		return err_set(e, -EBUSY, "Job %s is being moved already", id.s);
	if (j->spec->lock)
		return err_set(e, -EPERM, "Job %s is locked to where it is (mosixctl unlock)",
			       id.s);
	if (j->spec->home_only && target->number != j->d->config.self)
		return err_set(e, -EPERM, "Job %s was started to stay at home", id.s);
	if (!job_spec_allows(j->spec, target->number))
		return err_set(e, -EPERM, "Job %s was started to stay off %s (mosix-run --on)",
			       id.s, node_title(j->d, target->number));
	return 0;
}

static int check_reach(const struct job *j, const struct node *target, struct err *e)
{
	if (!node_up(nodes_find(j->d, j->copy.node)))
		return err_set(e, -EHOSTUNREACH, "%s, where job %s runs, cannot be reached",
			       node_title(j->d, j->copy.node), jobid_str(j->id).s);
	if (!node_up(target))
		return err_set(e, -EHOSTUNREACH, "%s cannot be reached%s%s",
			       node_title(j->d, target->number), target->problem[0] ? ": " : "",
			       target->problem);
	return 0;
}

static int check_criu(const struct node *n, struct err *e)
{
	const Mosix__NodeInfo *info = node_info(n);
	const char *problem = info && info->criu_problem ? info->criu_problem : "";

	if (!info)
		return err_set(e, -EAGAIN, "Nothing is known of %s yet; try again",
			       node_title(n->d, n->number));
	if (problem[0])
		return err_set(e, -ENOTSUP, "%s cannot take part in a move: %s",
			       node_title(n->d, n->number), problem);
	return 0;
}

static int check_target(const struct job *j, const struct node *target, struct err *e)
{
	const Mosix__NodeInfo *info;
	struct cpu cpu = {0};
	int r;

	r = check_criu(target, e);
	if (r == 0)
		r = check_criu(nodes_find(j->d, j->copy.node), e);
	if (r < 0)
		return r;
	info = node_info(target);
	cpu.xfeatures = info->xfeatures;
	cpu.flags = info->cpu_flags;
	cpu.flag_count = info->n_cpu_flags;
	if (!cpu_subset(&j->cpu, &cpu, node_title(j->d, target->number), e))
		return -ENOTSUP;
	return 0;
}

static int start_now(struct job *j, struct node *target, const struct requester *who, struct err *e)
{
	struct handover_event ev = {.kind = HANDOVER_START};
	struct handover_ref ref = {.job = j->id, .gen = j->copy.gen + 1};
	struct move *mv;
	int r;

	r = jobs_next_move(j->d, &ref.move);
	if (r < 0)
		return err_sys(e, r, "Cannot number the move (see /var/lib/mosix)");
	mv = arbiter_new(j->d, j, &ref, j->copy.node, target->number);
	if (!mv)
		return err_sys(e, -ENOMEM, "Cannot start the move");
	mv->who = *who;
	arbiter_bind(mv, j);
	j->moving = true;
	log_info("%s: from %s to %s", move_title(mv), node_title(j->d, j->copy.node),
		 node_title(j->d, target->number));
	move_step(mv, &ev);
	return 0;
}

/* Without a link what is known of a node may be old: the move waits for it. NULL = there are links.
 */
static struct node *lacks_link(const struct job *j, struct node *target)
{
	struct node *at = nodes_find(j->d, j->copy.node);

	return !node_is_linked(target) ? target : !node_is_linked(at) ? at : NULL;
}

int move_start(struct job *j, struct node *target, const struct requester *who, struct err *e)
{
	struct node *n;
	int r;

	r = check_job(j, target, who, e);
	if (r == 0)
		r = check_reach(j, target, e);
	if (r < 0)
		return r;
	if (j->wanted)
		move_want_end(j, EBUSY, "Its user moves it");
	n = lacks_link(j, target);
	if (n)
		return move_want(j, target, who, n, e);
	r = check_target(j, target, e);
	if (r < 0)
		return r;
	if (!j->move)
		return start_now(j, target, who, e);
	r = move_want(j, target, who, NULL, e);
	if (r == 0 && j->moving)
		move_abort(j, "its user moves it");
	return r;
}
