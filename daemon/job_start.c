/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a job: checked, numbered, written down, then GuestStart to the node where it is to run
 * (which may be this one), then the answer to the deputy.
 */
#include "daemon/jobs_priv.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/control.h"
#include "daemon/deputy.h"
#include "daemon/guests.h"
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

static void tell_started(struct job *j, uint32_t status, const char *text)
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

void job_started(struct job *j)
{
	if (j->state != MOSIX__JOB_STATE__JOB_STARTING)
		return;
	ev_timer_stop(j->d->loop, &j->start_timer);
	j->state = MOSIX__JOB_STATE__JOB_RUNNING;
	if (job_save(j) < 0)
		log_err("Job %s: cannot write its record", jobid_str(j->id).s);
	log_info("Job %s (%s) of user %u runs on %s", jobid_str(j->id).s, j->spec->name,
		 j->spec->uid, node_title(j->d, j->copy.node));
	tell_started(j, 0, NULL);
	job_link_update(j);
}

/* It does not run and never will. */
void job_start_failed(struct job *j, uint32_t status, const char *text)
{
	log_info("Job %s was not started: %s", jobid_str(j->id).s, text);
	ev_timer_stop(j->d->loop, &j->start_timer);
	tell_started(j, status, text);
	j->state = MOSIX__JOB_STATE__JOB_ENDED;
	job_forget(j);
}

int jobs_on_started(struct mosixd *d, uint32_t from, Mosix__GuestStarted *m)
{
	struct job *j = jobs_find(d, m->job);
	uint32_t status = EXIT_FAILED;
	char text[ERR_MAX];

	if (!j || j->copy.node != from || j->copy.gen != m->gen ||
	    j->state != MOSIX__JOB_STATE__JOB_STARTING)
		return 0;
	if (!m->error && !m->exec_error) {
		job_started(j);
		if (j->killed)
			job_send_kill(j);
		return 0;
	}
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
	tell_started(j, EXIT_FAILED, text);
}

/* ------------------------------------------------------------------ asking for it */

static int choose_node(struct client *c, const Mosix__JobStart *m, struct node **ret, struct err *e)
{
	struct mosixd *d = c->d;
	struct node *n;

	if (!m->node || !m->node[0] || !strcmp(m->node, "home") || m->spec->home_only)
		n = nodes_find(d, d->config.self);
	else
		n = nodes_find_text(d, m->node);
	if (!n)
		return err_set(e, -ENOENT, "There is no node %.128s in this cluster",
			       m->node ? m->node : "");
	if (!node_up(n))
		return err_set(e, -EHOSTUNREACH, "%s cannot be reached%s%s",
			       node_title(d, n->number), n->problem[0] ? ": " : "", n->problem);
	*ret = n;
	return 0;
}

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

static int new_number(struct mosixd *d, uint64_t *ret)
{
	uint64_t seq;
	int r;

	r = seq_next(&d->jobs->job_seq, &seq);
	if (r < 0)
		return r;
	if (seq > UINT32_MAX)
		return -EOVERFLOW;
	*ret = jobid_make(d->config.self, (uint32_t)seq);
	return jobs_find(d, *ret) ? -EEXIST : 0;
}

static struct job *new_job(struct client *c, Mosix__JobStart *m, const struct node *n,
			   struct err *e)
{
	struct mosixd *d = c->d;
	struct job *j;
	uint64_t id;
	int r;

	r = new_number(d, &id);
	if (r < 0) {
		err_sys(e, r, "Cannot number the job (see /var/lib/mosix)");
		return NULL;
	}
	j = job_add(d, id);
	if (!j) {
		err_sys(e, -ENOMEM, "Cannot start the job");
		return NULL;
	}
	j->copy.gen = 1;
	j->copy.node = n->number;
	j->start_node = n->number;
	j->start_epoch = n->epoch;
	j->started = (uint64_t)time(NULL);
	spec_command(m->spec, j->command, sizeof(j->command));
	m->spec->job = id;
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

/* The record does not hold what only the first start needs. */
static int save_without_args(struct job *j)
{
	size_t n_argv = j->spec->n_argv, n_envp = j->spec->n_envp;
	int r;

	j->spec->n_argv = j->spec->n_envp = 0;
	r = job_save(j);
	j->spec->n_argv = n_argv;
	j->spec->n_envp = n_envp;
	return r;
}

static void free_list(ProtobufCBinaryData **list, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*list)[i].data);
	free(*list);
	*list = NULL;
	*count = 0;
}

static int send_start(struct job *j)
{
	Mosix__GuestStart m = MOSIX__GUEST_START__INIT;
	int r;

	m.has_job = m.has_gen = true;
	m.job = j->id;
	m.gen = j->copy.gen;
	m.spec = j->spec;
	r = node_send(j->d, j->copy.node, MOSIX__MSG_TYPE__MSG_GUEST_START, &m.base);
	free_list(&j->spec->argv, &j->spec->n_argv);
	free_list(&j->spec->envp, &j->spec->n_envp);
	return r;
}

static void arm_start(struct job *j)
{
	ev_timer_init(&j->start_timer, on_start_timeout, START_SECONDS, 0.0);
	j->start_timer.data = j;
	ev_timer_start(j->d->loop, &j->start_timer);
}

/* Everything that can be refused is, before there is a record. NULL with a sentence. */
static struct job *accept_job(struct client *c, Mosix__JobStart *m, struct err *e)
{
	struct node *n = NULL;

	if (c->job || !m->spec) {
		err_set(e, 0, "This request is not valid");
		return NULL;
	}
	if (check_room(c, e) < 0 || job_spec_check(c, m->spec, e) < 0 ||
	    choose_node(c, m, &n, e) < 0)
		return NULL;
	return new_job(c, m, n, e);
}

void job_start(struct client *c, Mosix__JobStart *m)
{
	struct job *j;
	struct err e;
	int r;

	j = accept_job(c, m, &e);
	if (!j) {
		deputy_refuse(c, EXIT_FAILED, e.text);
		return;
	}
	deputy_attach(j, c);
	r = save_without_args(j);
	if (r < 0) {
		err_sys(&e, r, "Cannot write the job's record (see /run/mosix)");
		job_start_failed(j, EXIT_FAILED, e.text);
		return;
	}
	arm_start(j);
	r = send_start(j);
	if (r < 0) {
		err_sys(&e, r, "Cannot start the job on %s", node_title(c->d, j->copy.node));
		job_start_failed(j, EXIT_FAILED, e.text);
	}
}
