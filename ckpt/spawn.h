/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the programs are that a move starts.
 */
#ifndef MOSIX_CKPT_SPAWN_H
#define MOSIX_CKPT_SPAWN_H

/* Where the project's own helper programs and libraries are. */
const char *spawn_dir(void);

#endif
