/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a job: checked, numbered, written down, then GuestStart to the node where it is to run
 * (which may be this one), then the answer to the deputy.
 */
#include "daemon/jobs_priv.h"

#include "common/cleanup.h"
#include "common/fail.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/deputy.h"
#include "daemon/guests.h"
#include "daemon/metrics.h"
#include "daemon/mfs_settle.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOBS_MAX 16384
#define JOBS_PER_USER 4096
#define START_SECONDS 30.0
/* Exit statuses of mosix-run, as of other programs that run programs. */
#define EXIT_FAILED 125
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

void job_tell_started(struct job *j, uint32_t status, const char *text)
{
	Mosix__JobStarted m = MOSIX__JOB_STARTED__INIT;

	if (!j->client)
		return;
	m.has_job = m.has_error = m.has_node = true;
	m.job = j->id;
	m.error = status;
	m.text = (char *)text;
	m.node = j->copy.node;
	conn_send(j->client->conn, MOSIX__MSG_TYPE__MSG_JOB_STARTED, &m.base, -1);
}

static void free_list(ProtobufCBinaryData **list, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*list)[i].data);
	free(*list);
	*list = NULL;
	*count = 0;
}

static void free_args(struct job *j)
{
	free_list(&j->spec->argv, &j->spec->n_argv);
	free_list(&j->spec->envp, &j->spec->n_envp);
}

void job_started(struct job *j)
{
	if (j->state != MOSIX__JOB_STATE__JOB_STARTING)
		return;
	ev_timer_stop(j->d->loop, &j->start_timer);
	free_args(j);
	j->state = MOSIX__JOB_STATE__JOB_RUNNING;
	if (job_save(j) < 0)
		log_err("Job %s: cannot write its record", jobid_str(j->id).s);
	log_info("Job %s (%s) of user %u runs on %s", jobid_str(j->id).s, j->spec->name,
		 j->spec->uid, node_title(j->d, j->copy.node));
	metrics_job_started(j->d, j->copy.node != j->d->config.self);
	job_tell_started(j, 0, NULL);
	job_send_control(j);
	job_link_update(j);
}

/* It does not run and never will. */
void job_start_failed(struct job *j, uint32_t status, const char *text)
{
	log_info("Job %s was not started: %s", jobid_str(j->id).s, text);
	ev_timer_stop(j->d->loop, &j->start_timer);
	job_tell_started(j, status, text);
	j->state = MOSIX__JOB_STATE__JOB_ENDED;
	job_forget(j);
}

int jobs_on_started(struct mosixd *d, uint32_t from, Mosix__GuestStarted *m)
{
	struct job *j = jobs_find(d, m->job);
	struct node *n = nodes_find(d, from);
	uint32_t status = EXIT_FAILED;
	char text[ERR_MAX];

	if (!j || j->copy.node != from || j->copy.gen != m->gen ||
	    j->state != MOSIX__JOB_STATE__JOB_STARTING)
		return 0;
	node_take_load(n, m->load);
	if (!m->error && !m->exec_error) {
		/* If there was no link when it was sent there, this is the first that is heard. */
		if (n)
			(void)job_note_cpu(j, node_info(n));
		job_started(j);
		if (j->killed)
			job_send_kill(j);
		return 0;
	}
	if (m->refused && !j->killed && job_start_elsewhere(j, m->text))
		return 0;
	if (m->exec_error)
		status = m->exec_error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	if (m->text && m->text[0])
		snprintf(text, sizeof(text), "%s", m->text);
	else
		snprintf(text, sizeof(text), "%s: %s", j->spec->name,
			 strerror(m->exec_error ? m->exec_error : m->error));
	job_start_failed(j, status, text);
	return 0;
}

static void on_start_timeout(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct job *j = w->data;
	char text[ERR_MAX];

	(void)loop;
	(void)revents;
	snprintf(text, sizeof(text), "%s did not start the job within %.0f s; try another node",
		 node_title(j->d, j->copy.node), START_SECONDS);
	job_kill(j, text);
	job_tell_started(j, EXIT_FAILED, text);
}

void jobs_link_failed(struct node *n)
{
	char text[ERR_MAX];
	struct job *j, *tmp;

	snprintf(text, sizeof(text),
		 "%s cannot be reached%s%.300s (mosixctl nodes shows what can be)",
		 node_title(n->d, n->number), n->problem[0] ? ": " : "", n->problem);
	HASH_ITER (hh, n->d->jobs->table, j, tmp) {
		/* Of one that has left over an earlier link nothing is certain. */
		if (j->state != MOSIX__JOB_STATE__JOB_STARTING || j->copy.node != n->number ||
		    j->start_epoch != node_epoch(n))
			continue;
		if (j->killed || !job_start_elsewhere(j, text))
			job_start_failed(j, EXIT_FAILED, text);
	}
}

/* ------------------------------------------------------------------ asking for it */

static int check_room(const struct client *c, struct err *e)
{
	if (jobs_count(c->d) >= JOBS_MAX)
		return err_set(e, -EAGAIN, "This node has %u jobs, which is all it can have",
			       JOBS_MAX);
	if (c->uid && jobs_count_user(c->d, c->uid) >= JOBS_PER_USER)
		return err_set(e, -EAGAIN, "You have %u jobs, which is all that a user can have",
			       JOBS_PER_USER);
	return 0;
}

