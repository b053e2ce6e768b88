/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-make: runs make so that the lines of its recipes become jobs. It only prepares the
 * environment and becomes make; make_preload.c and mosix-line (make_line_main.c) do the rest.
 */
#include "cli/client.h"
#include "cli/find_program.h"
#include "cli/make_env.h"
#include "cli/node_list.h"
#include "cli/run_opts.h"
#include "cli/version.h"
#include "common/cleanup.h"
#include "common/msg.h"
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD_LIBRARY MOSIX_LIBEXECDIR "/mosix-make.so"

const char *argp_program_version = "mosix-make " MOSIX_VERSION;

struct make_opts {
	char *local; /* patterns, one a line */
	const char *nodes;
	bool verbose;
};

/* Short ones would be make's, but for the one that everybody knows. */
enum { OPT_LOCAL = 0x100, OPT_NODES };

static const struct argp_option options[] = {
	{"local", OPT_LOCAL, "PATTERN", 0, "lines that match PATTERN stay at home (repeatable)", 0},
	{"nodes", OPT_NODES, "NODES", 0, "use these nodes only, like n1,3-5", 0},
	{"verbose", 'v', NULL, 0, "say on standard error where each line runs", 0},
	{0},
};

static int failed(const char *text)
{
	fprintf(stderr, "mosix-make: %s\n", text);
	return RUN_EXIT_FAILED;
}

static void add_pattern(struct make_opts *o, const char *pattern)
{
	char *all = NULL;

	if (asprintf(&all, "%s%s\n", o->local ? o->local : "", pattern) < 0)
		exit(failed("out of memory"));
	free(o->local);
	o->local = all;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct make_opts *o = state->input;

	switch (key) {
	case OPT_LOCAL:
		if (!*arg || strchr(arg, '\n'))
			argp_error(state, "a pattern must be one line, and not empty");
		add_pattern(o, arg);
		return 0;
	case OPT_NODES:
		o->nodes = arg;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* How many of @argv are ours: our options come first, everything from the first other one on is
 * make's. */
static int count_own(int argc, char **argv, bool *ret_dashes)
{
	static const char *const with_value[] = {"--local", "--nodes", NULL};
	static const char *const alone[] = {"-v",      "--verbose", "-?", "--help",
					    "--usage", "--version", "-V", NULL};
	int n = 1;

	*ret_dashes = false;
	while (n < argc) {
		const char *const *o;

		for (o = with_value; *o && strcmp(argv[n], *o) != 0; o++)
			;
		if (*o) {
			n += 2;
			continue;
		}
		for (o = alone; *o && strcmp(argv[n], *o) != 0; o++)
			;
		if (!*o && strncmp(argv[n], "--local=", 8) && strncmp(argv[n], "--nodes=", 8))
			break;
		n++;
	}
	*ret_dashes = n < argc && !strcmp(argv[n], "--");
	return n < argc ? n : argc;
}

/* "2,3": for mosix-line, which has no time to ask who the names are. */
static int set_nodes(const char *text, const Mosix__Reply *nodes)
{
	_cleanup_free_ uint32_t *list = NULL;
	_cleanup_free_ char *numbers = NULL;
	struct err e;
	size_t count, used = 0;

	if (node_list_parse(text, nodes, &list, &count, &e) < 0)
		return failed(e.text);
	numbers = malloc(count * 11 + 1);
	if (!numbers)
		return failed("out of memory");
	for (size_t i = 0; i < count; i++)
		used += (size_t)sprintf(numbers + used, "%s%u", i ? "," : "", list[i]);
	setenv(MAKE_ENV_NODES, numbers, true);
	return 0;
}

/* Without a daemon make is still make; what the user asked for by name is not. */
static int ask_daemon(const struct make_opts *o)
{
	_cleanup_(chan_freep) struct chan *c = NULL;
	_cleanup_(msg_freep) Mosix__Reply *nodes = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct err e;
	int r;

	q.has_op = true;
	q.op = MOSIX__REQUEST_OP__OP_NODES;
	r = client_connect(&c, &e);
	if (r == 0 && o->nodes)
		r = client_ask(c, &q, NULL, NULL, &nodes, &e);
	if (r < 0 && o->nodes)
		return failed(e.text);
	if (r < 0)
		fprintf(stderr, "mosix-make: %s; until then everything runs here\n", e.text);
	return o->nodes ? set_nodes(o->nodes, nodes) : 0;
}

/* From 4.4 on the jobserver is a FIFO unless it is told otherwise, and then a line's open
 * descriptors do not tell whether make runs in it again. */
static int check_make(bool *ret_has_style)
{
	int major = 0, minor = 0;
	FILE *f = popen("exec make --version", "re");

	if (!f)
		return -errno;
	if (fscanf(f, "GNU Make %d.%d", &major, &minor) != 2)
		major = 0;
	pclose(f);
	*ret_has_style = major > 4 || (major == 4 && minor >= 4);
	return major ? 0 : -ENOPROTOOPT;
}

static void set_environment(const struct make_opts *o, const char *program)
{
	char **loaded;

	setenv(MAKE_ENV_EXE, program, true);
	setenv(MAKE_ENV_PRELOAD, PRELOAD_LIBRARY, true);
	if (o->local)
		setenv(MAKE_ENV_LOCAL, o->local, true);
	if (o->verbose)
		setenv(MAKE_ENV_VERBOSE, "1", true);
	loaded = make_env_copy(environ, MAKE_ENV_LOADED);
	if (loaded)
		environ = loaded;
}

static int become_make(const struct make_opts *o, const char *program, char **args, int count)
{
	_cleanup_free_ char *exe = realpath(program, NULL);
	_cleanup_free_ char **argv = calloc((size_t)count + 3, sizeof(*argv));
	bool has_style = false;
	int n = 0;

	if (!argv || !exe)
		return failed("out of memory");
	if (check_make(&has_style) < 0)
		return failed("the 'make' in PATH is not GNU make");
	argv[n++] = (char *)"make";
	if (has_style)
		argv[n++] = (char *)"--jobserver-style=pipe";
	memcpy(argv + n, args, (size_t)count * sizeof(*argv));
	set_environment(o, exe);
	execv(program, argv);
	fprintf(stderr, "mosix-make: %s: %s\n", program, strerror(errno));
	return RUN_EXIT_CANNOT_RUN;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "[MAKE-ARGUMENT...]",
		.doc = "Run make with the lines of its recipes as jobs on the best nodes. Options "
		       "come before the arguments for make.\vSee mosix-make(1).",
	};
	struct make_opts o = {0};
	char program[PATH_MAX];
	bool dashes;
	int own = count_own(argc, argv, &dashes), status;

	argp_err_exit_status = RUN_EXIT_FAILED;
	argp_parse(&argp, own, argv, 0, NULL, &o);
	find_program("make", program);
	if (!program[0]) {
		failed("there is no 'make' in PATH");
		return RUN_EXIT_NOT_FOUND;
	}
	status = ask_daemon(&o);
	if (status)
		return status;
	own += dashes;
	return become_make(&o, program, argv + own, argc - own);
}
