/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a job, natural or not. What a copy reports is acknowledged only when it is written
 * down here (or known to concern nobody); until then the guest keeps it.
 */
#include "daemon/jobs_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/deputy.h"
#include "daemon/mosixd.h"
#include "daemon/move.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void send_ref(struct mosixd *d, uint32_t node, uint16_t type, uint64_t job, uint32_t gen)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;

	m.has_job = m.has_gen = true;
	m.job = job;
	m.gen = gen;
	/* Where there is no link, the next GuestList brings it up again. */
	(void)node_send(d, node, type, &m.base);
}

void job_tell_ended(struct job *j)
{
	Mosix__JobEnded m = MOSIX__JOB_ENDED__INIT;

	if (!j->client)
		return;
	m.has_job = m.has_gen = m.has_status = m.has_lost = true;
	m.job = j->id;
	m.gen = j->copy.gen;
	m.status = j->status;
	m.lost = j->lost;
	m.text = j->text[0] ? j->text : NULL;
	conn_send(j->client->conn, MOSIX__MSG_TYPE__MSG_JOB_ENDED, &m.base, -1);
}

static void log_end(const struct job *j)
{
	if (j->lost)
		log_warn("Job %s is lost: %s", jobid_str(j->id).s, j->text);
	else
		log_info("Job %s has ended with status 0x%x", jobid_str(j->id).s, j->status);
}

void job_end(struct job *j, const Mosix__GuestExited *m, const char *text)
{
	if (j->state == MOSIX__JOB_STATE__JOB_ENDED)
		return;
	/* One that has an exit status has run, even if nobody has said that it began. */
	if (m && !m->lost)
		job_started(j);
	if (j->state == MOSIX__JOB_STATE__JOB_STARTING) {
		job_start_failed(j, 125, m && m->text ? m->text : text);
		return;
	}
	j->state = MOSIX__JOB_STATE__JOB_ENDED;
	j->status = m ? m->status : SIGKILL;
	j->lost = !m || m->lost;
	if (m && m->cpu_usec)
		j->cpu_usec = m->cpu_usec;
	snprintf(j->text, sizeof(j->text), "%s", m && m->text ? m->text : text ? text : "");
	j->end_saved = job_save(j) >= 0;
	if (!j->end_saved)
		log_err("Job %s: cannot write that it has ended (is /run full?)",
			jobid_str(j->id).s);
	log_end(j);
	job_tell_ended(j);
	/* With no deputy, or a dead one, nobody will acknowledge it. */
	if (j->deputy.pidfd < 0)
		job_forget(j);
}

/* ------------------------------------------------------------------ reports of copies */

static void note_cpu_time(struct job *j, const Mosix__GuestExited *m)
{
	if (m->gen == j->copy.gen && m->cpu_usec)
		j->cpu_usec = m->cpu_usec;
}

bool job_end_is_safe(struct job *j, uint32_t from, uint32_t gen)
{
	/* The end of another copy is not the job's. */
	if (j->state != MOSIX__JOB_STATE__JOB_ENDED || j->copy.gen != gen || j->copy.node != from)
		return true;
	if (!j->end_saved)
		j->end_saved = job_save(j) >= 0;
	j->end_kept = !j->end_saved;
	return j->end_saved;
}

void job_release_end(const struct job *j)
{
	if (j->end_kept)
		send_ref(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_EXITED_ACK, j->id,
			 j->copy.gen);
}

int jobs_on_exited(struct mosixd *d, uint32_t from, Mosix__GuestExited *m)
{
	struct job *j = jobs_find(d, m->job);

	node_take_load(nodes_find(d, from), m->load);
	if (j) {
		note_cpu_time(j, m);
		if (j->move)
			move_copy_gone(j, from, m->gen, m);
		else if (j->copy.gen == m->gen && j->copy.node == from)
			job_end(j, m, NULL);
		j = jobs_find(d, m->job); /* it may be over */
	}
	if (j && !job_end_is_safe(j, from, m->gen))
		return 0;
	send_ref(d, from, MOSIX__MSG_TYPE__MSG_GUEST_EXITED_ACK, m->job, m->gen);
	return 0;
}

int jobs_on_stats(struct mosixd *d, uint32_t from, Mosix__GuestStats *m)
{
	struct job *j = jobs_find(d, m->job);

	if (!j || j->copy.gen != m->gen || j->copy.node != from)
		return 0;
	j->cpu_usec = m->cpu_usec;
	j->rss = m->rss;
	j->stopped = m->stopped;
	j->demand = m->demand;
	j->used = m->used;
	j->processes = m->processes;
	j->net_bytes = m->net_bytes;
	j->net_rate = m->net_rate;
	return 0;
}

/* ------------------------------------------------------------------ killing */

void job_send_kill(struct job *j)
{
	send_ref(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_KILL, j->id, j->copy.gen);
}

void job_kill(struct job *j, const char *why)
{
	if (j->killed || j->state == MOSIX__JOB_STATE__JOB_ENDED)
		return;
	log_info("Job %s is killed: %s", jobid_str(j->id).s, why);
	j->killed = true;
	if (job_save(j) < 0)
		log_err("Job %s: cannot write that it must end", jobid_str(j->id).s);
	/* Which copy there is to kill is known when the move has got so far. */
	if (j->moving)
		move_abort(j, why);
	else
		job_send_kill(j);
}

void job_settled(struct job *j)
{
	if (j->state == MOSIX__JOB_STATE__JOB_ENDED) {
		job_remove_if_over(j);
		return;
	}
	if (j->killed) {
		job_send_kill(j);
		return;
	}
	job_send_control(j);
	job_send_signals(j);
	job_link_update(j);
}
