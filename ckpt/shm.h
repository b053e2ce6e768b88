/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contents of the job's /dev/shm. criu would run tar and gzip for each tmpfs, even an empty
 * one, which takes longer than the rest of a small job's move; so the mount is external to criu.
 */
#ifndef MOSIX_CKPT_SHM_H
#define MOSIX_CKPT_SHM_H

#include <sys/types.h>

#include "common/err.h"

#define SHM_IMAGE "shm.tar"

/* Starts packing what is in @dir into the images directory. Returns the process to wait for with
 * shm_packed(), 0 when there is nothing in it, or negative. */
pid_t shm_pack(const char *dir, int images, struct err *e);
int shm_packed(pid_t pid, struct err *e);

/* Puts it into @dir at the other node, if there is any. */
int shm_unpack(const char *dir, int images, struct err *e);

#endif
