/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of jobs whose home is here, and their records. */
#include "daemon/jobs_priv.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/control.h"
#include "daemon/decision.h"
#include "daemon/deputy.h"
#include "daemon/journal.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOB_SEQ CONF_STATE "/job.seq"
#define MOVE_SEQ CONF_STATE "/move.seq"

struct job *jobs_find(struct mosixd *d, uint64_t id)
{
	struct job *j;

	HASH_FIND(hh, d->jobs->table, &id, sizeof(id), j);
	return j;
}

struct job *jobs_first(struct mosixd *d)
{
	return d->jobs->table;
}

struct job *jobs_find_deputy(struct mosixd *d, pid_t pid)
{
	struct job *j, *tmp;

	HASH_ITER (hh, d->jobs->table, j, tmp)
		if (j->deputy.pid == pid && j->state != MOSIX__JOB_STATE__JOB_ENDED)
			return j;
	return NULL;
}

unsigned int jobs_count(struct mosixd *d)
{
	return HASH_COUNT(d->jobs->table);
}

unsigned int jobs_count_user(struct mosixd *d, uint32_t uid)
{
	struct job *j, *tmp;
	unsigned int n = 0;

	HASH_ITER (hh, d->jobs->table, j, tmp)
		n += j->spec && j->spec->uid == uid;
	return n;
}

int jobs_next_move(struct mosixd *d, uint64_t *ret)
{
	return seq_next(&d->jobs->move_seq, ret);
}

struct job *job_add(struct mosixd *d, uint64_t id)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->d = d;
	j->id = id;
	j->copy.job = id;
	j->deputy.pidfd = -1;
	HASH_ADD(hh, d->jobs->table, id, sizeof(j->id), j);
	return j;
}

void job_drop(struct job *j)
{
	move_unwanted(j);
	balance_job_over(j->d, j->id);
	HASH_DEL(j->d->jobs->table, j);
	ev_io_stop(j->d->loop, &j->deputy_died);
	ev_timer_stop(j->d->loop, &j->start_timer);
	process_close(&j->deputy);
	if (j->client)
		j->client->job = NULL;
	msg_free(j->spec);
	decisions_done(j);
	free(j->asked);
	cpu_done(&j->cpu);
	free(j);
}

void job_remove_if_over(struct job *j)
{
	int r;

	if (j->state != MOSIX__JOB_STATE__JOB_ENDED || !j->deputy_done || j->move)
		return;
	r = journal_remove(JOURNAL_JOBS, jobid_str(j->id).s);
	if (r < 0)
		log_err("Cannot remove the record of job %s: %s", jobid_str(j->id).s, strerror(-r));
	job_release_end(j);
	job_drop(j);
}

void job_forget(struct job *j)
{
	j->deputy_done = true;
	job_remove_if_over(j);
}

/* ------------------------------------------------------------------ records */

static void fill_move(Mosix__JobRecord *m, const struct job *j)
{
	m->has_phase = true;
	m->phase = j->phase;
	if (j->phase == HANDOVER_PHASE_NONE)
		return;
	m->has_move = m->has_move_gen = m->has_source = m->has_destination = true;
	m->move = j->ref.move;
	m->move_gen = j->ref.gen;
	m->source = j->source;
	m->destination = j->destination;
}

static void fill_record(Mosix__JobRecord *m, const struct job *j)
{
	m->has_job = m->has_state = m->has_gen = m->has_node = m->has_made_by = true;
	m->job = j->id;
	m->state = j->state;
	m->gen = j->copy.gen;
	m->node = j->copy.node;
	m->made_by = j->copy.move;
	m->command = (char *)j->command;
	m->has_deputy_pid = m->has_deputy_start = m->has_killed = true;
	m->deputy_pid = j->deputy.pid;
	m->deputy_start = j->deputy.start;
	m->killed = j->killed;
	m->has_status = m->has_lost = true;
	m->status = j->status;
	m->lost = j->lost;
	m->text = (char *)j->text;
	m->has_started = m->has_start_node = m->has_moves = m->has_cpu_usec = true;
	m->has_born_usec = true;
	m->started = j->started;
	m->born_usec = (uint64_t)j->born_usec;
	m->start_node = j->start_node;
	m->moves = j->moves;
	m->cpu_usec = j->cpu_before;
	m->has_net_bytes = true;
	m->net_bytes = j->net_before;
	m->has_xfeatures = true;
	m->xfeatures = j->cpu.xfeatures;
	m->n_cpu_flags = j->cpu.flag_count;
	m->cpu_flags = j->cpu.flags;
	m->has_signal_seq = m->has_signals = true;
	m->signal_seq = j->signal_seq;
	m->signals.data = (uint8_t *)j->signals;
	m->signals.len = j->signal_count;
	m->has_frozen = true;
	m->frozen = j->frozen;
	fill_move(m, j);
}

int job_save(struct job *j)
{
	Mosix__JobRecord m = MOSIX__JOB_RECORD__INIT;
	_cleanup_free_ uint8_t *spec = NULL;
	Mosix__JobSpec without = *j->spec;
	int r;

	fill_record(&m, j);
	/* What only the start needs, and that may be much. */
	without.n_argv = without.n_envp = 0;
	r = msg_pack(&without.base, &spec, &m.spec.len);
	if (r < 0)
		return r;
	m.has_spec = true;
	m.spec.data = spec;
	return journal_write(JOURNAL_JOBS, jobid_str(j->id).s, &m.base);
}

