/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-run's command line. Options end at the program's name: what follows is the program's. */
#include "cli/run_opts.h"
#include "cli/version.h"
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "mosix-run " MOSIX_VERSION;

static const struct argp_option options[] = {
	{"node", 'n', "NODE", 0, "start the job on NODE (number, name or address)", 0},
	{"best", 'b', NULL, 0, "start the job on the best node, even if this one is idle", 0},
	{"on", 'r', "NODES", 0, "run the job on these nodes only, like n1,3-5", 0},
	{"or-home", 'F', NULL, 0, "with --on: at home if none of them can be had", 0},
	{"home", 'h', NULL, 0, "run the job here and keep it here", 0},
	{"lock", 'L', NULL, 0, "keep the job on the node where it starts", 0},
	{"memory", 'm', "SIZE", 0, "the job will need so much memory (M; suffixes K, M, G)", 0},
	{"cpu-bound", 'c', NULL, 0, "the job computes: its files do not matter", 0},
	{"io-bound", 'i', NULL, 0, "the job works on files: it stays near them", 0},
	{"class", 'G', "N", 0, "class of the job, 0 to 7: nodes may take some only", 0},
	{"name", 'J', "NAME", 0, "name of the job, for mosixctl ps", 0},
	{"detach", 'd', NULL, 0, "print the job's number and leave it alone", 0},
	{"verbose", 'v', NULL, 0, "say on standard error where the job runs and moves", 0},
	{0},
};

/* "300" are MiB, as in the classic mosrun. */
static uint64_t parse_size(struct argp_state *state, const char *text)
{
	static const char suffixes[] = "KMGT";
	unsigned int shift = 20;
	unsigned long long v;
	const char *suffix;
	char *end = NULL;

	errno = 0;
	v = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	suffix = end && *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
	}
	if (!end || *end || errno || !v || v > UINT64_MAX >> shift)
		argp_error(state, "'%s' is no size of memory: write it like 512, 512M or 2G", text);
	return (uint64_t)v << shift;
}

static uint32_t parse_class(struct argp_state *state, const char *text)
{
	if (*text < '0' || *text > '0' + RUN_CLASS_MAX || text[1])
		argp_error(state, "'%s' is no class: it is a number from 0 to %d", text,
			   RUN_CLASS_MAX);
	return (uint32_t)(*text - '0');
}

static void check_options(struct argp_state *state, const struct run_opts *o)
{
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{!o->argc, "no program was given"},
		{o->home && o->node, "--home and --node exclude each other"},
		{o->home && o->on, "--home and --on exclude each other"},
		{o->home && o->best, "--home and --best exclude each other"},
		{o->node && o->best, "--node and --best exclude each other"},
		{o->node && o->or_home, "--node and --or-home exclude each other"},
		{o->or_home && !o->on, "--or-home needs --on"},
		{o->cpu_bound && o->io_bound, "--cpu-bound and --io-bound exclude each other"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].wrong)
			argp_error(state, "%s", rules[i].text);
}

/* Options that only switch something on; NULL if @key is none. */
static bool *flag_of(struct run_opts *o, int key)
{
	switch (key) {
	case 'b':
		return &o->best;
	case 'F':
		return &o->or_home;
	case 'c':
		return &o->cpu_bound;
	case 'i':
		return &o->io_bound;
	case 'h':
		return &o->home;
	case 'L':
		return &o->lock;
	case 'd':
		return &o->detach;
	case 'v':
		return &o->verbose;
	default:
		return NULL;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run_opts *o = state->input;

	if (flag_of(o, key)) {
		*flag_of(o, key) = true;
		return 0;
	}
	switch (key) {
	case 'n':
		o->node = arg;
		return 0;
	case 'r':
		o->on = arg;
		return 0;
	case 'm':
		o->memory = parse_size(state, arg);
		return 0;
	case 'G':
		o->job_class = parse_class(state, arg);
		return 0;
	case 'J':
		o->name = arg;
		return 0;
	case ARGP_KEY_ARG:
		o->argv = state->argv + state->next - 1;
		o->argc = state->argc - state->next + 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		check_options(state, o);
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
