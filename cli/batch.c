/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-batch: the command line, and the whole in order. */
#include "cli/batch.h"
#include "cli/client.h"
#include "cli/node_list.h"
#include "cli/run_opts.h"
#include "cli/version.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/msg.h"
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Jobs for each processor of the cluster, so that one computes while another waits for files. */
#define JOBS_PER_CPU 2

const char *argp_program_version = "mosix-batch " MOSIX_VERSION;

static const struct argp_option options[] = {
	{"jobs", 'j', "N", 0, "so many at a time (2 for each processor of the cluster)", 0},
	{"nodes", 'r', "NODES", 0, "use these nodes only, like n1,3-5", 0},
	{"keep-order", 'k', NULL, 0, "show outputs in the order of the lines", 0},
	{"output", 'o', "DIR", 0, "write outputs to DIR/LINE.out and DIR/LINE.err", 0},
	{"state", 's', "FILE", 0, "note in FILE what is done, and skip what was", 0},
	{"retry", 'R', "N", 0, "start a line up to N times again if it is lost with its node", 0},
	{"fail-fast", 'f', NULL, 0, "end everything when a line fails", 0},
	{"dry-run", 'd', NULL, 0, "show what would be run, run nothing", 0},
	{"json", 'J', NULL, 0, "write a summary for programs at the end", 0},
	{"verbose", 'v', NULL, 0, "say where each job runs", 0},
	{0},
};

static unsigned int parse_number(struct argp_state *state, const char *text, unsigned int min,
				 unsigned int max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || v < min || v > max)
		argp_error(state, "'%s' is no number from %u to %u", text, min, max);
	return (unsigned int)v;
}

static bool *flag_of(struct batch_opts *o, int key)
{
	switch (key) {
	case 'k':
		return &o->keep_order;
	case 'f':
		return &o->fail_fast;
	case 'd':
		return &o->dry_run;
	case 'J':
		return &o->json;
	case 'v':
		return &o->verbose;
	default:
		return NULL;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct batch_opts *o = state->input;

	if (flag_of(o, key)) {
		*flag_of(o, key) = true;
		return 0;
	}
	switch (key) {
	case 'j':
		o->jobs = parse_number(state, arg, 1, BATCH_AT_ONCE_MAX);
		return 0;
	case 'R':
		o->retry = parse_number(state, arg, 0, 1000);
		return 0;
	case 'r':
		o->nodes = arg;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case 's':
		o->state = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (o->file)
			argp_error(state, "there is more than one file");
		o->file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int read_lines(struct batch *b, struct err *e)
{
	const char *path = b->opts.file;
	_cleanup_file_ FILE *f = NULL;

	if (!path || !strcmp(path, "-"))
		return batch_read(b, stdin, e);
	f = fopen(path, "re");
	if (!f)
		return err_sys(e, -errno, "cannot open %s", path);
	return batch_read(b, f, e);
}

static bool is_allowed(const struct batch *b, uint32_t node)
{
	for (size_t i = 0; i < b->nodes.count; i++)
		if (b->nodes.nodes[i] == node)
			return true;
	return !b->nodes.count;
}

static unsigned int capacity(const struct batch *b, const Mosix__Reply *nodes)
{
	unsigned int cpus = 0;

	for (size_t i = 0; i < nodes->n_nodes; i++) {
		const Mosix__NodeRow *row = nodes->nodes[i];

		if (!row->up || !is_allowed(b, row->node))
			continue;
		/* What it may use counts, not what the machine has. */
		if (row->load && row->load->cpus)
			cpus += (row->load->cpus + 999) / 1000;
		else if (row->info)
			cpus += row->info->cpus;
	}
	cpus = cpus < BATCH_AT_ONCE_MAX / JOBS_PER_CPU ? cpus : BATCH_AT_ONCE_MAX / JOBS_PER_CPU;
	return cpus ? cpus * JOBS_PER_CPU : JOBS_PER_CPU;
}

/* Who is there, and so how many jobs at a time. */
static int ask_daemon(struct batch *b, struct err *e)
{
	_cleanup_(chan_freep) struct chan *c = NULL;
	_cleanup_(msg_freep) Mosix__Reply *nodes = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	int r;

	q.has_op = true;
	q.op = MOSIX__REQUEST_OP__OP_NODES;
	r = client_connect(&c, e);
	if (r == 0)
		r = client_ask(c, &q, NULL, NULL, &nodes, e);
	if (r == 0 && b->opts.nodes)
		r = node_list_parse(b->opts.nodes, nodes, &b->nodes.nodes, &b->nodes.count, e);
	if (r < 0)
		return r;
	b->at_once = b->opts.jobs ? b->opts.jobs : capacity(b, nodes);
	if (b->at_once > b->count)
		b->at_once = b->count ? (unsigned int)b->count : 1;
	return 0;
}

static void show_plan(const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->lines[i].state == LINE_WAITING)
			printf("%zu\t%s\n", b->lines[i].number, b->lines[i].text);
}

static int run_lines(struct batch *b, struct err *e)
{
	int r;

	r = ask_daemon(b, e);
	if (r == 0)
		r = batch_run_init(b, e);
	if (r == 0)
		r = batch_output_init(b, e);
	if (r == 0)
		r = batch_run(b, e);
	batch_output_done(b);
	batch_run_done(b);
	return r < 0 ? r : batch_summary(b, e);
}

static int all(struct batch *b, struct err *e)
{
	size_t gone = 0;
	int r;

	r = read_lines(b, e);
	if (r == 0)
		r = batch_state_open(b, &gone, e);
	if (r < 0)
		return r;
	if (gone)
		batch_say(b,
			  "%zu lines that were done before are not there any more: changed ones "
			  "run again",
			  gone);
	if (!b->opts.dry_run)
		return run_lines(b, e);
	show_plan(b);
	if (fflush(stdout) < 0 || ferror(stdout))
		return err_sys(e, -(errno ? errno : EIO), "cannot write to standard output");
	return 0;
}

static int end_as(const struct batch *b, int r)
{
	if (r < 0)
		return RUN_EXIT_FAILED;
	/* So that a shell's loop ends, too. */
	if (b->signal) {
		sigset_t none;

		signal(b->signal, SIG_DFL);
		raise(b->signal);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
	}
	return b->failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "[FILE]",
		.doc = "Run each line of FILE, or of standard input, as a job on the best node of "
		       "the cluster.\vSee mosix-batch(1).",
	};
	struct batch b = {.state_fd = -1, .begun = clock_ms(), .tty = isatty(STDERR_FILENO)};
	struct err e;
	int r;

	argp_err_exit_status = RUN_EXIT_FAILED;
	argp_parse(&argp, argc, argv, 0, NULL, &b.opts);
	r = all(&b, &e);
	if (r < 0)
		batch_say(&b, "%s", e.text);
	b.state_fd = fd_close(b.state_fd);
	free(b.nodes.nodes);
	batch_free_lines(&b);
	return end_as(&b, r);
}
