/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes that requests make, one at a time in a directory, and the wait for those who held it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/srv_object.h"

void mutation_dir(struct mutation *m, int fd)
{
	if (m->dir_count == MUTATION_DIRS || deleg.fan < 0)
		return;
	if (object_key(fd, &m->dirs[m->dir_count]) == 0)
		m->dir_count++;
}

void mutation_child(struct mutation *m, int dir, const char *name)
{
	_cleanup_fd_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statx x, y;

	/* What is mounted there is not what changes, and may not even be asked. */
	if (fd < 0 || deleg.fan < 0 ||
	    statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &x) < 0 ||
	    statx(dir, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &y) < 0)
		return;
	if (S_ISDIR(x.stx_mode) && x.stx_mnt_id == y.stx_mnt_id)
		mutation_dir(m, fd);
}

static bool has_dir(const struct mutation *m, const struct object_key *key)
{
	for (unsigned int i = 0; i < m->dir_count; i++) {
		if (memcmp(&m->dirs[i], key, sizeof(*key)) == 0)
			return true;
	}
	return false;
}

/* An earlier change is in one of its directories, and somebody holds that. */
static bool must_wait(const struct mutation *m)
{
	const struct mutation *other;

	DL_FOREACH (deleg.mutations, other) {
		if (other == m)
			return false;
		for (unsigned int i = 0; i < m->dir_count; i++) {
			const struct object *o = object_find(&m->dirs[i]);

			if (o && object_is_used(o) && has_dir(other, &m->dirs[i]))
				return true;
		}
	}
	return false;
}

/* The session's kernel cannot give back what is recalled from it, as this change has locked it. */
static bool is_in_the_way(const struct mutation *m)
{
	for (unsigned int i = 0; i < m->dir_count; i++) {
		struct object *o = object_find(&m->dirs[i]);
		struct hold *h;

		DL_FOREACH (o ? o->holds : NULL, h) {
			if (h->s != m->s || !h->out || h->sent_back)
				continue;
			h->sent_back = true;
			recall_all(h, NULL);
			return true;
		}
	}
	return false;
}

int mutation_begin(struct mutation *m, const struct request *rq, bool brief)
{
	int r = 0;

	if (deleg.fan < 0)
		return 0;
	m->s = rq->s;
	m->tid = gettid();
	m->brief = brief;
	pthread_mutex_lock(&deleg.lock);
	DL_APPEND(deleg.mutations, m);
	m->on = true;
	while (must_wait(m)) {
		if (is_in_the_way(m)) {
			r = -ESTALE;
			break;
		}
		pthread_cond_wait(&deleg.cond, &deleg.lock);
	}
	pthread_mutex_unlock(&deleg.lock);
	return r;
}

void mutation_begin_inode(struct mutation *m, const struct request *rq, int fd)
{
	struct stat st;

	/* It is not sent back, as it has no directories. */
	(void)mutation_begin(m, rq, fstat(fd, &st) < 0 || S_ISDIR(st.st_mode));
}

/* Whose recalls it still waits for. */
static struct session *late_one(const struct mutation *m)
{
	const struct recall *r;

	DL_FOREACH (deleg.recalls, r) {
		if (r->m == m)
			return r->s;
	}
	return NULL;
}

static void wait_obeyed(struct mutation *m)
{
	const uint64_t end = deleg_now() + (m->brief ? RECALL_MS / 20 : RECALL_MS);
	const struct timespec t = {
		.tv_sec = (time_t)(end / 1000),
		.tv_nsec = (long)(end % 1000) * 1000000,
	};
	struct session *s;

	/* Changes that wait for this one may have to be sent back. */
	if (m->left)
		pthread_cond_broadcast(&deleg.cond);
	while (m->left) {
		if (pthread_cond_timedwait(&deleg.cond, &deleg.lock, &t) != ETIMEDOUT)
			continue;
		if (m->brief)
			break;
		while (m->left && (s = late_one(m)))
			session_fence(s);
	}
}

static void disown(struct mutation *m)
{
	struct recall *r;

	DL_FOREACH (deleg.recalls, r) {
		if (r->m == m)
			r->m = NULL;
	}
}

void mutation_end(struct mutation *m)
{
	if (!m->on)
		return;
	pthread_mutex_lock(&deleg.lock);
	if (deleg.objects) {
		watch_drain();
		wait_obeyed(m);
		if (m->left)
			disown(m);
	}
	DL_DELETE(deleg.mutations, m);
	pthread_cond_broadcast(&deleg.cond);
	pthread_mutex_unlock(&deleg.lock);
	m->on = false;
}
