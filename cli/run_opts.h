/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-run: the command line, and the exit statuses that are its own.
 */
#ifndef MOSIX_CLI_RUN_OPTS_H
#define MOSIX_CLI_RUN_OPTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* As env(1) and timeout(1): anything that is mosix-run's fault or MOSIX's. */
	RUN_EXIT_FAILED = 125,
	RUN_EXIT_CANNOT_RUN = 126, /* no daemon; the program cannot be executed */
	RUN_EXIT_NOT_FOUND = 127,  /* there is no such program */
};

#define RUN_CLASS_MAX 7

struct run_opts {
	const char *self;    /* whose messages these are; NULL: mosix-run */
	const char *program; /* the file to run; NULL: argv[0], looked for in PATH */
	const char *node;    /* number, name or address; NULL: the daemon chooses */
	const char *name;    /* NULL: the program's */
	const char *on;      /* list of nodes, see cli/node_list.h; NULL: any */
	bool best;
	bool or_home;
	bool cpu_bound;
	bool io_bound;
	uint64_t memory;    /* bytes; 0: not known */
	uint32_t job_class; /* 0 to RUN_CLASS_MAX */
	bool home;
	bool lock;
	bool detach;
	bool verbose;
	bool no_terminal; /* the job gets none: output to one is carried as to a pipe */
	char **argv;      /* the program and its arguments, ended by NULL */
	int argc;         /* at least 1 */
};

/* Exits by itself when the command line is wrong or asks for help. */
void run_opts_parse(struct run_opts *ret, int argc, char **argv);

#endif
