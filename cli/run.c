/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-run: starts a job and stands for it. */
#include "cli/deputy.h"
#include "common/jobid.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ps and top show the job's program, as the shell's child would be called. */
static void set_title(const char *program)
{
	const char *slash = strrchr(program, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : program);
}

/* So that the shell says of us what it would say of the job. */
static int die_by(int sig)
{
	struct rlimit none = {0};
	sigset_t all;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	sigfillset(&all);
	sigdelset(&all, sig);
	sigprocmask(SIG_SETMASK, &all, NULL);
	kill(getpid(), sig);
	return 128 + sig;
}

static int run(struct deputy *d)
{
	struct deputy_end end;
	struct err e = {0};
	int status;

	status = deputy_start(d, &e);
	if (status) {
		deputy_say(d, "%s", e.text);
		return status;
	}
	if (d->opts->detach) {
		printf("%s\n", jobid_str(d->job).s);
		return EXIT_SUCCESS;
	}
	set_title(d->opts->argv[0]);
	end = deputy_run(d);
	deputy_done(d);
	return end.signal ? die_by(end.signal) : end.exit_status;
}

int main(int argc, char **argv)
{
	struct run_opts opts;
	struct deputy d;
	int status;

	run_opts_parse(&opts, argc, argv);
	deputy_init(&d, &opts);
	status = run(&d);
	deputy_done(&d);
	return status;
}
