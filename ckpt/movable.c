/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps a job from moving. First all processes with their descriptors and mappings, then the
 * sockets and pipes, because their other ends may belong to any of the processes.
 */
#include "ckpt/movable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ckpt/movable_look.h"
#include "ckpt/tasks.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define STATUS_MAX (64u << 10)
#define MOUNTINFO_MAX (16u << 20)
#define REASON_MAX 400

const char *const look_ns_names[_LOOK_NS_COUNT] = {
	[LOOK_PID] = "pid", [LOOK_MNT] = "mnt", [LOOK_USER] = "user",     [LOOK_NET] = "net",
	[LOOK_IPC] = "ipc", [LOOK_UTS] = "uts", [LOOK_CGROUP] = "cgroup", [LOOK_TIME] = "time",
};

/* ------------------------------------------------------------------ sentences */

void look_reason(struct look *l, const struct look_proc *p, const char *fmt, ...)
{
	struct movable *m = l->m;
	char text[REASON_MAX];
	size_t len;
	va_list ap;

	len = (size_t)snprintf(text, sizeof(text), "Process %d (%s) ", (int)p->inner, p->comm);
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	if (m->count == MOVABLE_REASONS_MAX)
		return;
	for (size_t i = 0; i < m->count; i++) {
		if (strcmp(m->reasons[i], text) == 0)
			return;
	}
	m->reasons[m->count] = strdup(text);
	if (m->reasons[m->count])
		m->count++;
}

void movable_done(struct movable *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->reasons[i]);
	m->count = 0;
}

/* ------------------------------------------------------------------ processes */

static const char *field(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p ? p + strlen(name) : "";
}

static void parse_comm(const char *status, char *ret, size_t size)
{
	const char *p = field(status, "Name:\t");
	size_t n = 0;

	for (; *p && *p != '\n' && n + 1 < size; p++)
		ret[n++] = *p >= ' ' && *p < 0x7f ? *p : '?';
	ret[n] = '\0';
}

/* "NSpid:\t812\t12": one number per pid namespace, ours first. The job's own is that at the depth
 * of its init; a process of a namespace inside the job has more. */
static void parse_numbers(const char *status, unsigned int job_depth, struct look_proc *ret)
{
	const char *p = field(status, "\nNSpid:");
	char *end;

	for (ret->depth = 0; *p && *p != '\n'; p = end) {
		long v = strtol(p, &end, 10);

		if (end == p)
			break;
		ret->depth++;
		if (!job_depth || ret->depth <= job_depth)
			ret->inner = (pid_t)v;
		while (*end == '\t' || *end == ' ')
			end++;
	}
}

static int read_process(pid_t pid, unsigned int job_depth, struct look_proc *ret)
{
	_cleanup_free_ char *status = NULL;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	r = file_read_at(AT_FDCWD, path, STATUS_MAX, &status, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	memset(ret, 0, sizeof(*ret));
	ret->pid = ret->inner = pid;
	parse_comm(status, ret->comm, sizeof(ret->comm));
	ret->state = *field(status, "\nState:\t");
	ret->tracer = (pid_t)strtol(field(status, "\nTracerPid:"), NULL, 10);
	ret->threads = (unsigned int)strtoul(field(status, "\nThreads:"), NULL, 10);
	parse_numbers(status, job_depth, ret);
	return 0;
}

static void check_namespaces(struct look *l, const struct look_proc *p)
{
	static const char *const words[_LOOK_NS_COUNT] = {
		[LOOK_PID] = "process",   [LOOK_MNT] = "mount", [LOOK_USER] = "user",
		[LOOK_NET] = "network",   [LOOK_IPC] = "IPC",   [LOOK_UTS] = "host name",
		[LOOK_CGROUP] = "cgroup", [LOOK_TIME] = "time",
	};

	for (int i = 0; i < _LOOK_NS_COUNT; i++) {
		ino_t ns = tasks_namespace(p->pid, look_ns_names[i]);

		if (ns && l->ns[i] && ns != l->ns[i])
			look_reason(l, p,
				    "has a %s namespace of its own: containers inside a job "
				    "cannot move.",
				    words[i]);
	}
}

static int check_links(struct look *l, const struct look_proc *p)
{
	static const struct {
		const char *link, *what;
	} links[] = {
		{"cwd", "as its working directory"},
		{"root", "as its root directory"},
		{"exe", "as its program"},
	};
	char path[64], name[256];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(links) / sizeof(*links); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/%s", (int)p->pid, links[i].link);
		n = readlink(path, name, sizeof(name) - 1);
		if (n < 0)
			return errno == ENOENT ? -ESRCH : -errno;
		name[n] = '\0';
		r = look_at_path(l, p, path, name, links[i].what);
	}
	return r;
}

