/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors and mappings. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ckpt/movable_look.h"
#include "common/cleanup.h"

#define LINK_MAX_LEN 400
#define DELETED_MAX (1ull << 30) /* larger files that have no name any more do not travel */

/* ------------------------------------------------------------------ paths */

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool device_moves(unsigned int major, unsigned int minor)
{
	if (major == 1)
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
	if (major == 5)
		return minor == 0 || minor == 2;
	return major >= 136 && major <= 143;
}

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* Files of the kernel's own, on mounts that are nowhere to be seen. */
static bool internal(const char *name)
{
	return starts(name, "/memfd:") || starts(name, "/SYSV") || starts(name, "/[aio]") ||
	       starts(name, "/dev/zero (deleted)");
}

static bool on_hugetlb(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && st.f_type == HUGETLBFS_MAGIC;
}

/* criu knows a slave that was put in place of an earlier node's by its key, not by its mount. */
static bool is_terminal(const struct statx *st)
{
	return S_ISCHR(st->stx_mode) && st->stx_rdev_major >= 136;
}

static bool on_job_mount(const struct look *l, uint64_t mount)
{
	return bsearch(&mount, l->mounts, l->mount_count, sizeof(mount), by_number);
}

int look_at_path(struct look *l, const struct look_proc *p, const char *path, const char *name,
		 const char *what)
{
	struct statx st;

	/* No round trip to a file server, and no symbolic link of the job's is followed. */
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return errno == ENOENT || errno == ESRCH ? -ESRCH : 0;
	if (S_ISBLK(st.stx_mode) ||
	    (S_ISCHR(st.stx_mode) && !device_moves(st.stx_rdev_major, st.stx_rdev_minor)))
		look_reason(l, p, "uses the device %s %s: devices cannot move, close it.", name,
			    what);
	else if (!is_terminal(&st) && !on_job_mount(l, st.stx_mnt_id))
		look_reason(l, p, "has %s %s, which is not on a mount of the job: close it.", name,
			    what);
	else if (S_ISREG(st.stx_mode) && !st.stx_nlink && st.stx_size > DELETED_MAX)
		look_reason(l, p,
			    "has the deleted file %s %s, which is larger than 1 GiB: close it.",
			    name, what);
	return 0;
}

/* ------------------------------------------------------------------ descriptors */

static const struct {
	const char *name, *word;
} kinds[] = {
	{"[eventfd]", NULL},
	{"[eventpoll]", NULL},
	{"[timerfd]", NULL},
	{"[signalfd]", NULL},
	{"[pidfd]", NULL},
	{"[fanotify]", NULL},
	{"inotify", NULL},
	{"[io_uring]", "io_uring"},
	{"[userfaultfd]", "userfaultfd"},
	{"[perf_event]", "a performance counter"},
	{"[secretmem]", "secret memory"},
	{"bpf", "a BPF object"},
	{"kvm", "a virtual machine"},
};

static void check_anonymous(struct look *l, const struct look_proc *p, int fd, const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!starts(name, kinds[i].name))
			continue;
		if (kinds[i].word)
			look_reason(l, p, "uses %s (descriptor %d): this cannot move, close it.",
				    kinds[i].word, fd);
		return;
	}
	look_reason(l, p, "uses a kernel object \"%s\" (descriptor %d) that cannot move: close it.",
		    name, fd);
}

static int add_end(struct look_ends *e, const struct look_proc *p, int fd, uint64_t ino,
		   const char *path)
{
	struct look_end *x;
	struct stat st;

	if (e->count == e->size) {
		size_t size = e->size ? e->size * 2 : 64;

		x = realloc(e->list, size * sizeof(*x));
		if (!x)
			return -ENOMEM;
		e->list = x;
		e->size = size;
	}
	/* The link's mode tells which way it was opened. */
	if (lstat(path, &st) < 0)
		return 0;
	x = &e->list[e->count++];
	*x = (struct look_end){.ino = ino, .proc = *p, .fd = fd};
	x->rd = st.st_mode & S_IRUSR;
	x->wr = st.st_mode & S_IWUSR;
	return 0;
}

static int check_file(struct look *l, const struct look_proc *p, int fd, const char *path,
		      const char *name)
{
	char what[40];

	if (starts(name, "/secretmem")) {
		look_reason(l, p, "uses secret memory (descriptor %d): this cannot move.", fd);
		return 0;
	}
	if (on_hugetlb(path)) {
		look_reason(l, p, "has huge pages (descriptor %d): these cannot move.", fd);
		return 0;
	}
	if (internal(name))
		return 0;
	snprintf(what, sizeof(what), "open (descriptor %d)", fd);
	return look_at_path(l, p, path, name, what);
}

static int check_fd(struct look *l, const struct look_proc *p, int fd)
{
	char path[64], name[LINK_MAX_LEN];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)p->pid, fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return 0; /* closed meanwhile */
	name[n] = '\0';
	if (starts(name, "socket:["))
		return add_end(&l->sockets, p, fd, strtoull(name + 8, NULL, 10), path);
	if (starts(name, "pipe:["))
		return add_end(&l->pipes, p, fd, strtoull(name + 6, NULL, 10), path);
	if (starts(name, "anon_inode:"))
		check_anonymous(l, p, fd, name + strlen("anon_inode:"));
	else if (*name == '/')
		return check_file(l, p, fd, path, name);
	return 0;
}

int look_at_fds(struct look *l, const struct look_proc *p)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	char path[40];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)p->pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r == 0 && (e = readdir(d))) {
		if (*e->d_name != '.')
			r = check_fd(l, p, atoi(e->d_name));
	}
	return r == -ESRCH ? 0 : r;
}

/* ------------------------------------------------------------------ mappings */

static int check_mapping(struct look *l, const struct look_proc *p, const char *range,
			 const char *name)
{
	char path[96];

	if (starts(name, "anon_inode:[io_uring]") || starts(name, "anon_inode:[perf_event]")) {
		look_reason(l, p, "uses %s: this cannot move.", name + strlen("anon_inode:"));
		return 0;
	}
	if (starts(name, "/secretmem")) {
		look_reason(l, p, "uses secret memory: this cannot move.");
		return 0;
	}
	if (*name != '/')
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%s", (int)p->pid, range);
	if (starts(name, "/anon_hugepage") || on_hugetlb(path)) {
		look_reason(l, p, "uses huge pages (hugetlb): these cannot move.");
		return 0;
	}
	return internal(name) ? 0 : look_at_path(l, p, path, name, "mapped into its memory");
}

/* "START-END PERMS OFFSET DEV INODE   NAME" */
int look_at_maps(struct look *l, const struct look_proc *p)
{
	char path[40], line[LINK_MAX_LEN + 128], last[LINK_MAX_LEN] = "";
	char range[64], name[LINK_MAX_LEN];
	_cleanup_file_ FILE *f = NULL;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r == 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %*s %*s %*s %*s %399[^\n]", range, name) != 2)
			continue;
		/* A library is mapped in several pieces. */
		if (*name == '[' || strcmp(name, last) == 0)
			continue;
		snprintf(last, sizeof(last), "%s", name);
		r = check_mapping(l, p, range, name);
	}
	return r == -ESRCH ? 0 : r;
}
