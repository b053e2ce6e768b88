/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl: asking the daemon, naming jobs and nodes, JSON. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ctl_connect(struct ctl *ctl)
{
	struct err e = {0};
	int r;

	if (ctl->chan)
		return 0;
	r = client_connect(&ctl->chan, &e);
	if (r >= 0)
		return 0;
	return ctl_fail(r == -ENOENT || r == -ECONNREFUSED ? CTL_NO_DAEMON : CTL_FAILED, &e);
}

int ctl_ask(struct ctl *ctl, const Mosix__Request *q, client_progress_fn *progress, void *data,
	    Mosix__Reply **ret)
{
	struct err e = {0};
	int r;

	r = ctl_connect(ctl);
	if (r)
		return r;
	r = client_ask(ctl->chan, q, progress, data, ret, &e);
	return r < 0 ? ctl_fail(CTL_FAILED, &e) : 0;
}

int ctl_ask_op(struct ctl *ctl, Mosix__RequestOp op, Mosix__Reply **ret)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;

	q.has_op = true;
	q.op = op;
	/* Root may name anybody's job. */
	q.has_all = true;
	q.all = geteuid() == 0;
	return ctl_ask(ctl, &q, NULL, NULL, ret);
}

int ctl_target(const char *text, Mosix__Request *q)
{
	char *end;
	long pid;

	if (strchr(text, '.')) {
		if (jobid_parse(text, &q->job) < 0)
			return ctl_usage("'%s' is no job; write HOME.NUMBER, like 1.17", text);
		q->has_job = true;
		return 0;
	}
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || end == text || pid < 1 || pid > INT32_MAX)
		return ctl_usage("'%s' is neither a process number nor a job like 1.17", text);
	q->has_pid = true;
	q->pid = (int32_t)pid;
	return 0;
}

const Mosix__JobRow *ctl_find_job(const Mosix__Reply *ps, const Mosix__Request *q)
{
	for (size_t i = 0; ps && i < ps->n_jobs; i++) {
		const Mosix__JobRow *row = ps->jobs[i];

		if (q->has_job ? row->job == q->job : row->pid == q->pid)
			return row;
	}
	return NULL;
}

size_t ctl_width(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
		return 0;
	return w.ws_col;
}

int ctl_seconds(const char *text, int *ret_ms)
{
	double v;
	char *end;

	if (!text)
		return 0;
	v = strtod(text, &end);
	if (*end || end == text || !(v >= 0.1 && v <= 86400))
		return ctl_usage("'%s' is no number of seconds from 0.1 to 86400", text);
	*ret_ms = (int)(v * 1000);
	return 0;
}

void progress_init(struct progress *p, const struct ctl *ctl, const char *name)
{
	*p = (struct progress){
		.name = name,
		.show = !ctl->quiet && !ctl->json && isatty(STDERR_FILENO),
		.first_only = ctl->no_wait,
	};
}

bool progress_show(const Mosix__Reply *m, void *progress)
{
	_cleanup_free_ char *text = human_safe(m->text);
	struct progress *p = progress;

	if (p->show && text && !p->first_only) {
		fputs("\r\033[K", stderr);
		if (p->name)
			fprintf(stderr, "%s: ", p->name);
		if (m->has_left)
			fprintf(stderr, "%u moved, %u to go%s", m->done, m->left,
				*text ? ", " : "");
		fputs(text, stderr);
		if (m->bytes)
			fprintf(stderr, ", %s", human_bytes(m->bytes).s);
		fflush(stderr);
		p->shown = true;
	}
	return !p->first_only;
}

void progress_wipe(const struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
}

json_t *ctl_json_str(const char *text)
{
	_cleanup_free_ char *safe = NULL;
	json_t *s = json_string(text ? text : "");

	if (s)
		return s;
	safe = human_safe(text);
	return safe ? json_string(safe) : NULL;
}

int ctl_json_print(json_t *o)
{
	int r = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;

	json_decref(o);
	if (r < 0) {
		fputs("mosixctl: out of memory\n", stderr);
		return CTL_FAILED;
	}
	putchar('\n');
	return CTL_OK;
}