int look_at_process(struct look *l, const struct look_proc *p)
{
	int r;

	if (p->tracer)
		look_reason(l, p, "is traced by process %d: end the debugger or strace.",
			    (int)p->tracer);
	if (p->depth < l->init.depth) {
		look_reason(l, p, "was put into the job from outside: end it.");
		return 0;
	}
	if (p->state == 'Z' && p->threads > 1)
		look_reason(l, p,
			    "has ended its first thread while others go on: this cannot move.");
	if (p->state == 'Z' || p->state == 'X')
		return 0;
	check_namespaces(l, p);
	r = check_links(l, p);
	if (r == 0)
		r = look_at_fds(l, p);
	return r < 0 ? r : look_at_maps(l, p);
}

/* ------------------------------------------------------------------ ends */

static int by_inode(const void *a, const void *b)
{
	const struct look_end *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void sort_ends(struct look_ends *e)
{
	if (e->count)
		qsort(e->list, e->count, sizeof(*e->list), by_inode);
}

const struct look_end *look_find(const struct look_ends *ends, uint64_t ino)
{
	struct look_end key = {.ino = ino};
	struct look_end *p;

	if (!ends->count)
		return NULL;
	p = bsearch(&key, ends->list, ends->count, sizeof(key), by_inode);
	while (p && p > ends->list && p[-1].ino == ino)
		p--;
	return p;
}

bool look_is_stdio(const struct look *l, uint64_t ino)
{
	for (size_t i = 0; i < l->stdio_count; i++) {
		if (l->stdio[i] == ino)
			return true;
	}
	return false;
}

int look_get_fd(const struct look_end *e)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, e->proc.pid, 0);
	int fd;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, e->fd, 0);
	return fd < 0 ? -errno : fd;
}

/* ------------------------------------------------------------------ the job */

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int read_mounts(struct look *l)
{
	_cleanup_free_ char *text = NULL;
	char path[40];
	size_t max = 0;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)l->init.pid);
	r = file_read_at(AT_FDCWD, path, MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	for (const char *p = text; *p; p++)
		max += *p == '\n';
	l->mounts = calloc(max + 1, sizeof(*l->mounts));
	if (!l->mounts)
		return -ENOMEM;
	for (const char *p = text; *p && l->mount_count < max; p = strchr(p, '\n') + 1)
		l->mounts[l->mount_count++] = strtoul(p, NULL, 10);
	qsort(l->mounts, l->mount_count, sizeof(*l->mounts), by_number);
	return 0;
}

static int look_at_init(struct look *l, pid_t init)
{
	int r;

	r = read_process(init, 0, &l->init);
	if (r < 0)
		return r;
	for (int i = 0; i < _LOOK_NS_COUNT; i++)
		l->ns[i] = tasks_namespace(init, look_ns_names[i]);
	return read_mounts(l);
}

static int look_at_all(struct look *l, const char *cgroup)
{
	_cleanup_free_ pid_t *list = NULL;
	struct look_proc p;
	int n, r;

	n = tasks_list(cgroup, &list);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		r = read_process(list[i], l->init.depth, &p);
		if (r == 0)
			r = look_at_process(l, &p);
		/* A process may end while it is looked at. */
		if (r < 0 && r != -ESRCH)
			return r;
	}
	sort_ends(&l->sockets);
	sort_ends(&l->pipes);
	return 0;
}

int movable_check(struct movable *ret, pid_t init, const char *cgroup, const ino_t *stdio_inodes,
		  size_t stdio_count)
{
	struct movable m = {0};
	struct look l = {.m = &m, .stdio = stdio_inodes, .stdio_count = stdio_count};
	int r;

	r = look_at_init(&l, init);
	if (r == 0)
		r = look_at_all(&l, cgroup);
	if (r == 0)
		r = look_at_sockets(&l);
	if (r == 0)
		r = look_at_pipes(&l);
	free(l.mounts);
	free(l.sockets.list);
	free(l.pipes.list);
	if (r < 0)
		movable_done(&m);
	else
		*ret = m;
	return r;
}
