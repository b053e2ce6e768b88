/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's terminal: a pair on the job's private devpts, the master held by the guest. What was
 * typed ahead is taken off it before a move and put onto its successor, as bytes that have been
 * through the line discipline already: no echo, no signal, no editing a second time.
 */
#ifndef MOSIX_JOB_TERMINAL_H
#define MOSIX_JOB_TERMINAL_H

#include "job/container.h"
#include "job/endpoint.h"
#include "job/stdio_ends.h"
#include <sys/types.h>

/* A new pair: master, slave, slave_path and tty_key of @s. */
int terminal_open(struct stdio *s, const struct container *c, uid_t owner);
/* One more descriptor of the slave, the caller's; or a negative errno. */
int terminal_reopen(const struct stdio *s);
/* All output that the job has written, into the endpoint. The job is frozen. */
int terminal_take_output(struct stdio *s, struct endpoint *ep);
/* What was typed and not read, behind what @s->typed holds. The job is frozen. */
int terminal_take_input(struct stdio *s);
/* @s->typed back to where it was taken from, as much as there is room for. */
int terminal_put_input(struct stdio *s);

#endif
