/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks through directory trees. Programs that walk (find, rm -r, du, fts(3), Python's rmtree)
 * compare the device number of a directory with the one that they were told before, and give up if
 * it is another: and those differ by node. So a job does not move while it walks.
 *
 * A walk begins when a directory is looked at (stat), goes on when it is opened, and lasts while
 * directories are open. What opens one to read it says O_NONBLOCK (opendir(3), fts(3)); what opens
 * one as a base for paths does not.
 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "job/guest.h"
#include "job/mounts.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSCALL_MAX 512 /* bytes of /proc/PID/syscall */

/* Only in a tree that comes from the home node: those of each node and the job's own are not
 * expected to stay the same. */
bool walk_is_open(int fds, const char *name, const char *info, char *path)
{
	const char *flags_text = strstr(info, "flags:");
	unsigned long flags;
	struct stat st;
	long long pos;
	ssize_t n;

	if (fstatat(fds, name, &st, 0) < 0 || !S_ISDIR(st.st_mode) || !flags_text)
		return false;
	flags = strtoul(flags_text + strlen("flags:"), NULL, 8);
	if (flags & O_PATH)
		return false;
	if (!(flags & O_NONBLOCK) && sscanf(info, "pos:\t%lld", &pos) == 1 && pos == 0)
		return false;
	n = readlinkat(fds, name, path, PATH_MAX - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return mounts_valid(path) || !strcmp(path, "/");
}

/* ------------------------------------------------------------------ the last system call */

/* Where in the process's memory the mode of what it looked at is; 0 if the call is another one. */
static uint64_t mode_at(long nr, const uint64_t arg[6])
{
	switch (nr) {
#ifdef SYS_stat
	case SYS_stat:
	case SYS_lstat:
#endif
	case SYS_fstat:
		return arg[1] + offsetof(struct stat, st_mode);
	case SYS_newfstatat:
		return arg[2] + offsetof(struct stat, st_mode);
	case SYS_statx:
		return arg[4] + offsetof(struct statx, stx_mode);
	default:
		return 0;
	}
}

/* "262 0x3 0x7ffc… …": the system call that a stopped thread comes from, or "running". */
static bool thread_looked(int tasks, const char *tid, int mem)
{
	_cleanup_free_ char *text = NULL;
	uint64_t arg[6], at;
	uint16_t mode; /* the low half, where struct stat has more */
	char path[64];
	long nr;

	snprintf(path, sizeof(path), "%.20s/syscall", tid);
	if (file_read_at(tasks, path, SYSCALL_MAX, &text, NULL) < 0 ||
	    sscanf(text, "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
		   &nr, &arg[0], &arg[1], &arg[2], &arg[3], &arg[4], &arg[5]) != 7)
		return false;
	at = mode_at(nr, arg);
	return at && pread(mem, &mode, sizeof(mode), (off_t)at) == sizeof(mode) && S_ISDIR(mode);
}

bool walk_has_begun(pid_t pid)
{
	_cleanup_dir_ DIR *tasks = NULL;
	_cleanup_fd_ int mem = -1;
	const struct dirent *e;
	bool looked = false;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (mem < 0 || !tasks)
		return false;
	while (!looked && (e = readdir(tasks)))
		looked = e->d_name[0] != '.' && thread_looked(dirfd(tasks), e->d_name, mem);
	return looked;
}
