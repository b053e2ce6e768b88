/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AMX tile registers: criu loses them without a word, so a job that has any in use cannot move.
 */
#ifndef MOSIX_CKPT_AMX_H
#define MOSIX_CKPT_AMX_H

#include "common/err.h"

/* Looks at every thread of the frozen cgroup, if this CPU has AMX at all. 0, -ENOTSUP with a
 * sentence, or another negative errno. */
int amx_check(const char *cgroup, struct err *e);

#endif
