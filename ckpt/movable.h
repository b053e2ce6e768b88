/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What cannot move, found before anything is disturbed, and said in one sentence each that
 * names the process and the descriptor or mapping.
 */
#ifndef MOSIX_CKPT_MOVABLE_H
#define MOSIX_CKPT_MOVABLE_H

#include <stddef.h>
#include <sys/types.h>

#define MOVABLE_REASONS_MAX 16

struct movable {
	char *reasons[MOVABLE_REASONS_MAX];
	size_t count;
};

/* Looks at every process in the cgroup @cgroup, which may run or be frozen. @init: the job's
 * pid 1 (as this node sees it). @stdio_inodes: inodes of the pipes whose other end the guest
 * holds. 0 when the look worked (even with reasons), or a negative errno. */
int movable_check(struct movable *ret, pid_t init, const char *cgroup, const ino_t *stdio_inodes,
		  size_t stdio_count);
void movable_done(struct movable *m);

#endif
