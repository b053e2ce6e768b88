/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Table of mounts, read from mountinfo whenever a mount is met that is not in it.
 */
#include "mfsfuse/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/srv.h"

#define IDLE_SECONDS 5
#define MOUNTINFO_MAX (16u << 20)

struct mnt {
	struct mnt *next;
	struct mount_info info;
	uint64_t unique; /* 0 = not met yet */
	uint64_t plain;
	char *path;
	int fd;
	int apart; /* a detached copy of the mount */
	unsigned int users;
	time_t used;
	bool listed; /* in the mountinfo that was read last */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mnt *mounts;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ------------------------------------------------------------------ kinds */

static bool in_list(const char *const *list, const char *s)
{
	for (; *list; list++) {
		if (strcmp(*list, s) == 0)
			return true;
	}
	return false;
}

static enum mount_kind kind_of(const char *fstype)
{
	static const char *const empty[] = {
		"proc",      "sysfs",   "devtmpfs",    "devpts",    "cgroup",
		"cgroup2",   "bpf",     "securityfs",  "debugfs",   "tracefs",
		"configfs",  "pstore",  "efivarfs",    "mqueue",    "nsfs",
		"hugetlbfs", "fusectl", "binfmt_misc", "selinuxfs", "rpc_pipefs",
		"nfsd",      "sockfs",  "smackfs",     "resctrl",   NULL,
	};

	if (strcmp(fstype, "fuse.mfs") == 0)
		return MOUNT_LOOP;
	return in_list(empty, fstype) ? MOUNT_EMPTY : MOUNT_SERVE;
}

/* File systems whose handles find an inode that is no longer in memory. Others, FAT for one,
 * have handles that are good only as long as somebody holds the inode. */
static bool has_handles(const char *fstype)
{
	static const char *const good[] = {
		"ext2", "ext3",     "ext4", "xfs",    "btrfs",    "tmpfs", "f2fs",  "jfs",
		"zfs",  "bcachefs", "gfs2", "nilfs2", "squashfs", "erofs", "ocfs2", NULL,
	};

	return in_list(good, fstype);
}

static bool is_remote(const char *fstype)
{
	static const char *const remote[] = {
		"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "lustre", NULL,
	};

	return in_list(remote, fstype) || strncmp(fstype, "fuse", 4) == 0;
}

/* ------------------------------------------------------------------ mountinfo */

static uint64_t fnv(uint64_t h, const char *s)
{
	do {
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	} while (*s++);
	return h;
}

/* \040 and the like. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

struct line {
	uint64_t plain;
	char *root, *path, *fstype, *source;
};

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": false if it is not that. */
static bool line_parse(char *s, struct line *ret)
{
	char *field[5], *rest = s, *dash;

	for (int i = 0; i < 5; i++) {
		field[i] = strsep(&rest, " ");
		if (!rest)
			return false;
	}
	dash = strstr(rest, " - ");
	if (!dash)
		return false;
	rest = dash + 3;
	ret->plain = strtoull(field[0], NULL, 10);
	ret->root = field[3];
	ret->path = field[4];
	ret->fstype = strsep(&rest, " ");
	if (!rest)
		return false;
	ret->source = strsep(&rest, " ");
	unescape(ret->path);
	return true;
}

static uint64_t wire_id(const struct line *l)
{
	uint64_t h = 0xcbf29ce484222325u;

	h = fnv(h, l->fstype);
	h = fnv(h, l->source);
	h = fnv(h, l->root);
	h = fnv(h, l->path);
	return h ? h : 1;
}

/* A mount that is still the one we know keeps its entry, and thereby its descriptor. */
static void line_take(const struct line *l)
{
	uint64_t wire = wire_id(l);
	struct mnt *m;

	for (m = mounts; m; m = m->next) {
		if (m->plain == l->plain && m->info.wire == wire) {
			m->listed = true;
			return;
		}
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return;
	m->path = strdup(l->path);
	if (!m->path) {
		free(m);
		return;
	}
	m->plain = l->plain;
	m->info.wire = wire;
	m->info.kind = kind_of(l->fstype);
	m->info.handles = has_handles(l->fstype);
	m->info.remote = is_remote(l->fstype);
	m->fd = m->apart = -1;
	m->listed = true;
	/* In front: of several mounts of one thing at one place the last one is on top. */
	m->next = mounts;
	mounts = m;
}

static void drop_unlisted(void)
{
	struct mnt **p = &mounts;

	while (*p) {
		struct mnt *m = *p;

		if (m->listed || m->users) {
			p = &m->next;
			continue;
		}
		*p = m->next;
		fd_close(m->fd);
		fd_close(m->apart);
		free(m->path);
		free(m);
	}
}

static int refresh(void)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *s;
	struct line l;
	int r;

	r = file_read_at(srv.proc, "mountinfo", MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return r;
	for (struct mnt *m = mounts; m; m = m->next)
		m->listed = false;
	rest = text;
	while ((s = strsep(&rest, "\n"))) {
		if (line_parse(s, &l))
			line_take(&l);
	}
	drop_unlisted();
	return 0;
}

/* ------------------------------------------------------------------ finding */

static struct mnt *by_unique(uint64_t unique)
{
	for (struct mnt *m = mounts; m; m = m->next) {
		if (m->unique == unique)
			return m;
	}
	return NULL;
}

/* Numbers of mountinfo are used again: right only as mountinfo has just been read. */
static struct mnt *adopt(int fd, uint64_t unique)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) < 0)
		return NULL;
	for (struct mnt *m = mounts; m; m = m->next) {
		if (m->plain == stx.stx_mnt_id && m->listed) {
			m->unique = unique;
			return m;
		}
	}
	return NULL;
}

