/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks. A flock is one of the open file's own descriptor. A record lock belongs to an owner (the
 * processes that share a descriptor table) and an inode: each such pair has a descriptor of its
 * own here, whose "open file description" locks stand for the owner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/srv.h"

#define WAITING_MAX 400u /* well below the threads of a connection */
#define CANCEL_TRIES 1000

struct lowner_key {
	struct mfs_fh node;
	uint64_t owner;
};

struct lowner {
	struct lowner_key key;
	int fd;
	unsigned int uses;
	bool gone; /* not in the table any more */
	UT_hash_handle hh;
};

/* ------------------------------------------------------------------ owners */

static void lowner_drop(struct lowner *o)
{
	if (o->gone && !o->uses) {
		fd_close(o->fd);
		free(o);
	}
}

static void lowner_put(struct session *s, struct lowner *o)
{
	pthread_mutex_lock(&s->lock);
	o->uses--;
	lowner_drop(o);
	pthread_mutex_unlock(&s->lock);
}

static struct lowner *lowner_find(struct session *s, const struct lowner_key *key)
{
	struct lowner *o = NULL;

	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->owners, key, sizeof(*key), o);
	if (o)
		o->uses++;
	pthread_mutex_unlock(&s->lock);
	return o;
}

static int lowner_new(struct session *s, const struct lowner_key *key, const struct sfile *f,
		      struct lowner **ret)
{
	struct lowner *o = calloc(1, sizeof(*o)), *other = NULL;

	if (!o)
		return -ENOLCK;
	o->key = *key;
	o->uses = 1;
	ident_raise();
	/* Both kinds of lock must be possible, whichever file of the owner comes first. */
	o->fd = srv_reopen(f->fd, O_RDWR);
	if (o->fd < 0)
		o->fd = srv_reopen(f->fd, f->flags & O_ACCMODE);
	if (o->fd < 0) {
		free(o);
		return -ENOLCK;
	}
	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->owners, key, sizeof(*key), other);
	if (other)
		other->uses++;
	else
		HASH_ADD(hh, s->owners, key, sizeof(o->key), o);
	pthread_mutex_unlock(&s->lock);
	if (!o->hh.tbl) {
		fd_close(o->fd);
		free(o);
	}
	*ret = other ? other : o;
	return other || o->hh.tbl ? 0 : -ENOLCK;
}

static void lowner_end(struct session *s, const struct lowner_key *key)
{
	struct lowner *o = NULL;

	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->owners, key, sizeof(*key), o);
	if (o) {
		HASH_DEL(s->owners, o);
		o->gone = true;
		lowner_drop(o);
	}
	pthread_mutex_unlock(&s->lock);
}

void lowners_free(struct session *s)
{
	struct lowner *o, *next;

	HASH_ITER (hh, s->owners, o, next) {
		HASH_DEL(s->owners, o);
		fd_close(o->fd);
		free(o);
	}
}

/* ------------------------------------------------------------------ waiting */

static void on_signal(int sig)
{
	(void)sig;
}

void lock_signal_init(void)
{
	const struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &sa, NULL);
}

void lock_wake(struct request *rq)
{
	pthread_kill(rq->thread, SIGUSR1);
}

static int wait_begin(struct request *rq)
{
	int r = 0;

	pthread_mutex_lock(&rq->s->lock);
	if (rq->cancelled) {
		r = -EINTR;
	} else if (rq->s->waiting >= WAITING_MAX) {
		r = -ENOLCK;
	} else {
		rq->s->waiting++;
		rq->waiting = true;
	}
	pthread_mutex_unlock(&rq->s->lock);
	return r;
}

static void wait_end(struct request *rq)
{
	pthread_mutex_lock(&rq->s->lock);
	rq->s->waiting--;
	rq->waiting = false;
	pthread_mutex_unlock(&rq->s->lock);
}

static bool is_cancelled(struct request *rq)
{
	bool yes;

	pthread_mutex_lock(&rq->s->lock);
	yes = rq->cancelled;
	pthread_mutex_unlock(&rq->s->lock);
	return yes;
}

/* The signal may come just before the thread begins to wait: it is sent until the request is
 * through. */
int op_cancel(struct request *rq, struct reply *rp)
{
	static const struct timespec tick = {.tv_nsec = 2 * 1000 * 1000};
	struct request *other;

	(void)rp;
	for (int i = 0; i < CANCEL_TRIES; i++) {
		pthread_mutex_lock(&rq->s->lock);
		HASH_FIND(hh, rq->s->busy, &rq->h.a, sizeof(rq->h.a), other);
		if (other) {
			other->cancelled = true;
			if (other->waiting)
				lock_wake(other);
		}
		pthread_mutex_unlock(&rq->s->lock);
		if (!other)
			break;
		nanosleep(&tick, NULL);
	}
	return 0;
}

