/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl migrate, kill, explain: what is done to one job. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "cli/node_list.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <inttypes.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Where the job ran before, and what people call the nodes: for the report alone, so that a
 * failure here is none. */
struct move_context {
	Mosix__Reply *ps;
	Mosix__Reply *nodes;
};

static void move_context_done(struct move_context *x)
{
	msg_free(x->ps);
	msg_free(x->nodes);
}

static uint32_t number_of_node(const struct move_context *x, const char *text,
			       const Mosix__JobRow *before)
{
	const Mosix__NodeRow *row;

	if (!strcmp(text, "home") && before)
		return before->home;
	row = node_find(x->nodes, text);
	return row ? row->node : 0;
}

struct moved {
	uint64_t job; /* 0: not known */
	uint32_t from, to;
	const Mosix__Reply *reply;
};

static int moved_json(const struct moved *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "job", m->job ? ctl_json_str(jobid_str(m->job).s) : json_null());
	json_object_set_new(o, "from", m->from ? json_integer(m->from) : json_null());
	json_object_set_new(o, "to", json_integer(m->to));
	json_object_set_new(o, "downtime_usec", json_integer((json_int_t)m->reply->downtime_usec));
	json_object_set_new(o, "total_usec", json_integer((json_int_t)m->reply->total_usec));
	json_object_set_new(o, "bytes", json_integer((json_int_t)m->reply->bytes));
	return ctl_json_print(o);
}

static void print_node(const struct move_context *x, uint32_t node)
{
	char buf[16];
	_cleanup_free_ char *name = human_safe(client_node_name(x->nodes, node, buf, sizeof(buf)));

	fputs(node && name ? name : "?", stdout);
}

static int moved_print(const struct moved *m, const struct move_context *x)
{
	printf("moved %s ", m->job ? jobid_str(m->job).s : "job");
	print_node(x, m->from);
	fputs(!strcmp(nl_langinfo(CODESET), "UTF-8") ? " → " : " -> ", stdout);
	print_node(x, m->to);
	printf(", downtime %s", human_usec(m->reply->downtime_usec).s);
	printf(", total %s", human_usec(m->reply->total_usec).s);
	printf(", %s\n", human_bytes(m->reply->bytes).s);
	return CTL_OK;
}

static int report_move(const struct ctl *ctl, const Mosix__Request *q, const Mosix__Reply *reply,
		       const struct move_context *x)
{
	const Mosix__JobRow *before = ctl_find_job(x->ps, q);
	const Mosix__JobRow *after = reply->n_jobs ? reply->jobs[0] : NULL;
	struct moved m = {.reply = reply};

	m.job = q->has_job ? q->job : after ? after->job : before ? before->job : 0;
	m.from = before ? before->node : 0;
	m.to = after ? after->node : number_of_node(x, q->node, before);
	if (ctl->json)
		return moved_json(&m);
	if (ctl->quiet)
		return CTL_OK;
	/* The daemon may know better: it was there already, it is on its way, … */
	if (!reply->has_total_usec && reply->text && *reply->text) {
		_cleanup_free_ char *text = human_safe(reply->text);

		printf("%s\n", text ? text : "");
		return CTL_OK;
	}
	return moved_print(&m, x);
}

int ctl_migrate(struct ctl *ctl)
{
	_cleanup_(move_context_done) struct move_context x = {0};
	_cleanup_(msg_freep) Mosix__Reply *reply = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct progress progress;
	int r;

	if (ctl->argc != 2)
		return ctl_usage("migrate needs a job (or process number) and a node or 'home'");
	r = ctl_target(ctl->argv[0], &q);
	if (!r)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_PS, &x.ps);
	if (!r)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &x.nodes);
	if (r)
		return r;

	q.has_op = true;
	q.op = MOSIX__REQUEST_OP__OP_MIGRATE;
	q.node = ctl->argv[1];
	progress_init(&progress, ctl, NULL);
	r = ctl_ask(ctl, &q, progress_show, &progress, &reply);
	progress_wipe(&progress);
	return r ? r : report_move(ctl, &q, reply, &x);
}

/* "TERM", "SIGTERM", "15", "RTMIN+2"; 0 if it is no signal. */
static int signal_number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*end && end != text)
		return n > 0 && n <= SIGRTMAX ? (int)n : 0;
	if (!strncmp(text, "SIG", 3))
		text += 3;
	if (!strncmp(text, "RTMIN", 5)) {
		n = strtol(text + 5, &end, 10);
		return !*end && n >= 0 && SIGRTMIN + n <= SIGRTMAX ? (int)(SIGRTMIN + n) : 0;
	}
	for (int s = 1; s < SIGRTMIN; s++) {
		const char *name = sigabbrev_np(s);

		if (name && !strcmp(name, text))
			return s;
	}
	return 0;
}

int ctl_kill(struct ctl *ctl)
{
	_cleanup_(msg_freep) Mosix__Reply *reply = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	int sig = SIGTERM, i = 0, r;

	if (ctl->argc && ctl->argv[0][0] == '-') {
		const char *name = ctl->argv[i++] + 1;

		if (!strcmp(name, "s") && ctl->argc > 1)
			name = ctl->argv[i++];
		sig = signal_number(name);
		if (!sig)
			return ctl_usage("there is no signal '%s'", name);
	}
	if (ctl->argc - i != 1)
		return ctl_usage("kill needs one job or process number");
	r = ctl_target(ctl->argv[i], &q);
	if (r)
		return r;
	q.has_op = q.has_signal = true;
	q.op = MOSIX__REQUEST_OP__OP_KILL;
	q.signal = (uint32_t)sig;
	return ctl_ask(ctl, &q, NULL, NULL, &reply);
}
