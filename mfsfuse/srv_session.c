/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of sessions, and the open files of a session.
 */
#include "mfsfuse/srv.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/srv_deleg.h"

#define GRACE_MS 60000
#define SESSIONS_MAX 4096

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *sessions;
static unsigned int session_count;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ the table */

int session_get(const uint8_t id[MFS_SESSION_SIZE], struct session **ret, bool *ret_resumed)
{
	struct session *s;
	int r = 0;

	pthread_mutex_lock(&table_lock);
	for (s = sessions; s; s = s->next) {
		if (memcmp(s->id, id, MFS_SESSION_SIZE) == 0)
			break;
	}
	*ret_resumed = s != NULL;
	if (!s && session_count == SESSIONS_MAX) {
		r = -EUSERS;
	} else if (!s) {
		s = calloc(1, sizeof(*s));
		if (s) {
			memcpy(s->id, id, MFS_SESSION_SIZE);
			pthread_mutex_init(&s->lock, NULL);
			s->refs = 1; /* the table's */
			s->next = sessions;
			sessions = s;
			session_count++;
		}
	}
	if (s)
		s->refs++;
	else if (r == 0)
		r = -ENOMEM;
	pthread_mutex_unlock(&table_lock);
	*ret = s;
	return r;
}

void session_put(struct session *s)
{
	pthread_mutex_lock(&table_lock);
	s->refs--;
	pthread_mutex_unlock(&table_lock);
}

void session_attach(struct session *s, struct conn *c)
{
	struct conn *old;

	conn_get(c);
	pthread_mutex_lock(&s->lock);
	old = s->conn;
	s->conn = c;
	pthread_mutex_unlock(&s->lock);
	deleg_pause(s);
	if (old) {
		conn_shut(old);
		conn_put(old);
	}
}

void session_detach(struct session *s, struct conn *c)
{
	bool mine;

	pthread_mutex_lock(&s->lock);
	mine = s->conn == c;
	if (mine) {
		s->conn = NULL;
		s->lost = now();
	}
	pthread_mutex_unlock(&s->lock);
	if (mine)
		conn_put(c);
}

uint64_t session_away(struct session *s)
{
	uint64_t ms;

	pthread_mutex_lock(&s->lock);
	ms = s->conn ? 0 : now() - s->lost + 1;
	pthread_mutex_unlock(&s->lock);
	return ms;
}

void session_shut(struct session *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->conn)
		conn_shut(s->conn);
	pthread_mutex_unlock(&s->lock);
}

void sessions_each(void (*fn)(struct session *s))
{
	pthread_mutex_lock(&table_lock);
	for (struct session *s = sessions; s; s = s->next)
		fn(s);
	pthread_mutex_unlock(&table_lock);
}

static void session_free(struct session *s)
{
	deleg_end(s);
	lowners_free(s);
	sfiles_free(s);
	pins_free(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Requests of a session that is over still wait for locks: let them go. */
static void cancel_waiting(struct session *s)
{
	struct request *rq, *next;

	pthread_mutex_lock(&s->lock);
	HASH_ITER (hh, s->busy, rq, next) {
		rq->cancelled = true;
		if (rq->waiting)
			lock_wake(rq);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool is_over(struct session *s)
{
	bool over;

	pthread_mutex_lock(&s->lock);
	over = !s->conn && s->lost + GRACE_MS < now();
	pthread_mutex_unlock(&s->lock);
	if (over)
		cancel_waiting(s);
	return over;
}

void sessions_expire(void)
{
	struct session *dead = NULL, **p, *s;

	pthread_mutex_lock(&table_lock);
	for (p = &sessions; (s = *p);) {
		if (is_over(s) && s->refs == 1) {
			*p = s->next;
			session_count--;
			s->next = dead;
			dead = s;
		} else {
			p = &s->next;
		}
	}
	pthread_mutex_unlock(&table_lock);
	while ((s = dead)) {
		dead = s->next;
		session_free(s);
	}
}

/* ------------------------------------------------------------------ open files */

int sfile_add(struct session *s, uint64_t id, const struct mfs_fh *node, int fd, int flags)
{
	_cleanup_fd_ int owned = fd;
	struct sfile *f = calloc(1, sizeof(*f)), *other = NULL;
	struct stat st;

	if (!f)
		return -ENOMEM;
	f->id = id;
	f->node = *node;
	f->fd = fd;
	f->flags = flags;
	f->dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	f->refs = 1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->files, &id, sizeof(id), other);
	if (!other)
		HASH_ADD(hh, s->files, id, sizeof(f->id), f);
	pthread_mutex_unlock(&s->lock);
	if (!f->hh.tbl) {
		free(f);
		return other ? -EEXIST : -ENOMEM;
	}
	steal_fd(&owned);
	return 0;
}

static void sfile_free(struct sfile *f)
{
	fd_close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

int sfile_get(struct session *s, uint64_t id, struct sfile **ret)
{
	struct sfile *f = NULL;

	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->files, &id, sizeof(id), f);
	if (f)
		f->refs++;
	pthread_mutex_unlock(&s->lock);
	if (!f)
		return -EBADF;
	*ret = f;
	return 0;
}

void sfile_put(struct session *s, struct sfile *f)
{
	bool last;

	pthread_mutex_lock(&s->lock);
	last = --f->refs == 0;
	pthread_mutex_unlock(&s->lock);
	if (last)
		sfile_free(f);
}

void sfile_release(struct session *s, uint64_t id)
{
	struct sfile *f = NULL;
	bool last = false;

	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->files, &id, sizeof(id), f);
	if (f) {
		HASH_DEL(s->files, f);
		last = --f->refs == 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (last)
		sfile_free(f);
}

void sfiles_free(struct session *s)
{
	struct sfile *f, *next;

	HASH_ITER (hh, s->files, f, next) {
		HASH_DEL(s->files, f);
		sfile_free(f);
	}
}

void file_ref_done(struct file_ref *r)
{
	if (r->f)
		sfile_put(r->s, r->f);
	r->f = NULL;
}
