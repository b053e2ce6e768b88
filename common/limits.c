/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What control groups leave this process of the machine.
 */
#include "common/limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define TEXT_MAX (256u << 10)

/* v1 has no word for "none": the largest number of pages. */
#define V1_NONE (INT64_MAX / 2)

/* ------------------------------------------------------------------ finding the groups */

/* Whether the comma-separated @list has @word. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

/* The path of our group in /proc/self/cgroup: "0::PATH", or "N:cpu,cpuacct:PATH" for @v1. */
static bool own_path(const char *text, const char *v1, char *ret, size_t size)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save, *line;

	if (!copy)
		return false;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		list++;
		if (v1 ? has_word(list, v1) : *list == '\0')
			return (size_t)snprintf(ret, size, "%s", path) < size;
	}
	return false;
}

/* mountinfo writes a space as \040. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

struct mount {
	char root[LIMITS_PATH_MAX], point[LIMITS_PATH_MAX];
};

static bool parse_mount(char *line, const char *v1, struct mount *ret)
{
	char *sep = strstr(line, " - ");
	char type[32], options[256];

	if (!sep || sscanf(sep, " - %31s %*s %255s", type, options) != 2)
		return false;
	if (strcmp(type, v1 ? "cgroup" : "cgroup2") != 0 || (v1 && !has_word(options, v1)))
		return false;
	if (sscanf(line, "%*s %*s %*s %511s %511s", ret->root, ret->point) != 2)
		return false;
	unescape(ret->root);
	unescape(ret->point);
	return true;
}

/* The first mount; a later one of the same hierarchy shows nothing else. */
static bool find_mount(const char *text, const char *v1, struct mount *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save, *line;

	if (!copy)
		return false;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (parse_mount(line, v1, ret))
			return true;
	return false;
}

/* What of @path is below the mount's root: a container may see the whole path, but mount only its
 * own part of the tree. */
static const char *below_root(const struct mount *m, const char *path)
{
	size_t len = strlen(m->root);

	if (strcmp(m->root, "/") == 0)
		return strncmp(path, "/..", 3) == 0 ? "" : path;
	if (strncmp(path, m->root, len) == 0 && (path[len] == '/' || path[len] == '\0'))
		return path + len;
	return "";
}

static void find_chain(struct limits_chain *c, const char *root, const char *groups,
		       const char *mounts, const char *v1)
{
	char path[LIMITS_PATH_MAX], dir[3 * LIMITS_PATH_MAX];
	struct mount m;
	size_t top;

	c->v1 = v1 != NULL;
	if (!own_path(groups, v1, path, sizeof(path)) || !find_mount(mounts, v1, &m))
		return;
	snprintf(dir, sizeof(dir), "%s%s", root, m.point);
	top = strlen(dir);
	snprintf(dir + top, sizeof(dir) - top, "%s", below_root(&m, path));
	for (size_t end = strlen(dir); c->count < LIMITS_LEVELS; c->count++) {
		while (end > top && dir[end - 1] == '/')
			dir[--end] = '\0';
		if (end >= LIMITS_PATH_MAX)
			return;
		memcpy(c->dirs[c->count], dir, end + 1);
		if (end <= top) {
			c->count++;
			return;
		}
		while (end > top && dir[end - 1] != '/')
			dir[--end] = '\0';
	}
}

int limits_find(struct limits *l, const char *root)
{
	_cleanup_free_ char *groups = NULL, *mounts = NULL;
	char path[LIMITS_PATH_MAX];
	int r;

	*l = (struct limits){.root = root};
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	r = file_read_at(AT_FDCWD, path, TEXT_MAX, &groups, NULL);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	r = file_read_at(AT_FDCWD, path, TEXT_MAX, &mounts, NULL);
	if (r < 0)
		return r;
	find_chain(&l->v2, root, groups, mounts, NULL);
	find_chain(&l->cpu, root, groups, mounts, "cpu");
	find_chain(&l->memory, root, groups, mounts, "memory");
	return 0;
}

