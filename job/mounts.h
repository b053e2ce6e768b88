/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The home node's file systems that make up a job's tree: "/" and what is mounted below it, without
 * what belongs to each node (/proc, /sys, /dev, /run) or is MOSIX's own.
 */
#ifndef MOSIX_JOB_MOUNTS_H
#define MOSIX_JOB_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#define MOUNTS_MAX 1000

/* Mount points as they appear in JobSpec: absolute, sorted so that parents come first, none twice,
 * never "/". */
struct mounts {
	char **points;
	size_t count;
};

/* JobSpec.home_mounts and mfs_mounts, as the kernel has them now. 0; -ENOSPC when there are more
 * than MOUNTS_MAX; other negative errno. */
int mounts_home(struct mounts *ret, struct mounts *ret_mfs);
/* From a text in the format of /proc/PID/mountinfo. @visible says whether the mount with that
 * number is what one finds at that path (others are hidden below later mounts); NULL = all are. */
int mounts_parse(struct mounts *ret, struct mounts *ret_mfs, const char *mountinfo,
		 bool (*visible)(const char *point, unsigned long mount_id));
void mounts_done(struct mounts *m);

/* Is it a mount point that may stand in a JobSpec: absolute, normalised, not "/" and not among
 * what belongs to each node? */
bool mounts_valid(const char *point);

#endif
