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

static const struct subcommand subcommands[] = {
	{"status", ctl_status, "j", "", "this node: daemon, load, jobs"},
	{"nodes", ctl_nodes, "jwA", "[SECONDS]", "the nodes of the cluster"},
	{"ps", ctl_ps, "jalos", "", "jobs and where they run"},
	{"top", ctl_top, "abdnosA", "", "jobs, again and again"},
	{"mon", ctl_mon, "dA", "", "every node as a bar; jobs to move"},
	{"migrate", ctl_migrate, "jq", "PID|JOB NODE|home", "move a job"},
	{"kill", ctl_kill, "", "[-SIGNAL] PID|JOB", "send a signal to a job"},
	{"explain", ctl_explain, "j", "PID|JOB", "say why a job is where it is"},
	{"lock", ctl_lock, "j", "PID|JOB...", "keep jobs where they are"},
	{"unlock", ctl_unlock, "j", "PID|JOB...", "let them move again"},
	{"freeze", ctl_freeze, "j", "PID|JOB...", "stop jobs, out of everybody's way"},
	{"continue", ctl_continue, "j", "PID|JOB...", "let them go on"},
	{"bring", ctl_bring, "jqaW", "[NODE]", "bring your jobs home"},
	{"drain", ctl_drain, "jqW", "[NODE]", "move everything off a node"},
	{"undrain", ctl_undrain, "jq", "[NODE]", "use it again"},
	{"expel", ctl_expel, "jqW", "[NODE]", "send guests away"},
	{"block", ctl_block, "jq", "[NODE]", "let no guests come"},
	{"unblock", ctl_unblock, "jq", "[NODE]", "let them come again"},
	{"stay", ctl_stay, "jq", "[NODE]", "its jobs do not leave by themselves"},
	{"unstay", ctl_unstay, "jq", "[NODE]", "they may again"},
	{"speed", ctl_speed, "jq", "[NODE] VALUE", "set a node's speed; 10000 is standard"},
	{"balance", ctl_balance, "jq", "on|off [NODE]", "moves for the sake of load"},
	{"metrics", ctl_metrics, "", "", "this node's numbers, as OpenMetrics text"},
	{"keygen", ctl_keygen, "f", "", "make the cluster's key"},
	{"config", ctl_config, "j", "check [FILE]", "check configuration, node map and key"},
	{"help", ctl_help, "", "", "this list"},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(*subcommands))

static void print_help(FILE *out)
{
	fprintf(out, "Usage: mosixctl COMMAND [OPTION...] [ARG...]\n\nCommands:\n");
	for (size_t i = 0; i < SUBCOMMANDS; i++)
		fprintf(out, "  %-8s %-18s %s\n", subcommands[i].name, subcommands[i].args,
			subcommands[i].text);
	fputs("\nNODE is a number, name or address; without it, this node.\n\nOptions:\n", out);
	ctl_print_options(out);
	fprintf(out, "\nSee mosixctl(1).\n");
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
	status = ctl_take_options(&ctl, sub, argc - 1, argv + 1);
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
