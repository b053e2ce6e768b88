/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-run's command line. Options end at the program's name: what follows is the program's. */
#include "cli/run_opts.h"
#include "cli/version.h"
#include <argp.h>
#include <stdlib.h>

const char *argp_program_version = "mosix-run " MOSIX_VERSION;

static const struct argp_option options[] = {
	{"node", 'n', "NODE", 0, "start the job on NODE (number, name or address)", 0},
	{"home", 'h', NULL, 0, "run the job here and keep it here", 0},
	{"lock", 'L', NULL, 0, "keep the job on the node where it starts", 0},
	{"name", 'J', "NAME", 0, "name of the job, for mosixctl ps", 0},
	{"detach", 'd', NULL, 0, "print the job's number and leave it alone", 0},
	{"verbose", 'v', NULL, 0, "say on standard error where the job runs and moves", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run_opts *o = state->input;

	switch (key) {
	case 'n':
		o->node = arg;
		return 0;
	case 'h':
		o->home = true;
		return 0;
	case 'L':
		o->lock = true;
		return 0;
	case 'J':
		o->name = arg;
		return 0;
	case 'd':
		o->detach = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		o->argv = state->argv + state->next - 1;
		o->argc = state->argc - state->next + 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!o->argc)
			argp_error(state, "no program was given");
		if (o->home && o->node)
			argp_error(state, "--home and --node exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void run_opts_parse(struct run_opts *ret, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "PROGRAM [ARG...]",
		.doc = "Run PROGRAM as a job that may move among the nodes of the cluster, as if "
		       "it "
		       "ran here.\vSee mosix-run(1).",
	};
	struct run_opts o = {0};

	argp_err_exit_status = RUN_EXIT_FAILED;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	*ret = o;
}
