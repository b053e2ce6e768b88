/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl: the table of subcommands and the command line. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "cli/version.h"
#include "common/cleanup.h"
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static int ctl_help(struct ctl *ctl);

static const struct subcommand {
	const char *name;
	int (*run)(struct ctl *ctl);
	const char *options; /* the letters that it takes; j is --json */
	const char *args;
	const char *text;
} subcommands[] = {
	{"status", ctl_status, "j", "", "this node: daemon, load, jobs"},
	{"nodes", ctl_nodes, "j", "", "the nodes of the cluster"},
	{"ps", ctl_ps, "ja", "", "jobs and where they run"},
	{"migrate", ctl_migrate, "jq", "PID|JOB NODE|home", "move a job"},
	{"kill", ctl_kill, "", "[-SIGNAL] PID|JOB", "send a signal to a job"},
	{"explain", ctl_explain, "j", "PID|JOB", "say whether a job can move, and why not"},
	{"keygen", ctl_keygen, "f", "", "make the cluster's key"},
	{"config", ctl_config, "j", "check [FILE]", "check configuration, node map and key"},
	{"help", ctl_help, "", "", "this list"},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(*subcommands))

static const struct long_option {
	const char *name;
	char letter;
} long_options[] = {
	{"--json", 'j'},
	{"--quiet", 'q'},
	{"--all", 'a'},
	{"--file", 'f'},
};

static void print_help(FILE *out)
{
	fprintf(out, "Usage: mosixctl COMMAND [OPTION...] [ARG...]\n\nCommands:\n");
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		fprintf(out, "  %-8s %-18s %s\n", subcommands[i].name, subcommands[i].args,
			subcommands[i].text);
	fprintf(out,
		"\nOptions:\n"
		"  -j, --json       for programs (status, nodes, ps, migrate, explain, config)\n"
		"  -a, --all        ps: jobs of all users (root)\n"
		"  -q, --quiet      migrate: print nothing when it worked\n"
		"  -f, --file FILE  keygen: where to write the key\n"
		"  -?, --help       this list, also behind a command\n"
		"  -V, --version    the version of this program\n"
		"\nSee mosixctl(1).\n");
}

static int ctl_help(struct ctl *ctl)
{
	(void)ctl;
	print_help(stdout);
	return CTL_OK;
}

int ctl_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("mosixctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(" (see 'mosixctl help')\n", stderr);
	return CTL_USAGE;
}

int ctl_fail(int status, const struct err *e)
{
	_cleanup_free_ char *text = human_safe(e->text);

	fprintf(stderr, "mosixctl: %s\n", text ? text : "");
	return status;
}

static const struct subcommand *find_subcommand(const char *name)
{
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		if (!strcmp(subcommands[i].name, name))
			return &subcommands[i];
	return NULL;
}

/* The letter of an option, 0 if @arg is none that @sub knows. */
static char option_letter(const struct subcommand *sub, const char *arg)
{
	char letter = 0;

	if (arg[0] == '-' && arg[1] && !arg[2])
		letter = arg[1];
	for (size_t i = 0; i < sizeof(long_options) / sizeof(*long_options); i++)
		if (!strcmp(long_options[i].name, arg))
			letter = long_options[i].letter;
	return letter && strchr(sub->options, letter) ? letter : 0;
}

static void set_option(struct ctl *ctl, char letter)
{
	ctl->json |= letter == 'j';
	ctl->quiet |= letter == 'q';
	ctl->all |= letter == 'a';
}

/* Takes the options out of argv; what it does not know stays, for the subcommand to judge. */
static int take_options(struct ctl *ctl, const struct subcommand *sub, int argc, char **argv)
{
	bool only_args = false;

	for (int i = 0; i < argc; i++) {
		char letter = only_args ? 0 : option_letter(sub, argv[i]);

		if (!only_args && !strcmp(argv[i], "--")) {
			only_args = true;
		} else if (letter == 'f') {
			if (++i == argc)
				return ctl_usage("%s needs a file name", argv[i - 1]);
			ctl->file = argv[i];
		} else if (letter) {
			set_option(ctl, letter);
		} else if (!only_args && argv[i][0] == '-' && argv[i][1] && sub->run != ctl_kill) {
			return ctl_usage("%s does not know the option '%s'", sub->name, argv[i]);
		} else {
			ctl->argv[ctl->argc++] = argv[i];
		}
	}
	return 0;
}

static bool is_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-?");
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_help(argv[i]))
			return true;
	return false;
}

static int run(int argc, char **argv)
{
	const struct subcommand *sub;
	struct ctl ctl = {.argv = argv};
	int status;

	sub = find_subcommand(argv[0]);
	if (!sub)
		return ctl_usage("there is no command '%s'", argv[0]);
	if (asks_for_help(argc - 1, argv + 1))
		return ctl_help(&ctl);
	/* Arguments are moved to the front of the same array: there is always room. */
	status = take_options(&ctl, sub, argc - 1, argv + 1);
	if (!status)
		status = sub->run(&ctl);
	chan_free(ctl.chan);
	return status;
}

int main(int argc, char **argv)
{
	int status;

	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_help(stderr);
		return CTL_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("mosixctl %s\n", MOSIX_VERSION);
		return CTL_OK;
	}
	if (is_help(argv[1]) || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return CTL_OK;
	}
	status = run(argc - 1, argv + 1);
	if (fflush(stdout) || ferror(stdout)) {
		perror("mosixctl: standard output");
		return CTL_FAILED;
	}
	return status;
}
