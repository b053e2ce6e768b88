/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that a criu that was killed leaves in the job's directories, and over which the next one
 * would stumble: for deleted files that are still open it makes names for a moment. A dump makes
 * links, a restore makes files (ckpt/ghosts.h names them).
 */
#ifndef MOSIX_CKPT_LEFTOVER_H
#define MOSIX_CKPT_LEFTOVER_H

#include <stddef.h>
#include <sys/types.h>

struct leftover_mount {
	const char *mountpoint; /* in the job */
	const char *source;     /* what is there, in our mount namespace */
};

/* Removes the files in @list: paths in the job, each with its NUL. @mounts: the job's, "/" among
 * them. Whatever symbolic links there are, nothing outside of these is reached. */
void leftover_remove(const char *list, size_t len, const struct leftover_mount *mounts,
		     size_t count);
/* Removes the links that a dump has made of what the processes in the cgroup have open; these are
 * still there, and with them the view of the job's first process, @init, of its mounts. */
void leftover_remove_links(pid_t init, const char *cgroup);

#endif