/* Decisions want to know whom they are about. */
static int set_number(struct mosixd *d, Mosix__JobSpec *spec, struct err *e)
{
	uint64_t seq;
	int r;

	r = seq_next(&d->jobs->job_seq, &seq);
	if (r == 0 && seq > UINT32_MAX)
		r = -EOVERFLOW;
	if (r == 0) {
		spec->job = jobid_make(d->config.self, (uint32_t)seq);
		r = jobs_find(d, spec->job) ? -EEXIST : 0;
	}
	return r < 0 ? err_sys(e, r, "Cannot number the job (see /var/lib/mosix)") : 0;
}

static struct job *new_job(struct client *c, Mosix__JobStart *m, const struct node *n,
			   struct err *e)
{
	uint64_t id = m->spec->job;
	struct mosixd *d = c->d;
	struct job *j;
	int r;

	j = job_add(d, id);
	if (!j) {
		err_sys(e, -ENOMEM, "Cannot start the job");
		return NULL;
	}
	j->copy.gen = 1;
	j->copy.node = n->number;
	j->start_node = n->number;
	j->start_epoch = node_epoch(n);
	j->started = (uint64_t)time(NULL);
	j->born_usec = clock_usec();
	spec_command(m->spec, j->command, sizeof(j->command));
	j->spec = steal_ptr(m->spec);
	r = job_note_cpu(j, node_info(n));
	if (r == 0 && !j->spec->detach)
		r = process_open_peer(&j->deputy, client_fd(c));
	if (r < 0) {
		m->spec = steal_ptr(j->spec);
		job_drop(j);
		err_sys(e, r, "Cannot start the job");
		return NULL;
	}
	if (j->deputy.pid)
		job_watch_deputy(j);
	return j;
}

static int send_start(struct job *j)
{
	Mosix__GuestStart m = MOSIX__GUEST_START__INIT;
	int r;

	m.has_job = m.has_gen = m.has_placed = m.has_claimed_load = true;
	m.job = j->id;
	m.gen = j->copy.gen;
	m.spec = j->spec;
	m.placed = j->placed && j->copy.node != j->d->config.self;
	m.claimed_load = j->claimed_load;
	r = node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_START, &m.base);
	/* One that may be refused is sent again, elsewhere. */
	if (!m.placed)
		free_args(j);
	return r;
}

static void start_failed(struct job *j, int r)
{
	struct err e;

	if (job_start_elsewhere(j, "the link to it is down"))
		return;
	err_sys(&e, r, "Cannot start the job on %s", node_title(j->d, j->copy.node));
	job_start_failed(j, EXIT_FAILED, e.text);
}

static void on_settled(struct mosixd *d, uint64_t job, uint64_t gen)
{
	struct job *j = jobs_find(d, job);
	int r;

	if (!j || j->state != MOSIX__JOB_STATE__JOB_STARTING || j->copy.gen != gen)
		return;
	r = send_start(j);
	if (r < 0)
		start_failed(j, r);
}

/* To another node not before that knows what was changed here. */
int job_send_start(struct job *j)
{
	if (j->copy.node != j->d->config.self && mfs_settle(j->d, on_settled, j->id, j->copy.gen))
		return 0;
	return send_start(j);
}

void job_limit_start(struct job *j)
{
	ev_timer_init(&j->start_timer, on_start_timeout, START_SECONDS, 0.0);
	j->start_timer.data = j;
	ev_timer_start(j->d->loop, &j->start_timer);
}

/* Everything that can be refused is, before there is a record. NULL with a sentence. */
static struct job *accept_job(struct client *c, Mosix__JobStart *m, struct balance_decision *dec,
			      struct err *e)
{
	struct node *n = NULL;
	struct job *j;

	if (c->job || !m->spec) {
		err_set(e, 0, "This request is not valid");
		return NULL;
	}
	if (check_room(c, e) < 0 || job_spec_check(c, m->spec, e) < 0 ||
	    set_number(c->d, m->spec, e) < 0 || job_choose_node(c->d, m, &n, dec, e) < 0)
		return NULL;
	j = new_job(c, m, n, e);
	if (!j)
		return NULL;
	j->placed = dec->reason != BALANCE_NOTHING;
	j->best = m->best;
	j->or_home = m->or_home;
	j->claimed_load = dec->load_there;
	return j;
}

void job_start(struct client *c, Mosix__JobStart *m)
{
	struct balance_decision dec;
	struct job *j;
	struct err e;
	int r;

	FAIL_POINT("daemon/job/start");
	j = accept_job(c, m, &dec, &e);
	if (!j) {
		deputy_refuse(c, EXIT_FAILED, e.text);
		return;
	}
	deputy_attach(j, c);
	r = job_save(j);
	if (r < 0) {
		err_sys(&e, r, "Cannot write the job's record (see /run/mosix)");
		job_start_failed(j, EXIT_FAILED, e.text);
		return;
	}
	job_note_place(j, &dec);
	job_limit_start(j);
	r = job_send_start(j);
	if (r < 0)
		start_failed(j, r);
}
