/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of a copy use.
 */
#include "job/usage.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define PIDS_MAX 4096

static uint64_t resident(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	unsigned long total, pages;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (file_read_at(AT_FDCWD, path, 256, &text, NULL) < 0 ||
	    sscanf(text, "%lu %lu", &total, &pages) != 2)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int usage_of(const char *cgroup, uint64_t *ret_rss, uint32_t *ret_processes)
{
	pid_t pids[PIDS_MAX];
	uint64_t rss = 0;
	int n = cgroup_pids(cgroup, pids, PIDS_MAX);

	if (n < 0)
		return n;
	for (int i = 0; i < n && i < PIDS_MAX; i++)
		rss += resident(pids[i]);
	*ret_rss = rss;
	*ret_processes = (uint32_t)n;
	return 0;
}
