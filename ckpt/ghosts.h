/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files a restore makes for a moment, for those that the job has open without a name.
 */
#ifndef MOSIX_CKPT_GHOSTS_H
#define MOSIX_CKPT_GHOSTS_H

#include <stddef.h>

/* Their paths in the job, each with its NUL, the caller's to free(); none: *ret_len is 0. What
 * cannot be read is left out. 0 or -ENOMEM. */
int ghosts_list(int images, char **ret, size_t *ret_len);

#endif
