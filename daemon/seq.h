/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers that are never given twice, not even over a crash or a reboot: blocks of them are
 * reserved in a file before the first of a block is used.
 */
#ifndef MOSIX_DAEMON_SEQ_H
#define MOSIX_DAEMON_SEQ_H

#include "common/err.h"
#include <stdint.h>

struct seq {
	const char *path; /* static */
	uint64_t next;
	uint64_t limit; /* first number that is not reserved */
};

/* A missing file counts as 1. */
int seq_open(struct seq *s, const char *path, struct err *e);
/* The next number, from 1 on. 0 or a negative errno: the file could not be written. */
int seq_next(struct seq *s, uint64_t *ret);
/* Gives back what was reserved and not used. Only before the process ends. */
void seq_close(struct seq *s);

#endif