int mounts_find(int fd, uint64_t unique, struct mount_info *ret)
{
	struct mnt *m;
	int r = 0;

	pthread_mutex_lock(&lock);
	m = by_unique(unique);
	if (!m) {
		r = refresh();
		m = r < 0 ? NULL : adopt(fd, unique);
	}
	if (m)
		*ret = m->info;
	pthread_mutex_unlock(&lock);
	if (r < 0)
		return r;
	return m ? 0 : -ESTALE;
}

static struct mnt *by_wire(uint64_t wire)
{
	for (struct mnt *m = mounts; m; m = m->next) {
		if (m->info.wire == wire && m->listed)
			return m;
	}
	return NULL;
}

static bool is_mount(const struct mnt *m, int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) < 0)
		return false;
	return (stx.stx_mask & STATX_MNT_ID) && stx.stx_mnt_id == m->plain;
}

static int mount_top(const struct mnt *m)
{
	_cleanup_fd_ int fd = -1;

	if (m->info.kind != MOUNT_SERVE || !m->info.handles)
		return -ESTALE;
	fd = open(m->path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 || !is_mount(m, fd) ? -ESTALE : steal_fd(&fd);
}

static int mount_open(struct mnt *m)
{
	_cleanup_fd_ int fd = mount_top(m);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -ESTALE;
	/* The mount of a single file may be that of a pipe or a device. */
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return -ESTALE;
	r = srv_reopen(fd, O_RDONLY | O_NOCTTY);
	if (r < 0)
		return -ESTALE;
	m->fd = r;
	return 0;
}

static struct mnt *mount_get(uint64_t wire)
{
	struct mnt *m;

	pthread_mutex_lock(&lock);
	m = by_wire(wire);
	if (!m && refresh() == 0)
		m = by_wire(wire);
	if (m && m->fd < 0 && mount_open(m) < 0) {
		/* Perhaps it is another one by now. */
		m = refresh() == 0 ? by_wire(wire) : NULL;
		if (m && m->fd < 0 && mount_open(m) < 0)
			m = NULL;
	}
	if (m) {
		m->users++;
		m->used = now();
	}
	pthread_mutex_unlock(&lock);
	return m;
}

static void mount_put(struct mnt *m)
{
	pthread_mutex_lock(&lock);
	m->users--;
	pthread_mutex_unlock(&lock);
}

int mounts_open_handle(uint64_t wire, int type, const void *data, unsigned int len)
{
	struct mnt *m = mount_get(wire);
	union {
		struct file_handle fh;
		char room[sizeof(struct file_handle) + MFS_FH_DATA];
	} u;
	int fd;

	if (!m)
		return -ESTALE;
	u.fh.handle_bytes = len;
	u.fh.handle_type = type;
	memcpy(u.fh.f_handle, data, len);
	fd = open_by_handle_at(m->fd, &u.fh, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fd = errno == EINVAL ? -ESTALE : -errno;
	mount_put(m);
	return fd;
}

static int mount_apart(struct mnt *m)
{
	_cleanup_fd_ int fd = -1, copy = -1;
	int r;

	if (m->apart >= 0)
		return 0;
	fd = mount_top(m);
	if (fd < 0)
		return fd;
	copy = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (copy < 0)
		return -errno;
	/* Handles are not opened by way of an O_PATH descriptor. */
	r = srv_reopen(copy, O_RDONLY | O_NOCTTY);
	if (r < 0)
		return r;
	m->apart = r;
	return 0;
}

int mounts_open_apart(const struct mfs_fh *handle)
{
	union {
		struct file_handle fh;
		char room[sizeof(struct file_handle) + MFS_FH_DATA];
	} u;
	struct mnt *m;
	int fd = -ESTALE;

	u.fh.handle_bytes = handle->len;
	u.fh.handle_type = handle->type;
	memcpy(u.fh.f_handle, handle->data, handle->len);
	pthread_mutex_lock(&lock);
	m = by_wire(handle->mount);
	if (m && mount_apart(m) >= 0) {
		fd = open_by_handle_at(m->apart, &u.fh,
				       O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

void mounts_changed(void)
{
	pthread_mutex_lock(&lock);
	refresh();
	for (struct mnt *m = mounts; m; m = m->next) {
		if (!m->listed)
			m->apart = fd_close(m->apart);
	}
	pthread_mutex_unlock(&lock);
}

void mounts_no_handles(uint64_t wire)
{
	pthread_mutex_lock(&lock);
	for (struct mnt *m = mounts; m; m = m->next) {
		if (m->info.wire == wire)
			m->info.handles = false;
	}
	pthread_mutex_unlock(&lock);
}

void mounts_idle(void)
{
	time_t t = now() - IDLE_SECONDS;

	pthread_mutex_lock(&lock);
	for (struct mnt *m = mounts; m; m = m->next) {
		if (m->fd >= 0 && !m->users && m->used < t)
			m->fd = fd_close(m->fd);
	}
	pthread_mutex_unlock(&lock);
}
