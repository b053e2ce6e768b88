/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that a criu that was killed leaves in the job's directories, and over which the next one
 * would stumble: for deleted files that are still open it makes names for a moment.
 */
#ifndef MOSIX_CKPT_LEFTOVER_H
#define MOSIX_CKPT_LEFTOVER_H

#include <stddef.h>

struct leftover_mount {
	const char *mountpoint; /* in the job */
	const char *source;     /* what is there, in our mount namespace */
};

enum leftover_kind {
	LEFTOVER_LINK = 0,  /* made by a dump, to be removed if that does not lead to a restore */
	LEFTOVER_GHOST = 1, /* made by a restore that was cut off */
};

/* Removes what the images in the directory @images can have left. @mounts: the job's, "/" among
 * them. Nothing else is touched, whatever the images say. */
void leftover_remove(int images, enum leftover_kind kind, const struct leftover_mount *mounts,
		     size_t count);

#endif
