/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into make by mosix-make: a command that is to be a job is given to mosix-line instead.
 * That needs no variable of make's: $(SHELL), MAKEFLAGS and what a recipe prints stay what they
 * are, and whatever shell a makefile wants is the job's program. In other programs that inherit it
 * the library does nothing.
 */
#include "cli/make_env.h"
#include "cli/make_line.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_PROGRAM MOSIX_LIBEXECDIR "/mosix-line"

typedef int spawn_fn(pid_t *restrict, const char *restrict, const posix_spawn_file_actions_t *,
		     const posix_spawnattr_t *restrict, char *const[restrict],
		     char *const[restrict]);

static spawn_fn *real_spawn;
static bool is_make;

__attribute__((constructor)) static void look_around(void)
{
	const char *exe = getenv(MAKE_ENV_EXE);
	char own[4096];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own));

	*(void **)&real_spawn = dlsym(RTLD_NEXT, "posix_spawn");
	is_make = exe && n > 0 && (size_t)n < sizeof(own) && strlen(exe) == (size_t)n &&
		  memcmp(own, exe, (size_t)n) == 0;
}

static bool is_program(const char *path)
{
	return strchr(path, '/') && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* mosix-line gets the file and then the arguments, the program's own name first. */
static char **line_argv(const char *path, char *const argv[])
{
	size_t n = 0;
	char **ret;

	while (argv[n])
		n++;
	ret = calloc(n + 3, sizeof(*ret));
	if (!ret)
		return NULL;
	ret[0] = (char *)LINE_PROGRAM;
	ret[1] = (char *)path;
	memcpy(ret + 2, argv, n * sizeof(*ret));
	return ret;
}

/* A line at home is to be what it would be without us; mosix-line decides once more. */
static unsigned int env_of(enum make_line kind)
{
	return kind == MAKE_LINE_JOB ? MAKE_ENV_UNLOADED : MAKE_ENV_UNLOADED | MAKE_ENV_CLEAN;
}

/* Exported: takes the place of the C library's. */
int posix_spawn(pid_t *restrict pid, const char *restrict path,
		const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
		char *const argv[restrict], char *const envp[restrict])
{
	enum make_line kind = MAKE_LINE_MAKE;
	char **line = NULL, **env = NULL;
	int r;

	if (!real_spawn)
		return ENOSYS;
	/* A command that cannot be run is make's to complain of. */
	if (is_make && argv[0] && is_program(path))
		kind = make_line_kind(argv, getenv(MAKE_ENV_LOCAL));
	if (kind != MAKE_LINE_MAKE)
		env = make_env_copy(envp, env_of(kind));
	if (env && kind == MAKE_LINE_JOB)
		line = line_argv(path, argv);
	r = real_spawn(pid, line ? LINE_PROGRAM : path, actions, attr, line ? line : argv,
		       env ? env : envp);
	free(line);
	free(env);
	return r;
}
