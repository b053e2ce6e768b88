/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals to a job that do not come through its deputy. They are numbered, and kept in the journal
 * until the copy says that it has taken them: as its guest takes none while the copy is frozen, and
 * the number of the last one travels with the copy, a move can neither lose nor double one.
 */
#include "daemon/jobs_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "common/proc.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

static void fill(Mosix__GuestSignal *m, const struct job *j, uint32_t signal)
{
	mosix__guest_signal__init(m);
	m->has_job = m->has_gen = m->has_signal = true;
	m->job = j->id;
	m->gen = j->copy.gen;
	m->signal = signal;
}

/* One that does not arrive is sent again: when it is settled where the job runs, or with the next
 * statistics. */
static void send_one(struct job *j, unsigned int i)
{
	Mosix__GuestSignal m;

	fill(&m, j, j->signals[i]);
	m.has_seq = true;
	m.seq = j->signal_seq - j->signal_count + 1 + i;
	(void)node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_SIGNAL, &m.base);
}

void job_send_signals(struct job *j)
{
	if (j->state != MOSIX__JOB_STATE__JOB_RUNNING || j->moving)
		return;
	for (unsigned int i = 0; i < j->signal_count; i++)
		send_one(j, i);
}

static void drop(struct job *j, unsigned int count)
{
	j->signal_count -= count;
	memmove(j->signals, j->signals + count, j->signal_count);
}

int job_signal(struct job *j, uint32_t signal, struct err *e)
{
	struct jobid_text id = jobid_str(j->id);
	int r;

	if (signal < 1 || signal > 64)
		return err_set(e, -EINVAL, "There is no signal %u", signal);
	if (j->state != MOSIX__JOB_STATE__JOB_RUNNING)
		return err_set(e, -EAGAIN, "Job %s does not run now", id.s);
	if (j->signal_count == JOB_SIGNALS_MAX)
		return err_set(e, -EAGAIN, "%u signals wait for job %s already", JOB_SIGNALS_MAX,
			       id.s);
	j->signals[j->signal_count++] = (uint8_t)signal;
	j->signal_seq++;
	r = job_save(j);
	if (r < 0) {
		j->signal_count--;
		j->signal_seq--;
		return err_sys(e, r, "Cannot write down the signal to job %s (see /run/mosix)",
			       id.s);
	}
	if (!j->moving)
		send_one(j, j->signal_count - 1);
	return 0;
}

int jobs_on_signalled(struct mosixd *d, uint32_t from, Mosix__GuestSignal *m)
{
	struct job *j = jobs_find(d, m->job);
	uint64_t first;

	if (!j || j->copy.node != from || j->copy.gen != m->gen)
		return 0;
	first = j->signal_seq - j->signal_count + 1;
	if (m->seq < first)
		return 0;
	if (m->seq > j->signal_seq)
		return -EPROTO;
	/* Not worth a write: should the next daemon send it again, the copy knows its number. */
	drop(j, (unsigned int)(m->seq - first + 1));
	return 0;
}

/* Nobody tells that a process was stopped by SIGSTOP, which it cannot handle, so it is looked at.
 * This is no event but a state, and said again as long as it is so. The deputy itself continues the
 * job. */
static void follow_deputy(struct job *j)
{
	Mosix__GuestSignal m;
	struct proc_stat st;

	if (j->state != MOSIX__JOB_STATE__JOB_RUNNING || j->moving || j->stopped ||
	    j->deputy.pidfd < 0)
		return;
	if (proc_stat(j->deputy.pid, &st) < 0 || st.start != j->deputy.start || st.state != 'T')
		return;
	fill(&m, j, SIGSTOP);
	m.has_group = m.group = true;
	(void)node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_SIGNAL, &m.base);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct mosixd *d = w->data;
	struct job *j, *tmp;

	(void)loop;
	(void)revents;
	HASH_ITER (hh, d->jobs->table, j, tmp) {
		job_send_signals(j);
		follow_deputy(j);
	}
}

void jobs_tick_start(struct mosixd *d)
{
	struct ev_timer *t = &d->jobs->tick;

	ev_timer_init(t, on_tick, 1.0, 1.0);
	t->data = d;
	ev_timer_start(d->loop, t);
}
