/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user gave the job as standard descriptors, and how each is carried.
 */
#ifndef MOSIX_CLI_USER_IO_H
#define MOSIX_CLI_USER_IO_H

#include "cli/term.h"
#include "cli/ufd.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>

struct user_io {
	Mosix__StdioKind kind[3];
	bool err_to_out;   /* 1 and 2 are one open file: both arrive in order on 1 */
	struct ufd std[3]; /* those that are STDIO_PIPE */
	bool in_ended;     /* nothing more is read from std[0] */
	bool piped_out;    /* output leads to another program, even after its end */
	struct term term;  /* the one that all STDIO_TTY are */
	bool background;   /* the job believes that the terminal is not for it */
};

/* Looks at descriptors 0 to 2; closed ones are opened as /dev/null, so that nothing else can
 * take their numbers. Without @terminal one is carried like any other file. */
void user_io_init(struct user_io *ret, bool terminal);
/* None at all: a job that nobody looks after. */
void user_io_init_null(struct user_io *ret);

/* The terminal's keys are for the job alone: nobody else can be reading them, because no pipe
 * leads to or from another program of the same command line. */
bool user_io_owns_keys(const struct user_io *io);

#endif
