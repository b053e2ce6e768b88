/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers of /proc/PID/stat and /proc/PID/status.
 */
#include "common/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define PROC_FILE_MAX (64 << 10)

static int read_file(pid_t pid, const char *name, char **ret)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	r = file_read_at(AT_FDCWD, path, PROC_FILE_MAX, ret, NULL);
	return r == -ENOENT ? -ESRCH : r;
}

int proc_stat(pid_t pid, struct proc_stat *ret)
{
	_cleanup_free_ char *text = NULL;
	uint64_t start;
	int parent, r;
	char state;
	char *p;

	r = read_file(pid, "stat", &text);
	if (r < 0)
		return r;
	/* The command in parentheses may hold anything, also ')'. */
	p = strrchr(text, ')');
	if (!p)
		return -EIO;
	if (sscanf(p + 1,
		   " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %" SCNu64,
		   &state, &parent, &start) != 3)
		return -EIO;
	*ret = (struct proc_stat){.state = state, .parent = parent, .start = start};
	return 0;
}

/* The line "@key:" of /proc/PID/status, in @text, from behind the colon. */
static int status_line(pid_t pid, const char *key, char **ret_text, char **ret_line)
{
	_cleanup_free_ char *text = NULL;
	size_t len = strlen(key);
	char *save, *line;
	int r;

	r = read_file(pid, "status", &text);
	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		*ret_line = line + len + 1;
		*ret_text = steal_ptr(text);
		return 0;
	}
	return -EIO;
}

int proc_uid(pid_t pid, uid_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char *line;
	int r = status_line(pid, "Uid", &text, &line);

	if (r < 0)
		return r;
	return sscanf(line, "%u", ret) == 1 ? 0 : -EIO;
}

int proc_ns_pid(pid_t pid, pid_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char *line;
	int r = status_line(pid, "NSpid", &text, &line);

	if (r < 0)
		return r;
	line = strrchr(line, '\t');
	return line && sscanf(line, "%d", ret) == 1 ? 0 : -EIO;
}
