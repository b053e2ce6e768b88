/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl drain, block, lock and the like: what is done to nodes, and to many jobs. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ what stays when we go */

static char goodbye[256];
static size_t goodbye_len;
/* With --json: how far it is, ready to be printed. */
static char *volatile how_far;

static void on_interrupt(int sig)
{
	const char *json = how_far;

	if (json && write(STDOUT_FILENO, json, strlen(json)) < 0)
		_exit(128 + sig);
	/* Nothing can be done if that cannot be said. */
	if (write(STDERR_FILENO, goodbye, goodbye_len) < 0)
		_exit(128 + sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* From now on ^C says that the daemon goes on with @what. */
static void say_goodbye(const char *what, const char *undo)
{
	int n = snprintf(goodbye, sizeof(goodbye), "%smosixctl: waiting is over, %s%s%s%s\n",
			 isatty(STDERR_FILENO) ? "\n" : "", what, undo ? " ('mosixctl " : "",
			 undo ? undo : "", undo ? "' ends it)" : "");

	goodbye_len = n > 0 && (size_t)n < sizeof(goodbye) ? (size_t)n : 0;
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
}

/* ------------------------------------------------------------------ nodes */

static json_t *stays_json(const Mosix__Reply *m)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < m->n_stays; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "job", ctl_json_str(jobid_str(m->stays[i]->job).s));
		json_object_set_new(o, "held", json_boolean(m->stays[i]->held));
		json_object_set_new(o, "text", ctl_json_str(m->stays[i]->text));
		json_array_append_new(rows, o);
	}
	return rows;
}

static json_t *control_json(const struct ctl *ctl, const Mosix__Reply *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "node", ctl->argc ? ctl_json_str(ctl->argv[0]) : json_null());
	json_object_set_new(o, "text", ctl_json_str(m->text));
	json_object_set_new(o, "done", json_integer(m->done));
	json_object_set_new(o, "left", json_integer(m->left));
	json_object_set_new(o, "waited", json_boolean(!m->more));
	if (m->has_left)
		json_object_set_new(o, "stays", stays_json(m));
	return o;
}

static void print_stays(FILE *f, const Mosix__Reply *m)
{
	for (size_t i = 0; i < m->n_stays; i++) {
		_cleanup_free_ char *text = human_safe(m->stays[i]->text);

		fprintf(f, "job %s stays%s: %s\n", jobid_str(m->stays[i]->job).s,
			m->stays[i]->held ? "" : " for now", text ? text : "");
	}
}

static void control_print(const struct ctl *ctl, const Mosix__Reply *m, const char *name)
{
	_cleanup_free_ char *text = human_safe(m->text);
	bool failed = m->left && !m->more;

	if (failed)
		fprintf(stderr, "mosixctl: %s\n", text ? text : "");
	if (ctl->quiet)
		return;
	if (text && *text && !failed)
		printf("%s\n", text);
	else if (m->has_left && (m->more || m->left))
		printf("%u moved, %u to go\n", m->done, m->left);
	else if (m->has_left)
		printf("%s: done, %u jobs moved\n", name, m->done);
	print_stays(failed ? stderr : stdout, m);
}

struct waiting {
	struct ctl *ctl;
	struct progress progress;
	char *said; /* of what stays, as last printed */
};

/* Of what stays, lines that remain, whenever they change. */
static void say_stays(struct waiting *w, const Mosix__Reply *m)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	print_stays(f, m);
	if (fclose(f) != 0 || (w->said && !strcmp(w->said, text)))
		return;
	progress_wipe(&w->progress);
	fputs(text, stderr);
	if (m->n_stays && (!w->said || !w->said[0]))
		fputs("It leaves as soon as it can. To interrupt this command ends only the "
		      "waiting.\n",
		      stderr);
	free(w->said);
	w->said = steal_ptr(text);
}

static void keep_json(const struct waiting *w, const Mosix__Reply *m)
{
	json_t *o = control_json(w->ctl, m);
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL, *before = how_far;
	char *line = text ? malloc(strlen(text) + 2) : NULL;

	json_decref(o);
	if (line)
		strcat(strcpy(line, text), "\n");
	free(text);
	/* A signal finds the one or the other. */
	how_far = line;
	free(before);
}

static bool show_waiting(const Mosix__Reply *m, void *data)
{
	struct waiting *w = data;

	if (w->ctl->no_wait)
		return false;
	if (!w->ctl->quiet && m->has_left)
		say_stays(w, m);
	if (w->ctl->json)
		keep_json(w, m);
	return progress_show(m, &w->progress);
}

/* Asks, waits if there is something to wait for, and prints what became of it. */
static int control(struct ctl *ctl, Mosix__Request *q, const char *name)
{
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	struct waiting w = {.ctl = ctl};
	char *kept;
	int r;

	progress_init(&w.progress, ctl, name);
	q->has_op = true;
	r = ctl_ask(ctl, q, show_waiting, &w, &m);
	progress_wipe(&w.progress);
	free(w.said);
	/* From here on all is said below. */
	kept = how_far;
	how_far = NULL;
	free(kept);
	if (r)
		return r;
	if (ctl->json)
		r = ctl_json_print(control_json(ctl, m));
	else
		control_print(ctl, m, name);
	/* Some could not leave. */
	return r ? r : !m->more && m->left ? CTL_FAILED : CTL_OK;
}

static int control_node(struct ctl *ctl, Mosix__RequestOp op, const char *name)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;

	if (ctl->argc > 1)
		return ctl_usage("%s takes one node at most", name);
	q.op = op;
	q.node = ctl->argc ? ctl->argv[0] : NULL;
	q.has_all = q.all = ctl->all;
	return control(ctl, &q, name);
}

