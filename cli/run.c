/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-run: starts a job and stands for it. */
#include "cli/deputy.h"
#include "common/jobid.h"
#include <stdio.h>
#include <stdlib.h>

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
	deputy_set_title(d->opts->argv[0]);
	end = deputy_run(d);
	deputy_done(d);
	return deputy_end(&end);
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
