/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-make: the environment of what make runs. Nothing but the C library, as make_line.h.
 */
#ifndef MOSIX_CLI_MAKE_ENV_H
#define MOSIX_CLI_MAKE_ENV_H

/* What mosix-make tells those below it; jobs do not see it. */
#define MAKE_ENV_PREFIX "MOSIX_MAKE_"
#define MAKE_ENV_EXE MAKE_ENV_PREFIX "EXE"         /* make's file, by which it knows itself */
#define MAKE_ENV_PRELOAD MAKE_ENV_PREFIX "PRELOAD" /* the library: our entry in LD_PRELOAD */
#define MAKE_ENV_LOCAL MAKE_ENV_PREFIX "LOCAL"     /* patterns of --local, one a line */
#define MAKE_ENV_NODES MAKE_ENV_PREFIX "NODES"     /* numbers, with commas */
#define MAKE_ENV_VERBOSE MAKE_ENV_PREFIX "VERBOSE"

enum {
	MAKE_ENV_UNLOADED = 1 << 0,     /* LD_PRELOAD without our entry */
	MAKE_ENV_LOADED = 1 << 1,       /* LD_PRELOAD with it, in front */
	MAKE_ENV_CLEAN = 1 << 2,        /* without the variables above */
	MAKE_ENV_NO_JOBSERVER = 1 << 3, /* MAKEFLAGS without -j and what belongs to it */
};

/* A copy of @env, changed so; one block, for free(). Strings that are as they were are borrowed.
 * NULL if there is no memory. */
char **make_env_copy(char *const env[], unsigned int how);

#endif
