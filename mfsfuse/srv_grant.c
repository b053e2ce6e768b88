/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is granted with which reply. The watch is put on a directory or file before it is asked
 * whether everybody may search or read it, and all of that before the answer is read: what changes
 * later is recalled, and by its age the client knows an answer that a recall has overtaken.
 */
#include "mfsfuse/srv_deleg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "common/fd.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/mounts.h"
#include "mfsfuse/srv_object.h"

#define OBJECTS_MAX 100000u
#define SESSION_HOLDS_MAX 20000u

/* ------------------------------------------------------------------ whom it is for */

static bool is_restless(int64_t ctime)
{
	const int64_t age = (int64_t)time(NULL) - ctime;

	return age < RESTLESS_SECONDS && age > -RESTLESS_SECONDS;
}

static bool is_calm(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !is_restless(st.st_ctim.tv_sec);
}

static bool has_mode(int fd, mode_t type, mode_t all, mode_t none)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && (st.st_mode & all) == all &&
	       !(st.st_mode & none);
}

static bool has_acl(int fd)
{
	return getxattr(fd_path(fd).s, "system.posix_acl_access", NULL, 0) >= 0 ||
	       (errno != ENODATA && errno != EOPNOTSUPP);
}

/* Capabilities of a program are as good as a set-id. */
static bool has_capabilities(int fd)
{
	return getxattr(fd_path(fd).s, "security.capability", NULL, 0) >= 0 ||
	       (errno != ENODATA && errno != EOPNOTSUPP);
}

static bool is_for_all(int fd, bool dir)
{
	if (dir)
		return has_mode(fd, S_IFDIR, 0111, 0) && !has_acl(fd);
	return has_mode(fd, S_IFREG, 0444, S_ISUID | S_ISGID) && !has_acl(fd) &&
	       !has_capabilities(fd);
}

/* ------------------------------------------------------------------ objects */

static struct object *object_new(const struct object_key *key, int file)
{
	struct object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->key = *key;
	o->fd = file;
	o->dir = file < 0;
	HASH_ADD(hh, deleg.objects, key, sizeof(o->key), o);
	if (!o->hh.tbl) {
		free(o);
		return NULL;
	}
	if (o->dir)
		return o;
	HASH_ADD(by_fd, deleg.by_fd, fd, sizeof(o->fd), o);
	if (!o->by_fd.tbl) {
		HASH_DEL(deleg.objects, o);
		free(o);
		return NULL;
	}
	deleg.files++;
	return o;
}

/* If there is none something old goes, so that there will be. */
static bool has_room(struct session *s, bool file)
{
	struct hold *h, *next;

	if (HASH_COUNT(deleg.objects) < OBJECTS_MAX && HASH_COUNT(s->holds) < SESSION_HOLDS_MAX &&
	    (!file || deleg.files < deleg.files_max))
		return true;
	HASH_ITER (hh, s->holds, h, next) {
		if (h->state == HOLD_LIVE && h->o->dir != file) {
			recall_all(h, NULL);
			break;
		}
	}
	return false;
}

static bool is_going(const struct object *o)
{
	const struct hold *h;

	DL_FOREACH (o->holds, h) {
		if (h->state == HOLD_GOING)
			return true;
	}
	return false;
}

/* What was changed before the watch began is not known. */
static bool watch_new(struct object *o, int fd)
{
	if (!watch_object(o, fd))
		return false;
	if (o->dir && !is_calm(fd))
		object_is_restless(o);
	return true;
}

/* The session holds it from now on. With the lock; @file (or -1) is taken. */
static struct hold *hold_make(struct session *s, const struct mfs_fh *fh,
			      const struct object_key *key, int fd, int file)
{
	struct object *o = object_find(key);
	struct hold *h = NULL;

	if (o && file >= 0)
		fd_close(file);
	/* Whoever waits for the lease must not wait for one more. */
	if (o && !o->dir && is_going(o))
		return NULL;
	if (!o)
		o = has_room(s, file >= 0) ? object_new(key, file) : NULL;
	if (!o) {
		fd_close(file);
		return NULL;
	}
	if ((o->marked || watch_new(o, fd)) && (o->dir || o->leased || lease_take(o)) &&
	    is_for_all(fd, o->dir))
		h = hold_new(s, fh, o);
	if (h && o->dir)
		h->list = has_mode(fd, S_IFDIR, 0444, 0);
	if (!h)
		object_check(o);
	return h;
}

