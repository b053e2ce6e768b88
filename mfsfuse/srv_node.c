/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From handles to inodes and back. Where the file system has persistent handles nothing is kept
 * here; elsewhere (overlayfs, FAT, NFS, …) a descriptor pins the inode for the session. When there
 * are too many, or after a restart, the client finds such inodes again by their names.
 */
#include "mfsfuse/srv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/mounts.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

/* Canonical, as it is a hash key: no holes. */
struct pin_key {
	uint64_t mount;
	uint64_t dev;
	uint64_t ino;
};

struct pin {
	struct pin_key key;
	int fd;
	unsigned int uses; /* requests that are using fd */
	UT_hash_handle hh;
	struct pin *prev, *next; /* in order of last use, oldest first */
};

struct fd_path fd_path(int fd)
{
	struct fd_path p;

	snprintf(p.s, sizeof(p.s), "%d", fd);
	return p;
}

int srv_reopen(int fd, int flags)
{
	int r = open(fd_path(fd).s, flags | O_CLOEXEC);

	return r < 0 ? -errno : r;
}

/* ------------------------------------------------------------------ pins */

/* All of these with the session's lock held. */

static void pin_drop(struct session *s, struct pin *p)
{
	HASH_DEL(s->pins, p);
	DL_DELETE(s->pins_by_use, p);
	fd_close(p->fd);
	free(p);
	atomic_fetch_sub(&srv.pins, 1);
}

static struct pin *pin_find(struct session *s, const struct mfs_fh *fh)
{
	struct pin_key key = {.mount = fh->mount};
	struct pin *p = NULL;

	memcpy(&key.dev, fh->data, 8);
	memcpy(&key.ino, fh->data + 8, 8);
	HASH_FIND(hh, s->pins, &key, sizeof(key), p);
	if (p) {
		DL_DELETE(s->pins_by_use, p);
		DL_APPEND(s->pins_by_use, p);
	}
	return p;
}

/* The client can look the name up again when it needs one that was dropped. */
static bool pin_make_room(struct session *s)
{
	struct pin *p, *next;

	DL_FOREACH_SAFE (s->pins_by_use, p, next) {
		if (atomic_load(&srv.pins) < srv.pins_max)
			return true;
		if (!p->uses)
			pin_drop(s, p);
	}
	return atomic_load(&srv.pins) < srv.pins_max;
}

static struct pin *pin_new(struct session *s, const struct pin_key *key, int fd)
{
	struct pin *p;

	if (!pin_make_room(s))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = *key;
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (p->fd >= 0)
		HASH_ADD(hh, s->pins, key, sizeof(p->key), p);
	if (!p->hh.tbl) {
		fd_close(p->fd);
		free(p);
		return NULL;
	}
	DL_APPEND(s->pins_by_use, p);
	atomic_fetch_add(&srv.pins, 1);
	return p;
}

static int pin_use(struct session *s, const struct mfs_fh *fh, struct node *ret)
{
	struct pin *p;

	if (fh->len != 16)
		return -ESTALE;
	pthread_mutex_lock(&s->lock);
	p = pin_find(s, fh);
	if (p) {
		p->uses++;
		ret->pin = p;
		ret->s = s;
		ret->fd = p->fd;
	}
	pthread_mutex_unlock(&s->lock);
	return p ? 0 : -ESTALE;
}

static int pin_make(struct session *s, uint64_t dev, uint64_t ino, int fd, struct mfs_fh *fh)
{
	struct pin *p;

	fh->kind = MFS_FH_PIN;
	fh->len = 16;
	memcpy(fh->data, &dev, 8);
	memcpy(fh->data + 8, &ino, 8);
	pthread_mutex_lock(&s->lock);
	p = pin_find(s, fh);
	if (!p)
		p = pin_new(s, &(struct pin_key){fh->mount, dev, ino}, fd);
	pthread_mutex_unlock(&s->lock);
	return p ? 0 : -ENFILE;
}

void node_forget(struct session *s, const struct mfs_fh *fh)
{
	struct pin *p;

	if (fh->kind != MFS_FH_PIN || fh->len != 16)
		return;
	pthread_mutex_lock(&s->lock);
	p = pin_find(s, fh);
	if (p && !p->uses)
		pin_drop(s, p);
	pthread_mutex_unlock(&s->lock);
}

void pins_free(struct session *s)
{
	while (s->pins)
		pin_drop(s, s->pins);
}

/* ------------------------------------------------------------------ handle to inode */

int node_open(struct session *s, const struct mfs_fh *fh, struct node *ret)
{
	int fd;

	*ret = (struct node)NODE_NULL;
	ident_raise();
	switch ((enum mfs_fh_kind)fh->kind) {
	case MFS_FH_ROOT:
		ret->fd = srv.root;
		return 0;
	case MFS_FH_EMPTY:
		return 0;
	case MFS_FH_PIN:
		return pin_use(s, fh, ret);
	case MFS_FH_HANDLE:
		fd = mounts_open_handle(fh->mount, fh->type, fh->data, fh->len);
		if (fd < 0)
			return fd;
		ret->fd = fd;
		ret->owned = true;
		return 0;
	case _MFS_FH_N:
		break;
	}
	return -ESTALE;
}

int node_open_real(struct session *s, const struct mfs_fh *fh, int empty, struct node *ret)
{
	int r = node_open(s, fh, ret);

	if (r < 0)
		return r;
	return ret->fd < 0 ? empty : 0;
}

void node_done(struct node *n)
{
	if (n->owned)
		fd_close(n->fd);
	if (n->pin) {
		pthread_mutex_lock(&n->s->lock);
		n->pin->uses--;
		pthread_mutex_unlock(&n->s->lock);
	}
	*n = (struct node)NODE_NULL;
}

