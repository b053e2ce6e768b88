/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JobStart: all that a program inherits from the one that starts it, as far as the kernel does
 * not tell the daemon itself.
 */
#ifndef MOSIX_CLI_JOB_START_H
#define MOSIX_CLI_JOB_START_H

#include "cli/run_opts.h"
#include "cli/user_io.h"
#include "common/chan.h"
#include "common/err.h"

/* Node numbers, sorted; count 0: any. */
struct job_nodes {
	uint32_t *nodes;
	size_t count;
};

/* Sends it; 0, -E2BIG, or what chan_send() and getcwd() return, with a sentence in @e. */
int job_start_send(struct chan *c, const struct run_opts *o, const struct job_nodes *allowed,
		   const struct user_io *io, struct err *e);

/* Signals that the caller ignores and that have to stay so (nohup): into @ret; the count. */
size_t job_start_ignored(uint32_t ret[3]);

#endif