/* With the lock, if true. */
static bool begin(const struct request *rq, struct reply *rp)
{
	pthread_mutex_lock(&deleg.lock);
	if (rq->s->delegating) {
		rp->h.c = deleg.age;
		return true;
	}
	pthread_mutex_unlock(&deleg.lock);
	return false;
}

/* What the session holds or may hold from now on of the request's inode. With the lock; without it
 * for the moment in which a file system is asked that may not answer for long. */
static struct hold *hold_get(const struct request *rq, int fd, bool dir)
{
	struct session *s = rq->s;
	const struct mfs_fh *fh = &rq->h.node;
	struct hold *h = hold_find(s, fh);
	struct object_key key;
	bool good;
	int file = -1;

	if (!h) {
		pthread_mutex_unlock(&deleg.lock);
		good = is_for_all(fd, dir) && object_key(fd, &key) == 0;
		if (good && !dir) {
			file = fh->kind == MFS_FH_HANDLE ? mounts_open_apart(fh) : -1;
			good = file >= 0;
		}
		pthread_mutex_lock(&deleg.lock);
		h = hold_find(s, fh);
		if (!h && good && s->delegating)
			return hold_make(s, fh, &key, fd, file);
		fd_close(file);
	}
	return h && h->state == HOLD_LIVE && h->o->dir == dir ? h : NULL;
}

/* ------------------------------------------------------------------ directories */

void grant_name(const struct request *rq, int dir, const char *name, struct reply *rp)
{
	struct hold *h;

	if (!begin(rq, rp))
		return;
	h = hold_get(rq, dir, true);
	if (h && deleg_now() >= h->o->restless_until && !object_has_recent(h->o, name)) {
		nameset_add(&h->names, name);
		/* Changes of any name would be told to this session. It begins anew. */
		if (h->names.all)
			recall_all(h, NULL);
		else
			rp->h.b |= MFS_GRANT_NAME | (h->list ? MFS_GRANT_LIST : 0);
	}
	pthread_mutex_unlock(&deleg.lock);
}

void grant_list(const struct request *rq, int dir, struct reply *rp)
{
	const struct hold *h;

	ident_raise();
	if (!begin(rq, rp))
		return;
	h = hold_get(rq, dir, true);
	if (h && h->list)
		rp->h.b |= MFS_GRANT_LIST;
	pthread_mutex_unlock(&deleg.lock);
}

static void grant_attr_of(struct hold *h, struct reply *rp)
{
	if (h) {
		h->attr = true;
		rp->h.b |= MFS_GRANT_ATTR;
	}
}

void grant_attr(const struct request *rq, int fd, struct reply *rp)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !begin(rq, rp))
		return;
	if (S_ISDIR(st.st_mode) && !is_restless(st.st_ctim.tv_sec))
		grant_attr_of(hold_get(rq, fd, true), rp);
	pthread_mutex_unlock(&deleg.lock);
}

void grant_attr_known(const struct request *rq, const struct mfs_attr *a, struct reply *rp)
{
	struct hold *h;

	if (is_restless(a->ctime))
		return;
	pthread_mutex_lock(&deleg.lock);
	h = rq->s->delegating ? hold_find(rq->s, &a->fh) : NULL;
	if (h && h->o->dir && h->state == HOLD_LIVE && h->o->changed <= rp->h.c)
		grant_attr_of(h, rp);
	pthread_mutex_unlock(&deleg.lock);
}

/* ------------------------------------------------------------------ files */

static bool may_execute(int fd)
{
	struct statvfs v;

	return has_mode(fd, S_IFREG, 0111, S_ISUID | S_ISGID) && fstatvfs(fd, &v) == 0 &&
	       !(v.f_flag & ST_NOEXEC);
}

void grant_file(const struct request *rq, int fd, struct reply *rp)
{
	ident_raise();
	if (!begin(rq, rp))
		return;
	if (is_calm(fd) && hold_get(rq, fd, false)) {
		rp->h.b |= MFS_GRANT_FILE;
		if (may_execute(fd))
			rp->h.b |= MFS_GRANT_EXEC;
	}
	pthread_mutex_unlock(&deleg.lock);
}

int deleg_reopen(struct session *s, const struct mfs_fh *fh)
{
	struct hold *h;
	int fd = -ESTALE;

	pthread_mutex_lock(&deleg.lock);
	h = hold_find(s, fh);
	if (h && !h->o->dir)
		fd = srv_reopen(h->o->fd, O_RDONLY | O_NOCTTY);
	pthread_mutex_unlock(&deleg.lock);
	return fd;
}
