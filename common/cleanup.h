/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound release of what a function owns: `_cleanup_(fd_closep) int fd = -1;`, and
 * steal_fd()/steal_ptr() to hand it on.
 */
#ifndef MOSIX_COMMON_CLEANUP_H
#define MOSIX_COMMON_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_fd_ _cleanup_(fd_closep)
#define _cleanup_file_ _cleanup_(file_closep)
#define _cleanup_dir_ _cleanup_(dir_closep)

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void file_closep(FILE **p)
{
	if (*p)
		fclose(*p);
}

static inline void dir_closep(DIR **p)
{
	if (*p)
		closedir(*p);
}

/* Takes the value out of a variable that has a cleanup. */
static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

#define steal_ptr(p)                       \
	__extension__({                    \
		__typeof__(p) *_pp = &(p); \
		__typeof__(p) _v = *_pp;   \
		*_pp = NULL;               \
		_v;                        \
	})

#endif