const char *limits_top(const struct limits *l)
{
	return l->v2.count ? l->v2.dirs[l->v2.count - 1] : NULL;
}

/* ------------------------------------------------------------------ reading */

bool limits_read(const char *dir, const char *name, char *buf, unsigned int size)
{
	char path[LIMITS_PATH_MAX + 64];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = pread(fd, buf, size - 1, 0);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

bool limits_key(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, key, len) == 0 && p[len] == ' ')
			return sscanf(p + len, "%" SCNu64, ret) == 1;
	return false;
}

/* False: not there, or "max". */
static bool read_number(const char *dir, const char *name, uint64_t *ret)
{
	char buf[64];

	return limits_read(dir, name, buf, sizeof(buf)) && sscanf(buf, "%" SCNu64, ret) == 1;
}

/* ------------------------------------------------------------------ CPU */

static bool quota_v2(const char *dir, uint64_t *quota, uint64_t *period)
{
	char buf[64];

	return limits_read(dir, "cpu.max", buf, sizeof(buf)) &&
	       sscanf(buf, "%" SCNu64 " %" SCNu64, quota, period) == 2;
}

static bool quota_v1(const char *dir, uint64_t *quota, uint64_t *period)
{
	char buf[64];
	int64_t n;

	if (!limits_read(dir, "cpu.cfs_quota_us", buf, sizeof(buf)) ||
	    sscanf(buf, "%" SCNd64, &n) != 1 || n <= 0)
		return false;
	*quota = (uint64_t)n;
	return read_number(dir, "cpu.cfs_period_us", period);
}

static void cpu_of(const struct limits_chain *c, uint32_t *least)
{
	for (unsigned int i = 0; i < c->count; i++) {
		uint64_t quota = 0, period = 0, n;

		if (!(c->v1 ? quota_v1 : quota_v2)(c->dirs[i], &quota, &period) || !period)
			continue;
		n = quota / period >= UINT32_MAX / 1000 ? UINT32_MAX : quota * 1000 / period;
		n = n ? n : 1;
		if (!*least || n < *least)
			*least = (uint32_t)n;
	}
}

uint32_t limits_cpu(const struct limits *l)
{
	uint32_t least = 0;

	cpu_of(&l->v2, &least);
	cpu_of(&l->cpu, &least);
	return least;
}

/* ------------------------------------------------------------------ memory */

struct memory_names {
	const char *limit, *usage, *inactive;
};

/* Pages of files that were not used lately can be had back at once. */
static uint64_t inactive_file(const char *dir, const char *key)
{
	char buf[8192];
	uint64_t n;

	return limits_read(dir, "memory.stat", buf, sizeof(buf)) && limits_key(buf, key, &n) ? n
											     : 0;
}

static bool apply(const struct limits_chain *c, const struct memory_names *n, uint64_t *total,
		  uint64_t *free)
{
	bool any = false;

	for (unsigned int i = 0; i < c->count; i++) {
		uint64_t limit, usage, back = 0;

		if (!read_number(c->dirs[i], n->limit, &limit) || limit > V1_NONE)
			continue;
		any |= limit < *total;
		if (limit < *total)
			*total = limit;
		if (!read_number(c->dirs[i], n->usage, &usage))
			continue;
		if (n->inactive)
			back = inactive_file(c->dirs[i], n->inactive);
		usage -= back < usage ? back : usage;
		limit -= usage < limit ? usage : limit;
		if (limit < *free)
			*free = limit;
	}
	return any;
}

bool limits_memory(const struct limits *l, uint64_t *total, uint64_t *free)
{
	static const struct memory_names v2 = {"memory.max", "memory.current", "inactive_file"};
	static const struct memory_names v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
					       "total_inactive_file"};

	bool a = apply(&l->v2, &v2, total, free), b = apply(&l->memory, &v1, total, free);

	return a || b;
}

void limits_swap(const struct limits *l, uint64_t *total, uint64_t *free)
{
	static const struct memory_names v2 = {"memory.swap.max", "memory.swap.current", NULL};

	apply(&l->v2, &v2, total, free);
}
