/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of a copy use.
 */
#include "job/usage.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/proc.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX 4096
#define SETTLE_MAX 64    /* processes that are looked at */
#define SETTLE_TICKS 100 /* of 0.2 ms */
#define SETTLE_NS 20000  /* of CPU time, after which it has long left the kernel */

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

/* Nanoseconds of CPU time that its first thread had, as of the last tick or switch. */
static uint64_t ran(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	uint64_t ns;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	if (file_read_at(AT_FDCWD, path, 256, &text, NULL) < 0 ||
	    sscanf(text, "%" SCNu64, &ns) != 1)
		return 0;
	return ns;
}

static bool has_settled(pid_t pid, uint64_t before)
{
	struct proc_stat st;

	return proc_stat(pid, &st) < 0 || st.state != 'R' || ran(pid) >= before + SETTLE_NS;
}

void usage_settle(const char *cgroup)
{
	const struct timespec tick = {.tv_nsec = 200000};
	uint64_t before[SETTLE_MAX];
	pid_t pids[SETTLE_MAX];
	int n = cgroup_pids(cgroup, pids, SETTLE_MAX), first = 0;

	n = n < SETTLE_MAX ? n : SETTLE_MAX;
	for (int i = 0; i < n; i++)
		before[i] = ran(pids[i]);
	for (int t = 0; t < SETTLE_TICKS; t++) {
		while (first < n && has_settled(pids[first], before[first]))
			first++;
		if (first >= n)
			return;
		nanosleep(&tick, NULL);
	}
}
