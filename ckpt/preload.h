/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the library that is preloaded into a restoring criu has to know, by environment variables:
 * the job's terminal (ctty_preload.c) and its cgroup (guard_preload.c).
 */
#ifndef MOSIX_CKPT_PRELOAD_H
#define MOSIX_CKPT_PRELOAD_H

/* Path of the terminal's slave in the guest's mount namespace; need not exist. Set in the guest
 * when the engine is spawned. */
#define CTTY_ENV "MOSIX_JOB_TTY"
/* The cgroup into which the job is restored. */
#define GUARD_ENV "MOSIX_JOB_CGROUP"
#define PRELOAD_LIBRARY "mosix-criu.so"

#endif
