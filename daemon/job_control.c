/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user says of a running job: lock, freeze. It is written down here, at home, and told to
 * the node where the job runs, again whenever that may not know it.
 */
#include "daemon/jobs_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/controls.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include <errno.h>

static void send_control(const struct job *j, bool frozen)
{
	Mosix__GuestControl m = MOSIX__GUEST_CONTROL__INIT;
	const Mosix__JobSpec *s = j->spec;
	uint32_t home = j->d->config.self;

	m.has_job = m.has_gen = m.has_lock = m.has_frozen = m.has_stay = true;
	m.job = j->id;
	m.gen = j->copy.gen;
	m.lock = s->lock;
	m.frozen = frozen;
	m.stay = controls_stay(j->d);
	m.n_allowed = s->n_allowed;
	m.allowed = s->allowed;
	if (s->home_only) {
		m.n_allowed = 1;
		m.allowed = &home;
	}
	m.has_memory_hint = m.has_cpu_bound = m.has_io_bound = m.has_job_class = true;
	m.memory_hint = s->memory_hint;
	m.cpu_bound = s->cpu_bound;
	m.io_bound = s->io_bound;
	m.job_class = s->job_class;
	m.has_age_ms = true;
	m.age_ms = (uint64_t)(clock_usec() - j->born_usec) / 1000;
	/* Where there is no link, it is sent when that is up again. */
	(void)node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_CONTROL, &m.base);
}

void job_send_control(const struct job *j)
{
	if (j->state == MOSIX__JOB_STATE__JOB_RUNNING && !j->moving)
		send_control(j, j->frozen);
}

void job_thaw_to_move(const struct job *j)
{
	if (j->frozen)
		send_control(j, false);
}

int job_lock(struct job *j, bool on, struct err *e)
{
	bool before = j->spec->lock;
	int r;

	j->spec->has_lock = true;
	j->spec->lock = on;
	r = job_save(j);
	if (r < 0) {
		j->spec->lock = before;
		return err_sys(e, r, "Cannot write down the lock of job %s (see /run/mosix)",
			       jobid_str(j->id).s);
	}
	if (on && j->moving && move_is_automatic(j))
		move_abort(j, "it was locked to where it is");
	job_send_control(j);
	return 0;
}

int job_freeze(struct job *j, bool on, struct err *e)
{
	struct jobid_text id = jobid_str(j->id);
	bool before = j->frozen;
	int r;

	if (j->state != MOSIX__JOB_STATE__JOB_RUNNING || j->killed)
		return err_set(e, -EAGAIN, "Job %s does not run now", id.s);
	j->frozen = on;
	r = job_save(j);
	if (r < 0) {
		j->frozen = before;
		return err_sys(e, r, "Cannot write down that job %s is %s (see /run/mosix)", id.s,
			       on ? "frozen" : "to go on");
	}
	log_info("Job %s is %s", id.s, on ? "frozen" : "continued");
	job_send_control(j);
	return 0;
}

void jobs_send_controls(struct mosixd *d)
{
	for (struct job *j = jobs_first(d); j; j = j->hh.next)
		job_send_control(j);
}
