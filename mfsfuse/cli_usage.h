/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which job reads and writes how much of whose files: counted here, told to the daemon once a
 * second. What the kernel has in its pages does not come here and costs nothing.
 */
#ifndef MOSIX_MFSFUSE_CLI_USAGE_H
#define MOSIX_MFSFUSE_CLI_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct chan;

/* Without it nothing is counted. */
void usage_init(void);
/* @pid, as seen here, waits for its answer, so that it is still known whose it is. */
void usage_count(pid_t pid, uint32_t node, uint64_t bytes_read, uint64_t bytes_written);
/* Tells the sums since the last time, if there are any. 0 or negative. */
int usage_tell(struct chan *c);

#endif
