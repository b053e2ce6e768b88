/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps the job from moving: what the engine knows, and one thing that only matters to
 * programs: a walk through a directory tree compares device numbers, and those differ by node.
 */
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/proc.h"
#include "job/guest.h"
#include "job/mounts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIDS_MAX 4096
#define LOCKS_MAX (16u << 20)

int guest_check(struct guest *g, struct movable *ret)
{
	ino_t inodes[3];
	size_t n = stdio_inodes(&g->stdio, inodes);

	return movable_check(ret, g->init, g->cgroup, inodes, n);
}

void guest_check_request(struct guest *g, const Mosix__GuestCheck *m)
{
	Mosix__GuestChecked a = MOSIX__GUEST_CHECKED__INIT;
	struct movable movable = {0};
	char *busy[1] = {(char *)"the job is not running here at the moment"};

	a.has_req = a.has_job = a.has_gen = a.has_movable = true;
	a.req = m->req;
	a.job = g->job;
	a.gen = g->gen;
	if (g->state != MOSIX__GUEST_STATE__GUEST_RUNNING || !g->init) {
		a.reasons = busy;
		a.n_reasons = 1;
	} else if (guest_check(g, &movable) < 0) {
		busy[0] = (char *)"its processes cannot be looked at";
		a.reasons = busy;
		a.n_reasons = 1;
	} else {
		a.reasons = movable.reasons;
		a.n_reasons = movable.count;
	}
	a.movable = !a.n_reasons;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_CHECKED, &a.base);
	movable_done(&movable);
}

/* Of an open file in /proc/PID/fd: is it a directory that is being read? */
static bool is_walk(int fds, const char *name, char path[PATH_MAX])
{
	_cleanup_free_ char *info = NULL;
	char where[64];
	struct stat st;
	ssize_t n;
	char *p;

	if (fstatat(fds, name, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return false;
	n = readlinkat(fds, name, path, PATH_MAX - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	/* Those trees are of each node, or the job's own, and are never walked across a move
	 * in the hope that they stay the same. */
	if (!mounts_valid(path) && strcmp(path, "/") != 0)
		return false;
	snprintf(where, sizeof(where), "../fdinfo/%.20s", name);
	if (file_read_at(fds, where, 4096, &info, NULL) < 0)
		return false;
	p = strstr(info, "flags:");
	return p && !(strtoul(p + 6, NULL, 8) & O_PATH);
}

static char *walk_of(pid_t pid)
{
	_cleanup_dir_ DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *e;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && is_walk(dirfd(d), e->d_name, path))
			return strdup(path);
	return NULL;
}

char *guest_check_walk(struct guest *g)
{
	pid_t pids[PIDS_MAX];
	int n = cgroup_pids(g->cgroup, pids, PIDS_MAX);
	char *path = NULL;

	for (int i = 0; i < n && i < PIDS_MAX && !path; i++)
		path = walk_of(pids[i]);
	return path;
}

/* A task counts as frozen a moment before it sleeps. */
static char settled_state(pid_t tid)
{
	struct proc_stat st = {.state = 'X'};

	for (int i = 0; i < 100; i++) {
		if (proc_stat(tid, &st) < 0 || st.state != 'R')
			break;
		usleep(100);
	}
	return st.state;
}

/* In a frozen group all sleep interruptibly but those. */
static bool waits_for_vfork(pid_t pid)
{
	_cleanup_dir_ DIR *d = NULL;
	char path[64], state;
	struct dirent *e;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		state = settled_state((pid_t)atoi(e->d_name));
		if (state == 'D' || state == 'R')
			return true;
	}
	return false;
}

bool guest_check_vfork(struct guest *g)
{
	pid_t pids[PIDS_MAX];
	int n = cgroup_pids(g->cgroup, pids, PIDS_MAX);

	for (int i = 0; i < n && i < PIDS_MAX; i++)
		if (waits_for_vfork(pids[i]))
			return true;
	return false;
}

/* "1: POSIX  ADVISORY  WRITE 359 00:13:11691 0 EOF"; those that wait have "->" behind the number.
 */
static pid_t write_lock_holder(const char *line)
{
	char kind[16], mode[16];
	int pid;

	if (sscanf(line, "%*u: %15s %*s %15s %d", kind, mode, &pid) != 3 || pid <= 0)
		return 0;
	return !strcmp(mode, "WRITE") && (!strcmp(kind, "POSIX") || !strcmp(kind, "FLOCK")) ? pid
											    : 0;
}

bool guest_check_lock(struct guest *g)
{
	_cleanup_free_ char *locks = NULL;
	pid_t pids[PIDS_MAX];
	char *save = NULL;
	int n;

	if (file_read_at(AT_FDCWD, "/proc/locks", LOCKS_MAX, &locks, NULL) < 0)
		return false;
	n = cgroup_pids(g->cgroup, pids, PIDS_MAX);
	for (char *line = strtok_r(locks, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		pid_t holder = write_lock_holder(line);

		for (int i = 0; holder && i < n && i < PIDS_MAX; i++)
			if (pids[i] == holder)
				return true;
	}
	return false;
}