/* ------------------------------------------------------------------ inode to handle */

/* Times of files are as coarse as the clock tick before Linux 6.13, and whole seconds (FAT: two)
 * on some file systems. */
#define TICK_NS 20000000
#define COARSE_NS 2100000000

static bool is_recent(const struct statx *x)
{
	int64_t limit = x->stx_mtime.tv_nsec == 0 ? COARSE_NS : srv.fine_times ? 0 : TICK_NS;
	struct timespec now;
	int64_t sec;

	if (!limit || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	sec = now.tv_sec - x->stx_mtime.tv_sec;
	if (sec < -5 || sec > 5)
		return false;
	return sec * 1000000000 + now.tv_nsec - x->stx_mtime.tv_nsec < limit;
}

static void attr_from(const struct statx *x, struct mfs_attr *a)
{
	*a = (struct mfs_attr){
		.ino = x->stx_ino,
		.size = x->stx_size,
		.blocks = x->stx_blocks,
		.atime = x->stx_atime.tv_sec,
		.mtime = x->stx_mtime.tv_sec,
		.ctime = x->stx_ctime.tv_sec,
		.atime_ns = x->stx_atime.tv_nsec,
		.mtime_ns = x->stx_mtime.tv_nsec,
		.ctime_ns = x->stx_ctime.tv_nsec,
		.mode = x->stx_mode,
		.nlink = x->stx_nlink,
		.uid = x->stx_uid,
		.gid = x->stx_gid,
		.rdev = (uint32_t)makedev(x->stx_rdev_major, x->stx_rdev_minor),
		.flags = is_recent(x) ? MFS_ATTR_RECENT : 0,
	};
}

int node_stat(int fd, struct mfs_attr *ret)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) < 0)
		return -errno;
	attr_from(&x, ret);
	return 0;
}

static void attr_empty(uint64_t ino, struct mfs_attr *ret)
{
	*ret = (struct mfs_attr){
		.ino = ino,
		.mode = S_IFDIR | 0755,
		.nlink = 2,
		.flags = MFS_ATTR_FIXED,
	};
}

void node_stat_empty(const struct mfs_fh *fh, struct mfs_attr *ret)
{
	uint64_t ino = 0;

	memcpy(&ino, fh->data, sizeof(ino));
	attr_empty(ino, ret);
	ret->fh = *fh;
}

static void describe_empty(uint64_t ino, uint64_t mount, bool loop, struct mfs_attr *ret)
{
	attr_empty(ino, ret);
	ret->fh.mount = mount;
	ret->fh.kind = MFS_FH_EMPTY;
	ret->fh.len = sizeof(ino);
	ret->fh.type = loop;
	memcpy(ret->fh.data, &ino, sizeof(ino));
}

/* 1: made; 0: the file system has none. */
static int handle_make(int fd, const struct mount_info *m, struct mfs_fh *ret)
{
	union {
		struct file_handle fh;
		char room[sizeof(struct file_handle) + MFS_FH_DATA];
	} u;
	int mount_id;

	if (!m->handles)
		return 0;
	u.fh.handle_bytes = MFS_FH_DATA;
	if (name_to_handle_at(fd, "", &u.fh, &mount_id, AT_EMPTY_PATH) < 0) {
		if (errno != EOPNOTSUPP && errno != EOVERFLOW)
			return -errno;
		mounts_no_handles(m->wire);
		return 0;
	}
	if (u.fh.handle_bytes > MFS_FH_DATA || u.fh.handle_type < 0 || u.fh.handle_type > 0xffff)
		return 0;
	ret->kind = MFS_FH_HANDLE;
	ret->type = (uint16_t)u.fh.handle_type;
	ret->len = (uint8_t)u.fh.handle_bytes;
	memcpy(ret->data, u.fh.f_handle, ret->len);
	return 1;
}

static uint64_t mount_number(const struct statx *x)
{
	/* Old kernels have but the number that is used again after an unmount. */
	return x->stx_mask & STATX_MNT_ID_UNIQUE ? x->stx_mnt_id : x->stx_mnt_id | 1ull << 63;
}

static struct statx root_id;

static bool has_fine_times(void)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 13);
}

int node_init(void)
{
	srv.fine_times = has_fine_times();
	if (statx(srv.root, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID_UNIQUE, &root_id))
		return -errno;
	return 0;
}

static bool is_root(const struct statx *x)
{
	return x->stx_ino == root_id.stx_ino && x->stx_dev_major == root_id.stx_dev_major &&
	       x->stx_dev_minor == root_id.stx_dev_minor && x->stx_mnt_id == root_id.stx_mnt_id;
}

int node_describe(struct session *s, int fd, bool hidden, struct mfs_attr *ret)
{
	struct mount_info m;
	struct mfs_attr a;
	struct statx x;
	int r;

	ident_raise();
	/* No synchronising: a mount of our own must not be asked, it would ask us. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_BASIC_STATS | STATX_MNT_ID_UNIQUE, &x) < 0)
		return -errno;
	r = mounts_find(fd, mount_number(&x), &m);
	if (r < 0)
		return r;
	if (hidden || m.kind != MOUNT_SERVE) {
		describe_empty(x.stx_ino, m.wire, m.kind == MOUNT_LOOP, ret);
		return 0;
	}
	if (m.remote &&
	    statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID_UNIQUE, &x) < 0)
		return -errno;
	attr_from(&x, &a);
	if (is_root(&x)) {
		*ret = a;
		return 0;
	}
	a.fh.mount = m.wire;
	r = handle_make(fd, &m, &a.fh);
	if (r == 0)
		r = pin_make(s, makedev(x.stx_dev_major, x.stx_dev_minor), x.stx_ino, fd, &a.fh);
	if (r < 0)
		return r;
	*ret = a;
	return 0;
}
