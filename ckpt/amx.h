/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AMX tile registers: criu loses them without a word, so a job that has any in use cannot move.
 */
#ifndef MOSIX_CKPT_AMX_H
#define MOSIX_CKPT_AMX_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* Which of the register sets @bits (as in XCR0) a thread uses: stops it for a moment. 1, 0, or
 * negative: -ESRCH when it has ended, -EPERM when it is traced already. */
int amx_thread_uses(pid_t tid, uint64_t bits);

/* Looks at every thread of the frozen cgroup, if this CPU has AMX at all. 0, -ENOTSUP with a
 * sentence, or another negative errno. */
int amx_check(const char *cgroup, struct err *e);

#endif
