/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps the job from moving: what the engine knows, and what is only for a moment. */
#include "ckpt/remote_locks.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/proc.h"
#include "job/guest.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PIDS_MAX 4096
#define FDINFO_MAX 65536

int guest_check(struct guest *g, struct movable *ret)
{
	ino_t inodes[3];
	size_t n = stdio_inodes(&g->stdio, inodes);

	return movable_check(ret, g->init, g->cgroup, inodes, n);
}

void guest_moment_explain(const struct guest_moment *m, struct err *e)
{
	if (m->vfork)
		err_set(e, 0,
			"one of its processes waits for a child that has not executed its "
			"program yet (vfork); try again in a moment");
	else if (m->lock)
		err_set(e, 0, "it holds a file locked for writing; try again when it does not");
	else if (m->tty)
		err_set(e, 0, "it has /dev/tty open; try again when that is closed");
	else if (m->look)
		err_set(e, 0, "it begins to read a directory; try again in a moment");
	else
		err_set(e, 0,
			"it is reading the directory %s, whose device differs on another "
			"node; try again in a moment",
			m->walk);
}

/* What only holds now. NULL: there is none; what holds for longer is in @movable. */
static const char *busy_with(struct guest *g, struct movable *movable, struct err *e)
{
	struct guest_moment moment = {0};
	const char *why = NULL;

	if (g->state != MOSIX__GUEST_STATE__GUEST_RUNNING || !g->init)
		return "the job is not running here at the moment";
	if (guest_check(g, movable) < 0)
		return "its processes cannot be looked at";
	if (!movable->count && !guest_check_moment(g, &moment) && !moment.vfork) {
		guest_moment_explain(&moment, e);
		why = e->text;
	}
	free(moment.walk);
	return why;
}

void guest_check_request(struct guest *g, const Mosix__GuestCheck *m)
{
	Mosix__GuestChecked a = MOSIX__GUEST_CHECKED__INIT;
	struct movable movable = {0};
	struct err e;
	char *busy = (char *)busy_with(g, &movable, &e);

	a.has_req = a.has_job = a.has_gen = a.has_movable = true;
	a.req = m->req;
	a.job = g->job;
	a.gen = g->gen;
	a.reasons = busy ? &busy : movable.reasons;
	a.n_reasons = busy ? 1 : movable.count;
	a.movable = !a.n_reasons;
	guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_CHECKED, &a.base);
	movable_done(&movable);
}

/* "lock:\t1: POSIX  ADVISORY  WRITE 359 00:13:11691 0 EOF" for each lock of the process. */
static bool has_write_lock(const char *info)
{
	char mode[16];

	for (const char *p = info; (p = strstr(p, "\nlock:")); p++)
		if (sscanf(p, "\nlock: %*u: %*s %*s %15s", mode) == 1 && !strcmp(mode, "WRITE"))
			return true;
	return false;
}

/* criu finds what /dev/tty stands for among the terminals that it saves, not with ours. */
static bool is_our_tty(int fds, const char *name, pid_t pid, pid_t init)
{
	struct stat st;

	return fstatat(fds, name, &st, 0) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(5, 0) && getsid(pid) == init;
}

/* Not /proc/locks: reading that stops all locking in the system for some milliseconds. */
static void look_at_files(pid_t pid, pid_t init, struct remote_locks *remote,
			  struct guest_moment *m)
{
	_cleanup_dir_ DIR *d = NULL;
	char path[PATH_MAX], where[64];
	struct dirent *e;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d)) && !m->walk && !m->lock && !m->tty) {
		_cleanup_free_ char *info = NULL;

		snprintf(where, sizeof(where), "../fdinfo/%.20s", e->d_name);
		if (e->d_name[0] == '.' ||
		    file_read_at(dirfd(d), where, FDINFO_MAX, &info, NULL) < 0)
			continue;
		m->lock = has_write_lock(info) || remote_locks_writer(remote, pid, atoi(e->d_name));
		m->tty = is_our_tty(dirfd(d), e->d_name, pid, init);
		if (walk_is_open(dirfd(d), e->d_name, info, path))
			m->walk = strdup(path);
	}
}

/* Until it executes its program, a vfork() child uses its parent's memory. */
static bool is_vfork_child(pid_t pid, const pid_t *pids, int n)
{
	struct proc_stat st;

	if (proc_stat(pid, &st) < 0 || st.state == 'Z')
		return false;
	for (int i = 0; i < n; i++)
		if (pids[i] == st.parent)
			return syscall(SYS_kcmp, pid, st.parent, KCMP_VM, 0, 0) == 0;
	return false;
}

bool guest_check_moment(struct guest *g, struct guest_moment *ret)
{
	struct remote_locks remote = {.none = !strcmp(g->tree, "/")};
	pid_t pids[PIDS_MAX];
	int n = cgroup_pids(g->cgroup, pids, PIDS_MAX);

	*ret = (struct guest_moment){0};
	n = n < PIDS_MAX ? n : PIDS_MAX;
	for (int i = 0; i < n && !ret->vfork; i++)
		ret->vfork = is_vfork_child(pids[i], pids, n);
	for (int i = 0; i < n && !ret->vfork && !ret->walk && !ret->lock && !ret->tty; i++)
		look_at_files(pids[i], g->init, &remote, ret);
	if (ret->vfork || ret->walk || ret->lock || ret->tty)
		return false;
	for (int i = 0; i < n && g->frozen && !ret->look; i++)
		ret->look = walk_has_begun(pids[i]);
	return !ret->look;
}
