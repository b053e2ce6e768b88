/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a guest tells the library that is preloaded into criu where the job's terminal is
 * (ctty_preload.c): by an environment variable of its own, set when the engine is spawned.
 */
#ifndef MOSIX_CKPT_CTTY_H
#define MOSIX_CKPT_CTTY_H

/* Path of the terminal's slave in the guest's mount namespace; need not exist. */
#define CTTY_ENV "MOSIX_JOB_TTY"
#define CTTY_LIBRARY "mosix-ctty.so"

#endif
