/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes of a cgroup and their threads. */
#include "ckpt/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/cgroup.h"
#include "common/cleanup.h"

int tasks_list(const char *cgroup, pid_t **ret)
{
	int max = 64, n;

	for (;;) {
		pid_t *list = calloc((size_t)max, sizeof(*list));

		if (!list)
			return -ENOMEM;
		n = cgroup_pids(cgroup, list, max);
		if (n >= 0 && n <= max) {
			*ret = list;
			return n;
		}
		free(list);
		if (n < 0)
			return n;
		max = n + 64;
	}
}

static int each_of(pid_t pid, int (*fn)(void *arg, pid_t pid, pid_t tid), void *arg)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	char path[32];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (e = readdir(d))) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid > 0)
			r = fn(arg, pid, tid);
	}
	return r;
}

int tasks_each_thread(const char *cgroup, int (*fn)(void *arg, pid_t pid, pid_t tid), void *arg)
{
	_cleanup_free_ pid_t *list = NULL;
	int n, r = 0;

	n = tasks_list(cgroup, &list);
	if (n < 0)
		return n;
	for (int i = 0; r == 0 && i < n; i++)
		r = each_of(list[i], fn, arg);
	return r;
}

ino_t tasks_namespace(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}
