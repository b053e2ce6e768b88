/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What root may ask of mosix-mfs about an open file, by ioctl(): the locks that are held through
 * it. The server holds them, and Linux here knows nothing of them.
 */
#ifndef MOSIX_COMMON_MFS_LOCKS_H
#define MOSIX_COMMON_MFS_LOCKS_H

#include <stdint.h>
#include <sys/ioctl.h>

#define MFS_LOCKS_MAX 120

struct mfs_record_lock {
	uint32_t type;  /* F_RDLCK, F_WRLCK */
	uint32_t pid;   /* who took it */
	uint64_t start; /* bytes */
	uint64_t len;   /* 0 = to the end of the file, however that grows */
};

struct mfs_locks {
	uint32_t flock; /* LOCK_SH, LOCK_EX, 0 */
	uint32_t count; /* of record locks; those behind MFS_LOCKS_MAX are not listed */
	uint32_t files; /* files of the same server through which processes here hold locks */
	uint32_t zero;
	struct mfs_record_lock list[MFS_LOCKS_MAX];
};

#define MFS_IOC_LOCKS _IOR('m', 0x4c, struct mfs_locks)

#endif
