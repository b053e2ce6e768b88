/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the processes of a copy use.
 */
#include "job/usage.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/demand.h"
#include "common/fd.h"
#include "common/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static unsigned long long number_of(const char *text, const char *key)
{
	unsigned long long n;
	const char *p = strstr(text, key);

	return p && sscanf(p + strlen(key), "%llu", &n) == 1 ? n : 0;
}

/* Bytes that it, and those of its children that it has waited for, read from disks and wrote to
 * files there. What comes out of the page cache would do so elsewhere, too; pipes are no files. */
static uint64_t read_and_written(pid_t pid)
{
	char path[64], text[512];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return 0;
	text[n] = '\0';
	return number_of(text, "\nread_bytes: ") + number_of(text, "\nwrite_bytes: ");
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The number behind @key in a file that is kept open. */
static bool number_after(int fd, const char *key, uint64_t *ret)
{
	char text[1024];
	const char *p;
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	p = strstr(text, key);
	return p && sscanf(p + strlen(key), "%" SCNu64, ret) == 1;
}

static int open_in(const char *cgroup, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int usage_open(struct usage *u, const char *cgroup)
{
	*u = (struct usage){.cgroup = cgroup, .pressure = -1};
	times_open(&u->source, "");
	u->cpu = open_in(cgroup, "cpu.stat");
	u->demand = demand_new(&u->source, NULL, NULL);
	if (u->cpu < 0 || !u->demand) {
		int r = u->cpu < 0 ? -errno : -ENOMEM;

		usage_close(u);
		return r;
	}
	/* Not every kernel has it. */
	u->pressure = open_in(cgroup, "cpu.pressure");
	return 0;
}

void usage_close(struct usage *u)
{
	u->demand = demand_free(u->demand);
	u->cpu = fd_close(u->cpu);
	u->pressure = fd_close(u->pressure);
	times_close(&u->source);
}

/* What ends without being waited for takes its bytes along: the sum may become less. */
static void count_io(struct usage *u, uint64_t sum)
{
	if (u->at && sum > u->io_last)
		u->io_bytes += sum - u->io_last;
	u->io_last = sum;
}

static uint32_t share(uint64_t from, uint64_t to, int64_t ns)
{
	uint64_t n = to > from && ns > 0 ? (to - from) * 1000000 / (uint64_t)ns : 0;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

int usage_look(struct usage *u, struct usage_numbers *ret)
{
	struct usage_numbers n = {0};
	uint64_t waited = 0, io = 0;
	int64_t now = now_ns();
	pid_t pids[PIDS_MAX];
	int count;

	if (!number_after(u->cpu, "usage_usec ", &n.cpu_usec))
		return -ENOENT;
	(void)number_after(u->pressure, "total=", &waited);
	count = cgroup_pids(u->cgroup, pids, PIDS_MAX);
	if (count < 0)
		return count;
	n.processes = (uint32_t)count;
	demand_begin(u->demand, now);
	for (int i = 0; i < count && i < PIDS_MAX; i++) {
		n.rss += resident(pids[i]);
		io += read_and_written(pids[i]);
		demand_see(u->demand, pids[i]);
	}
	if (u->at)
		n.used = share(u->cpu_usec, n.cpu_usec, now - u->at);
	n.demand = demand_end(u->demand, n.used, share(u->pressure_usec, waited, now - u->at));
	count_io(u, io);
	n.file_bytes = u->io_bytes;
	u->at = now;
	u->cpu_usec = n.cpu_usec;
	u->pressure_usec = waited;
	*ret = n;
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