static void take_move(struct job *j, const Mosix__JobRecord *m)
{
	if (m->phase != HANDOVER_PHASE_PREPARING && m->phase != HANDOVER_PHASE_COMMIT)
		return;
	j->phase = (enum handover_phase)m->phase;
	j->ref.job = m->job;
	j->ref.move = m->move;
	j->ref.gen = m->move_gen;
	j->source = m->source;
	j->destination = m->destination;
}

/* An older version's record has only the wall clock, which may have been set since; what an earlier
 * boot has left counts for no more. */
int64_t job_born(const Mosix__JobRecord *m)
{
	int64_t now = clock_usec(), age = time(NULL) - (int64_t)m->started;

	if (m->has_born_usec && m->born_usec <= (uint64_t)now)
		return (int64_t)m->born_usec;
	return now - (age > 0 ? age : 0) * 1000000;
}

static void take_fields(struct job *j, const Mosix__JobRecord *m)
{
	j->state = m->state;
	j->copy.gen = m->gen;
	j->copy.node = m->node;
	j->copy.move = m->made_by;
	snprintf(j->command, sizeof(j->command), "%s", m->command ? m->command : "");
	j->deputy.pid = m->deputy_pid;
	j->deputy.start = m->deputy_start;
	j->killed = m->killed;
	j->status = m->status;
	j->lost = m->lost;
	snprintf(j->text, sizeof(j->text), "%s", m->text ? m->text : "");
	j->started = m->started;
	j->born_usec = job_born(m);
	j->start_node = m->start_node;
	j->moves = m->moves;
	j->cpu_before = m->cpu_usec;
	j->net_before = m->net_bytes;
	j->frozen = m->frozen;
	if (m->signals.len > JOB_SIGNALS_MAX || m->signals.len > m->signal_seq)
		return;
	j->signal_seq = m->signal_seq;
	j->signal_count = (unsigned int)m->signals.len;
	if (j->signal_count)
		memcpy(j->signals, m->signals.data, j->signal_count);
}

static void take_record(void *arg, void *message)
{
	Mosix__JobRecord *m = message;
	struct mosixd *d = arg;
	Mosix__JobSpec *spec;
	struct job *j;

	spec = msg_unpack(&mosix__job_spec__descriptor, m->spec.data, m->spec.len);
	if (!spec || jobid_home(m->job) != d->config.self || jobs_find(d, m->job)) {
		log_err("The record of job %s cannot be used", jobid_str(m->job).s);
		msg_free(spec);
		return;
	}
	j = job_add(d, m->job);
	if (!j) {
		msg_free(spec);
		return;
	}
	j->spec = spec;
	j->start_epoch = UINT64_MAX;
	take_fields(j, m);
	take_move(j, m);
	j->cpu.xfeatures = m->xfeatures;
	j->cpu.flags = steal_ptr(m->cpu_flags);
	j->cpu.flag_count = m->n_cpu_flags;
	m->n_cpu_flags = 0;
}

/* ------------------------------------------------------------------ life */

int jobs_new(struct mosixd *d, struct err *e)
{
	struct jobs *js = calloc(1, sizeof(*js));
	int r;

	d->jobs = js;
	if (!js)
		return err_sys(e, -ENOMEM, "Cannot keep jobs");
	jobs_tick_start(d);
	r = mkdir_p(CONF_STATE, 0755);
	if (r < 0)
		return err_sys(e, r, "Cannot make %s", CONF_STATE);
	r = seq_open(&js->job_seq, JOB_SEQ, e);
	if (r == 0)
		r = seq_open(&js->move_seq, MOVE_SEQ, e);
	if (r < 0)
		return r;
	r = journal_read(JOURNAL_JOBS, &mosix__job_record__descriptor, take_record, d);
	return r < 0 ? err_sys(e, r, "Cannot read the journal of jobs") : 0;
}

static void deputy_on_died(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct job *j = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	process_close(&j->deputy);
	if (j->state == MOSIX__JOB_STATE__JOB_ENDED)
		job_forget(j);
	else
		job_kill(j, "its deputy (mosix-run) has died");
}

void job_watch_deputy(struct job *j)
{
	ev_io_init(&j->deputy_died, deputy_on_died, j->deputy.pidfd, EV_READ);
	j->deputy_died.data = j;
	ev_io_start(j->d->loop, &j->deputy_died);
}

static void recover(struct job *j)
{
	struct process p = {.pidfd = -1};

	if (j->phase != HANDOVER_PHASE_NONE)
		move_recover_arbiter(j);
	if (!j->deputy.pid && !j->spec->detach) {
		job_kill(j, "it has no deputy");
	} else if (j->deputy.pid) {
		if (process_open(&p, j->deputy.pid, j->deputy.start) == 0) {
			j->deputy = p;
			job_watch_deputy(j);
		} else if (j->state == MOSIX__JOB_STATE__JOB_ENDED) {
			j->deputy_done = true;
		} else {
			job_kill(j, "its deputy (mosix-run) has died");
		}
	} else if (j->state == MOSIX__JOB_STATE__JOB_ENDED) {
		j->deputy_done = true;
	}
	if (j->state == MOSIX__JOB_STATE__JOB_STARTING)
		job_limit_start(j);
	job_remove_if_over(j);
}

void jobs_recover(struct mosixd *d)
{
	struct job *j, *tmp;

	HASH_ITER (hh, d->jobs->table, j, tmp)
		recover(j);
}

void jobs_free(struct mosixd *d)
{
	struct job *j, *tmp;

	if (!d->jobs)
		return;
	ev_timer_stop(d->loop, &d->jobs->tick);
	HASH_ITER (hh, d->jobs->table, j, tmp)
		job_drop(j);
	seq_close(&d->jobs->job_seq);
	seq_close(&d->jobs->move_seq);
	free(d->jobs);
	d->jobs = NULL;
}