int ctl_drain(struct ctl *ctl)
{
	char undo[96];

	snprintf(undo, sizeof(undo), "undrain%s%.64s", ctl->argc ? " " : "",
		 ctl->argc ? ctl->argv[0] : "");
	say_goodbye("the drain goes on", undo);
	return control_node(ctl, MOSIX__REQUEST_OP__OP_DRAIN, "drain");
}

int ctl_undrain(struct ctl *ctl)
{
	return control_node(ctl, MOSIX__REQUEST_OP__OP_UNDRAIN, "undrain");
}

int ctl_block(struct ctl *ctl)
{
	return control_node(ctl, MOSIX__REQUEST_OP__OP_BLOCK, "block");
}

int ctl_unblock(struct ctl *ctl)
{
	return control_node(ctl, MOSIX__REQUEST_OP__OP_UNBLOCK, "unblock");
}

int ctl_expel(struct ctl *ctl)
{
	say_goodbye("the guests go on leaving", NULL);
	return control_node(ctl, MOSIX__REQUEST_OP__OP_EXPEL, "expel");
}

int ctl_bring(struct ctl *ctl)
{
	say_goodbye("the jobs go on coming home", NULL);
	return control_node(ctl, MOSIX__REQUEST_OP__OP_BRING, "bring");
}

int ctl_stay(struct ctl *ctl)
{
	return control_node(ctl, MOSIX__REQUEST_OP__OP_STAY, "stay");
}

int ctl_unstay(struct ctl *ctl)
{
	return control_node(ctl, MOSIX__REQUEST_OP__OP_UNSTAY, "unstay");
}

int ctl_speed(struct ctl *ctl)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;
	const char *value;
	unsigned long v;
	char *end;

	if (ctl->argc < 1 || ctl->argc > 2)
		return ctl_usage("speed needs a value, and may have a node before it");
	value = ctl->argv[--ctl->argc];
	errno = 0;
	v = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || v > 10000000)
		return ctl_usage("'%s' is no speed: it is a number up to 10000000, 10000 is the "
				 "standard CPU",
				 value);
	q.op = MOSIX__REQUEST_OP__OP_SPEED;
	q.node = ctl->argc ? ctl->argv[0] : NULL;
	q.has_value = true;
	q.value = (uint32_t)v;
	return control(ctl, &q, "speed");
}

int ctl_balance(struct ctl *ctl)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;

	if (ctl->argc < 1 || ctl->argc > 2)
		return ctl_usage("balance needs 'on' or 'off', and may have a node behind it");
	q.has_on = true;
	q.on = !strcmp(ctl->argv[0], "on");
	if (!q.on && strcmp(ctl->argv[0], "off") != 0)
		return ctl_usage("balance is 'on' or 'off', not '%s'", ctl->argv[0]);
	ctl->argv++;
	ctl->argc--;
	q.op = MOSIX__REQUEST_OP__OP_BALANCE;
	q.node = ctl->argc ? ctl->argv[0] : NULL;
	return control(ctl, &q, "balance");
}

/* ------------------------------------------------------------------ jobs */

struct job_result {
	int status;
	json_t *rows;
};

static void control_job(struct ctl *ctl, Mosix__RequestOp op, const char *text,
			struct job_result *res)
{
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct err e = {0};
	json_t *row;
	int r;

	(void)ctl_target(text, &q);
	q.has_op = true;
	q.op = op;
	r = client_ask(ctl->chan, &q, NULL, NULL, &m, &e);
	if (r < 0)
		res->status = ctl->json ? CTL_FAILED : ctl_fail(CTL_FAILED, &e);
	if (!ctl->json)
		return;
	row = json_object();
	json_object_set_new(row, "job", ctl_json_str(text));
	json_object_set_new(row, "ok", json_boolean(r == 0));
	json_object_set_new(row, "text", ctl_json_str(r ? e.text : m->text));
	json_array_append_new(res->rows, row);
}

/* One after the other; what fails for one is no reason to leave out the rest. */
static int control_jobs(struct ctl *ctl, Mosix__RequestOp op, const char *name)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct job_result res = {.status = CTL_OK};
	json_t *o;
	int r;

	if (!ctl->argc)
		return ctl_usage("%s needs a job or process number", name);
	for (int i = 0; i < ctl->argc; i++) {
		r = ctl_target(ctl->argv[i], &q);
		if (r)
			return r;
	}
	r = ctl_connect(ctl);
	if (r)
		return r;
	res.rows = ctl->json ? json_array() : NULL;
	for (int i = 0; i < ctl->argc; i++)
		control_job(ctl, op, ctl->argv[i], &res);
	if (!ctl->json)
		return res.status;
	o = json_object();
	json_object_set_new(o, "jobs", res.rows);
	r = ctl_json_print(o);
	return r ? r : res.status;
}

int ctl_lock(struct ctl *ctl)
{
	return control_jobs(ctl, MOSIX__REQUEST_OP__OP_LOCK, "lock");
}

int ctl_unlock(struct ctl *ctl)
{
	return control_jobs(ctl, MOSIX__REQUEST_OP__OP_UNLOCK, "unlock");
}

int ctl_freeze(struct ctl *ctl)
{
	return control_jobs(ctl, MOSIX__REQUEST_OP__OP_FREEZE, "freeze");
}

int ctl_continue(struct ctl *ctl)
{
	return control_jobs(ctl, MOSIX__REQUEST_OP__OP_CONTINUE, "continue");
}
