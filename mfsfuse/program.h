/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mosix-mfs and mosix-mfsd have in common when they start. */
#ifndef MOSIX_MFSFUSE_PROGRAM_H
#define MOSIX_MFSFUSE_PROGRAM_H

#include <argp.h>

#include "common/err.h"

struct program {
	const char *name;
	const struct argp_option *options;
	argp_parser_t parse;
	const char *args_doc; /* may be NULL */
	const char *doc;
	int (*start)(struct err *e);
};

/* Reads the command line and calls start(). EXIT_SUCCESS; or EXIT_FAILURE, and the reason was
 * logged. Before there is any thread. */
int program_start(const struct program *p, int argc, char **argv);

#endif
