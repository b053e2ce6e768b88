/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which mounts of the home node belong to a job's tree.
 */
#include "job/mounts.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNTINFO_MAX (4u << 20)
#define MFS_TYPE "fuse.mfs"

static const char *const node_trees[] = {"/proc", "/sys", "/dev", "/run"};

/* No files of anybody's, wherever they are mounted; or triggers that a bind would not carry. */
static const char *const skipped_types[] = {
	"autofs",     "binfmt_misc", "bpf",      "cgroup",   "cgroup2", "configfs",
	"debugfs",    "devpts",      "devtmpfs", "efivarfs", "fusectl", "hugetlbfs",
	"mqueue",     "nfsd",        "nsfs",     "proc",     "pstore",  "rpc_pipefs",
	"securityfs", "selinuxfs",   "sysfs",    "tracefs",
};

static bool is_below(const char *path, const char *tree)
{
	size_t n = strlen(tree);

	return !strncmp(path, tree, n) && (path[n] == '\0' || path[n] == '/');
}

static bool is_normal(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len < 2 || len >= PATH_MAX / 2 || path[len - 1] == '/')
		return false;
	for (const char *p = path; p; p = strchr(p + 1, '/'))
		if (p[1] == '/' || is_below(p, "/.") || is_below(p, "/.."))
			return false;
	return true;
}

bool mounts_valid(const char *point)
{
	for (size_t i = 0; i < sizeof(node_trees) / sizeof(*node_trees); i++)
		if (is_below(point, node_trees[i]))
			return false;
	return is_normal(point);
}

static bool is_skipped_type(const char *type)
{
	for (size_t i = 0; i < sizeof(skipped_types) / sizeof(*skipped_types); i++)
		if (!strcmp(type, skipped_types[i]))
			return true;
	return false;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = '\0';
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int mounts_add(struct mounts *m, const char *point)
{
	char **points;

	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->points[i], point))
			return 0;
	if (m->count == MOUNTS_MAX)
		return -ENOSPC;
	points = reallocarray(m->points, m->count + 1, sizeof(*points));
	if (!points)
		return -ENOMEM;
	m->points = points;
	points[m->count] = strdup(point);
	if (!points[m->count])
		return -ENOMEM;
	m->count++;
	return 0;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext3 /dev/root rw" */
static int mounts_line(struct mounts *m, struct mounts *mfs, char *line,
		       bool (*visible)(const char *point, unsigned long mount_id))
{
	char *type = strstr(line, " - "), *save = NULL, *field = NULL, *point = NULL;
	unsigned long id = strtoul(line, NULL, 10);

	if (!type)
		return -EINVAL;
	*type = '\0';
	type = strtok_r(type + 3, " ", &save);
	save = NULL;
	field = strtok_r(line, " ", &save);
	for (int i = 0; field && i < 4; i++)
		point = field = strtok_r(NULL, " ", &save);
	if (!type || !point)
		return -EINVAL;
	unescape(point);
	if (is_skipped_type(type) || !mounts_valid(point))
		return 0;
	if (visible && !visible(point, id))
		return 0;
	return mounts_add(strcmp(type, MFS_TYPE) != 0 ? m : mfs, point);
}

static void mounts_sort(struct mounts *m)
{
	if (m->count)
		qsort(m->points, m->count, sizeof(*m->points), compare);
}

int mounts_parse(struct mounts *ret, struct mounts *ret_mfs, const char *mountinfo,
		 bool (*visible)(const char *point, unsigned long mount_id))
{
	_cleanup_free_ char *text = strdup(mountinfo);
	char *save = NULL;
	struct mounts m = {0}, mfs = {0};
	int r = 0;

	if (!text)
		return -ENOMEM;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		r = mounts_line(&m, &mfs, line, visible);
		if (r < 0) {
			mounts_done(&m);
			mounts_done(&mfs);
			return r;
		}
	}
	mounts_sort(&m);
	mounts_sort(&mfs);
	*ret = m;
	*ret_mfs = mfs;
	return 0;
}

static bool is_visible(const char *point, unsigned long mount_id)
{
	struct statx st;

	/* No attributes are wanted, so that a dead server is not asked. */
	if (statx(AT_FDCWD, point, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
		  STATX_MNT_ID, &st) < 0)
		return false;
	return !(st.stx_mask & STATX_MNT_ID) || st.stx_mnt_id == mount_id;
}

int mounts_home(struct mounts *ret, struct mounts *ret_mfs)
{
	_cleanup_free_ char *text = NULL;
	int r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);

	return r < 0 ? r : mounts_parse(ret, ret_mfs, text, is_visible);
}

void mounts_done(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->points[i]);
	free(m->points);
	*m = (struct mounts){0};
}
