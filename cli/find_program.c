/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search of execvp(3). */
#include "cli/find_program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

void find_program(const char *name, char ret[PATH_MAX])
{
	const char *dir = getenv("PATH"), *end;

	ret[0] = '\0';
	if (!dir || !name[0] || strchr(name, '/'))
		return;
	for (;; dir = end + 1) {
		int len;

		end = strchrnul(dir, ':');
		/* An empty one is the current directory. */
		len = end > dir ? (int)(end - dir) : 0;
		len = snprintf(ret, PATH_MAX, "%.*s/%s", len ? len : 1, len ? dir : ".", name);
		if (len < PATH_MAX && is_program(ret))
			return;
		if (!*end)
			break;
	}
	ret[0] = '\0';
}
