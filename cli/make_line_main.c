/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-line: one line of a recipe, as make runs it under mosix-make: "mosix-line FILE ARG0 ARG…".
 * A job on the best node, for which this process stands; at home what has to be there, and
 * everything if no job can be had.
 */
#include "cli/deputy.h"
#include "cli/make_env.h"
#include "cli/make_line.h"
#include "common/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A start that fails so late may have begun: the line is not begun once more. */
#define RETRY_MS 10000

struct line {
	const char *file;
	char **argv;
};

/* In this process, with an environment as make would have given it. */
static int run_here(const struct line *l, unsigned int env)
{
	char **changed = make_env_copy(environ, env);

	if (changed)
		environ = changed;
	/* As make does it: what the kernel cannot run is a script for sh. */
	execvp(l->file, l->argv);
	fprintf(stderr, "mosix-make: %s: %s\n", l->argv[0], strerror(errno));
	return errno == ENOENT ? RUN_EXIT_NOT_FOUND : RUN_EXIT_CANNOT_RUN;
}

/* make leaves the jobserver's pipe open for lines with $(MAKE) or a "+", and only for those. */
static bool has_jobserver(void)
{
	const char *flags = getenv("MAKEFLAGS"), *auth;
	struct stat a, b;
	int in, out;

	auth = flags ? strstr(flags, "--jobserver-") : NULL;
	auth = auth ? strchr(auth, '=') : NULL;
	return auth && sscanf(auth, "=%d,%d", &in, &out) == 2 && in > 2 && out > 2 &&
	       fstat(in, &a) == 0 && fstat(out, &b) == 0 && S_ISFIFO(a.st_mode) &&
	       S_ISFIFO(b.st_mode);
}

/* $(shell …) writes to a pipe that is not make's own standard output. */
static bool is_function(void)
{
	struct stat own, parents;
	char path[32];

	if (fstat(STDOUT_FILENO, &own) < 0 || !S_ISFIFO(own.st_mode))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd/1", (int)getppid());
	return stat(path, &parents) < 0 || parents.st_dev != own.st_dev ||
	       parents.st_ino != own.st_ino;
}

/* mosix-make has made numbers of the names. */
static int set_nodes(struct deputy *d, const char *text)
{
	size_t n = 1;

	if (!text || !*text)
		return 0;
	for (const char *p = text; *p; p++)
		n += *p == ',';
	d->allowed.nodes = calloc(n, sizeof(*d->allowed.nodes));
	if (!d->allowed.nodes)
		return -ENOMEM;
	while (d->allowed.count < n) {
		d->allowed.nodes[d->allowed.count++] = (uint32_t)strtoul(text, NULL, 10);
		text += strcspn(text, ",") + 1;
	}
	return 0;
}

/* The exit status, or negative: there is no job, and the line has not begun. */
static int run_job(struct deputy *d, const struct line *l)
{
	struct deputy_end end;
	struct err e;
	int status;

	status = deputy_start(d, &e);
	if (status && d->opts->verbose)
		deputy_say(d, "%s", e.text);
	if (status && !d->unsure && deputy_now() - d->down_at < RETRY_MS)
		return -EAGAIN;
	if (status) {
		deputy_say(d, "%s", e.text);
		return status;
	}
	deputy_set_title(l->argv[0]);
	end = deputy_run(d);
	deputy_done(d);
	return deputy_end(&end);
}

static int as_job(const struct line *l)
{
	struct run_opts opts = {
		.self = "mosix-make",
		.program = l->file,
		.argv = l->argv,
		.best = true,
		.or_home = true,
		.no_terminal = true,
		.verbose = getenv(MAKE_ENV_VERBOSE),
	};
	_cleanup_free_ char *nodes = strdup(getenv(MAKE_ENV_NODES) ? getenv(MAKE_ENV_NODES) : "");
	char **before = environ;
	char name[64];
	struct deputy d;
	int r;

	make_line_name(l->argv, name, sizeof(name));
	opts.name = name;
	while (l->argv[opts.argc])
		opts.argc++;
	/* The jobserver is a pipe or a FIFO of this node: a make inside of the job goes without. */
	environ = make_env_copy(before, MAKE_ENV_CLEAN | MAKE_ENV_NO_JOBSERVER);
	if (!environ || !nodes)
		return -ENOMEM;
	deputy_init(&d, &opts);
	r = set_nodes(&d, nodes);
	if (r == 0)
		r = run_job(&d, l);
	deputy_done(&d);
	free(environ);
	environ = before;
	return r;
}

int main(int argc, char **argv)
{
	struct line l;
	int r;

	if (argc < 3) {
		fputs("mosix-line: started by make under mosix-make(1), not by hand\n", stderr);
		return RUN_EXIT_FAILED;
	}
	l = (struct line){.file = argv[1], .argv = argv + 2};
	if (has_jobserver())
		return run_here(&l, MAKE_ENV_LOADED);
	if (is_function())
		return run_here(&l, MAKE_ENV_CLEAN);
	r = as_job(&l);
	return r < 0 ? run_here(&l, MAKE_ENV_CLEAN) : r;
}
