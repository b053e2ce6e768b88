/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removes names by list, and finds links by what they are links to. */
#include "ckpt/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ckpt/tasks.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define LINK_PREFIX "link_remap."
#define DELETED " (deleted)"

/* ------------------------------------------------------------------ by name */

static bool below(const char *path, const char *mountpoint, size_t *ret_len)
{
	size_t len = strlen(mountpoint);

	if (len == 1)
		len = 0; /* "/" */
	*ret_len = len;
	return strncmp(path, mountpoint, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static const struct leftover_mount *find_mount(const struct leftover_mount *m, size_t count,
					       const char *path, size_t *ret_len)
{
	const struct leftover_mount *best = NULL;
	size_t len;

	for (size_t i = 0; i < count; i++) {
		if (!below(path, m[i].mountpoint, &len) || (best && len <= *ret_len))
			continue;
		best = &m[i];
		*ret_len = len;
	}
	return best;
}

/* The directory of @path below @root, whatever symbolic links the job has put there. */
static int open_dir(const char *root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	_cleanup_fd_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : (int)syscall(SYS_openat2, fd, path, &how, sizeof(how));
}

static void remove_path(const char *path, const struct leftover_mount *mounts, size_t count)
{
	const struct leftover_mount *m;
	_cleanup_fd_ int dir = -1;
	char parent[PATH_MAX];
	char *name;
	size_t len;

	m = find_mount(mounts, count, path, &len);
	if (!m || (size_t)snprintf(parent, sizeof(parent), ".%s", path + len) >= sizeof(parent))
		return;
	name = strrchr(parent, '/');
	if (!name)
		return;
	*name++ = '\0';
	dir = open_dir(m->source, parent);
	if (dir >= 0)
		unlinkat(dir, name, 0);
}

void leftover_remove(const char *list, size_t len, const struct leftover_mount *mounts,
		     size_t count)
{
	size_t n;

	for (size_t i = 0; i < len; i += n + 1) {
		n = strnlen(list + i, len - i);
		if (i + n < len)
			remove_path(list + i, mounts, count);
	}
}

/* ------------------------------------------------------------------ links of a dump */

static bool is_same(int dir, const char *name, const struct stat *st)
{
	struct stat other;

	return fstatat(dir, name, &other, AT_SYMLINK_NOFOLLOW) == 0 && other.st_ino == st->st_ino &&
	       other.st_dev == st->st_dev;
}

static void remove_links_in(int dirfd, const struct stat *st)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(d)))
		if (strncmp(e->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) == 0 &&
		    is_same(fd, e->d_name, st))
			unlinkat(fd, e->d_name, 0);
}

/* A file that is open (or mapped), but not to be found under the name by which it was opened. */
static void look_at_file(int files, const char *name, const char *root)
{
	char path[PATH_MAX + 1] = ".";
	_cleanup_fd_ int dir = -1;
	struct stat st;
	ssize_t n;
	char *last;

	if (fstatat(files, name, &st, 0) < 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0)
		return;
	n = readlinkat(files, name, path + 1, sizeof(path) - 2);
	if (n <= 0 || path[1] != '/')
		return;
	path[n + 1] = '\0';
	last = path + 1 + n - strlen(DELETED);
	if (last > path && strcmp(last, DELETED) == 0)
		*last = '\0';
	last = strrchr(path, '/');
	*last++ = '\0';
	dir = open_dir(root, path);
	if (dir >= 0 && !is_same(dir, last, &st))
		remove_links_in(dir, &st);
}

static void look_at_files(pid_t pid, const char *kind, const char *root)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, kind);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			look_at_file(dirfd(d), e->d_name, root);
}

void leftover_remove_links(pid_t init, const char *cgroup)
{
	_cleanup_free_ pid_t *pids = NULL;
	int n = tasks_list(cgroup, &pids);
	char root[32];

	snprintf(root, sizeof(root), "/proc/%d/root", (int)init);
	for (int i = 0; i < n; i++) {
		look_at_files(pids[i], "fd", root);
		look_at_files(pids[i], "map_files", root);
	}
}