/* ------------------------------------------------------------------ record locks */

static int lock_get(const struct request *rq, struct flock *ret)
{
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	struct mfs_lock l;

	mfs_get_lock(&in, &l);
	if (in.bad || l.start > INT64_MAX || l.len > INT64_MAX - l.start)
		return -EINVAL;
	if (l.type != F_RDLCK && l.type != F_WRLCK && l.type != F_UNLCK)
		return -EINVAL;
	*ret = (struct flock){
		.l_type = (short)l.type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)l.start,
		.l_len = (off_t)l.len,
	};
	return 0;
}

static struct lowner_key key_of(const struct request *rq)
{
	return (struct lowner_key){.node = rq->h.node, .owner = rq->h.a};
}

/* The file must be open, and be the one that is named. */
static int file_get(struct request *rq, struct file_ref *file)
{
	int r;

	file->s = rq->s;
	r = sfile_get(rq->s, rq->h.file, &file->f);
	if (r == 0 && !mfs_fh_equal(&file->f->node, &rq->h.node))
		r = -EBADF;
	return r;
}

int op_getlk(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	const struct lowner_key key = key_of(rq);
	struct lowner *o;
	struct mfs_lock l;
	struct flock fl;
	int r;

	r = lock_get(rq, &fl);
	if (r == 0)
		r = file_get(rq, &file);
	if (r < 0)
		return r;
	o = lowner_find(rq->s, &key);
	r = fcntl(o ? o->fd : file.f->fd, F_OFD_GETLK, &fl) < 0 ? -errno : 0;
	if (o)
		lowner_put(rq->s, o);
	if (r < 0)
		return r;
	l.type = (uint32_t)fl.l_type;
	l.start = (uint64_t)fl.l_start;
	l.len = (uint64_t)fl.l_len;
	l.pid = fl.l_pid > 0 ? (uint32_t)fl.l_pid : 0;
	mfs_put_lock(&rp->out, &l);
	return 0;
}

static int record_wait(struct request *rq, int fd, struct flock *fl)
{
	int r = wait_begin(rq);

	if (r < 0)
		return r;
	do
		r = fcntl(fd, F_OFD_SETLKW, fl) < 0 ? -errno : 0;
	while (r == -EINTR && !is_cancelled(rq));
	wait_end(rq);
	return r;
}

static int record_lock(struct request *rq, int fd, struct flock *fl)
{
	int r = fcntl(fd, F_OFD_SETLK, fl) < 0 ? -errno : 0;

	if ((r == -EAGAIN || r == -EACCES) && rq->h.b)
		return record_wait(rq, fd, fl);
	return r;
}

/* An owner that has no locks yet needs an open file; giving back must work without. 1: there is
 * nothing to give back. */
static int lowner_get(struct request *rq, bool unlock, struct lowner **ret)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	const struct lowner_key key = key_of(rq);
	int r;

	*ret = lowner_find(rq->s, &key);
	if (*ret)
		return 0;
	if (unlock)
		return 1;
	r = file_get(rq, &file);
	return r < 0 ? r : lowner_new(rq->s, &key, file.f, ret);
}

int op_setlk(struct request *rq, struct reply *rp)
{
	struct lowner *o;
	struct flock fl;
	int r;

	(void)rp;
	r = lock_get(rq, &fl);
	if (r == 0)
		r = lowner_get(rq, fl.l_type == F_UNLCK, &o);
	if (r != 0)
		return r < 0 ? r : 0;
	r = record_lock(rq, o->fd, &fl);
	lowner_put(rq->s, o);
	return r;
}

/* POSIX: closing any descriptor of a file ends all of the process's locks on it. */
int op_flush(struct request *rq, struct reply *rp)
{
	const struct lowner_key key = key_of(rq);

	(void)rp;
	lowner_end(rq->s, &key);
	return 0;
}

/* ------------------------------------------------------------------ flock */

static int flock_wait(struct request *rq, int fd, int op)
{
	int r = wait_begin(rq);

	if (r < 0)
		return r;
	do
		r = flock(fd, op) < 0 ? -errno : 0;
	while (r == -EINTR && !is_cancelled(rq));
	wait_end(rq);
	return r;
}

int op_flock(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {.s = rq->s};
	int op, r;

	(void)rp;
	if (rq->h.a != LOCK_SH && rq->h.a != LOCK_EX && rq->h.a != LOCK_UN)
		return -EINVAL;
	op = (int)rq->h.a;
	r = sfile_get(rq->s, rq->h.file, &file.f);
	if (r < 0)
		return r;
	r = flock(file.f->fd, op | LOCK_NB) < 0 ? -errno : 0;
	if (r == -EAGAIN && rq->h.b)
		r = flock_wait(rq, file.f->fd, op);
	return r;
}
