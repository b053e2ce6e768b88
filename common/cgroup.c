/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups (v2): make, enter, freeze, kill, remove.
 */
#include "common/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"

static int open_group(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* ------------------------------------------------------------------ own group */

static int find_mount(char *ret, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	int r = -ENOENT;

	if (!f)
		return -errno;
	while ((m = getmntent(f))) {
		if (strcmp(m->mnt_type, "cgroup2") != 0)
			continue;
		r = (size_t)snprintf(ret, size, "%s", m->mnt_dir) < size ? 0 : -ENAMETOOLONG;
		break;
	}
	endmntent(f);
	return r;
}

int cgroup_self(char *ret, size_t size)
{
	_cleanup_free_ char *text = NULL;
	char mount[256];
	char *p, *end;
	int r;

	r = file_read_at(AT_FDCWD, "/proc/self/cgroup", 64 << 10, &text, NULL);
	if (r < 0)
		return r;
	p = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!p)
		return -ENOENT;
	p = strstr(p, "::") + 2;
	end = strchr(p, '\n');
	if (end)
		*end = '\0';
	r = find_mount(mount, sizeof(mount));
	if (r < 0)
		return r;
	if (strcmp(p, "/") == 0)
		p++;
	if ((size_t)snprintf(ret, size, "%s%s", mount, p) >= size)
		return -ENAMETOOLONG;
	return 0;
}

int cgroup_name_of(pid_t pid, char *ret, size_t size)
{
	_cleanup_free_ char *text = NULL;
	char file[64], *path;
	int r;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	r = file_read_at(AT_FDCWD, file, 65536, &text, NULL);
	if (r < 0)
		return r;
	path = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!path)
		return -ENOENT;
	path = strstr(path, "::") + 2;
	path[strcspn(path, "\n")] = '\0';
	return (size_t)snprintf(ret, size, "%s", path) < size ? 0 : -ENAMETOOLONG;
}

/* ------------------------------------------------------------------ life */

int cgroup_create(const char *path)
{
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

static int remove_below(int dirfd)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	int fd, r;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return -errno;
	}
	while ((e = readdir(d))) {
		_cleanup_fd_ int sub = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			return -errno;
		r = remove_below(sub);
		if (r < 0)
			return r;
		if (unlinkat(fd, e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int cgroup_remove(const char *path)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	fd = open_group(path);
	if (fd < 0)
		return fd;
	r = remove_below(fd);
	if (r < 0)
		return r;
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_enter(const char *path, pid_t pid)
{
	_cleanup_fd_ int fd = open_group(path);
	char text[16];

	if (fd < 0)
		return fd;
	snprintf(text, sizeof(text), "%d", (int)pid);
	return file_write_at(fd, "cgroup.procs", text);
}

pid_t cgroup_fork(const char *path, uint64_t flags, int *ret_pidfd)
{
	struct clone_args args = {.flags = flags | CLONE_PIDFD, .exit_signal = SIGCHLD};
	_cleanup_fd_ int fd = -1;
	int pidfd = -1;
	pid_t pid;

	args.pidfd = (uintptr_t)&pidfd;
	if (path) {
		fd = open_group(path);
		if (fd < 0)
			return fd;
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned int)fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

/* ------------------------------------------------------------------ state */

/* The number behind "@key " in a flat keyed file. */
static int read_key(int fd, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);
	char buf[4096];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	for (char *p = buf; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, key, len) == 0 && p[len] == ' ')
			return sscanf(p + len, "%" SCNu64, ret) == 1 ? 0 : -EIO;
	return -ENOENT;
}

/* Waits until @key in cgroup.events is @want; the kernel reports changes as POLLPRI. */
static int wait_event(int group, const char *key, uint64_t want, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	_cleanup_fd_ int fd = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		int64_t left = -1;
		uint64_t value;
		int r = read_key(fd, key, &value);

		if (r < 0)
			return r;
		if (value == want)
			return 0;
		if (deadline >= 0) {
			left = deadline - clock_ms();
			if (left <= 0)
				return -ETIMEDOUT;
		}
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

int cgroup_freeze(const char *path, int timeout_ms)
{
	_cleanup_fd_ int fd = open_group(path);
	int r;

	if (fd < 0)
		return fd;
	r = file_write_at(fd, "cgroup.freeze", "1");
	if (r < 0)
		return r;
	return wait_event(fd, "frozen", 1, timeout_ms);
}

int cgroup_thaw(const char *path)
{
	_cleanup_fd_ int fd = open_group(path);

	if (fd < 0)
		return fd;
	return file_write_at(fd, "cgroup.freeze", "0");
}

bool cgroup_frozen(const char *path)
{
	_cleanup_fd_ int group = open_group(path);
	_cleanup_fd_ int fd = -1;
	uint64_t value;

	if (group < 0)
		return false;
	fd = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read_key(fd, "frozen", &value) == 0 && value == 1;
}

int cgroup_kill(const char *path, int timeout_ms)
{
	_cleanup_fd_ int fd = open_group(path);
	int r;

	if (fd < 0)
		return fd;
	r = file_write_at(fd, "cgroup.kill", "1");
	if (r < 0)
		return r;
	return wait_event(fd, "populated", 0, timeout_ms);
}

int cgroup_pids(const char *path, pid_t *ret, int max)
{
	_cleanup_fd_ int group = open_group(path);
	_cleanup_file_ FILE *f = NULL;
	int fd, count = 0;
	int pid;

	if (group < 0)
		return group;
	fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "re");
	if (!f) {
		fd_close(fd);
		return -errno;
	}
	for (; fscanf(f, "%d", &pid) == 1; count++)
		if (count < max)
			ret[count] = pid;
	return ferror(f) ? -EIO : count;
}

int cgroup_cpu_usec(const char *path, uint64_t *ret)
{
	_cleanup_fd_ int group = open_group(path);
	_cleanup_fd_ int fd = -1;

	if (group < 0)
		return group;
	fd = openat(group, "cpu.stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return read_key(fd, "usage_usec", ret);
}
