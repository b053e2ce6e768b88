/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identities of server threads, and a short-lived cache of the user database.
 */
#include "mfsfuse/ident.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define KEEP_SECONDS 60
#define GROUPS_MAX 65536
#define USERS_MAX 10000u /* kept at once; beyond that the cache starts anew */
#define GID_NOBODY 65534u

struct user {
	uid_t uid;
	bool known;
	gid_t gid;
	time_t until;
	uint64_t serial; /* differs whenever the groups may differ */
	int group_count;
	gid_t *groups;
	UT_hash_handle hh;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct user *users;
static uint64_t last_serial;
static struct __user_cap_data_struct caps_full[2];

static _Thread_local struct {
	bool lowered; /* no capability is effective */
	gid_t gid;    /* as asked for */
	uint64_t serial;
} me;

/* ------------------------------------------------------------------ capabilities */

static int set_effective(const struct __user_cap_data_struct *from, bool none)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {from[0], from[1]};

	if (none)
		d[0].effective = d[1].effective = 0;
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

int ident_init(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};

	if (syscall(SYS_capget, &h, caps_full) < 0)
		return -errno;
	return 0;
}

/* A thread begins as what the one that started it is at that moment. */
int ident_thread_init(void)
{
	int r = set_effective(caps_full, false);

	if (r < 0)
		return r;
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	setfsgid(0);
	setfsuid(0);
	me.lowered = false;
	me.serial = 0;
	return unshare(CLONE_FS) < 0 ? -errno : 0;
}

void ident_raise(void)
{
	if (!me.lowered)
		return;
	/* Cannot fail: it only makes effective what is permitted. Without it the work that
	 * follows fails with EPERM, which harms nobody. */
	if (set_effective(caps_full, false) == 0)
		me.lowered = false;
}

/* ------------------------------------------------------------------ the user database */

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void user_free(struct user *u)
{
	free(u->groups);
	free(u);
}

static int read_groups(struct user *u, const char *name)
{
	int n = 32;

	for (;;) {
		gid_t *p = reallocarray(u->groups, (size_t)n, sizeof(*p));
		int want = n;

		if (!p)
			return -ENOMEM;
		u->groups = p;
		if (getgrouplist(name, u->gid, u->groups, &want) >= 0) {
			u->group_count = want;
			return 0;
		}
		if (n >= GROUPS_MAX)
			return -ENOMEM;
		n = want > n ? want : n * 2;
		if (n > GROUPS_MAX)
			n = GROUPS_MAX;
	}
}

static int user_read(uid_t uid, struct user **ret)
{
	struct passwd pw, *found = NULL;
	_cleanup_free_ char *buf = malloc(65536);
	struct user *u = calloc(1, sizeof(*u));
	int r;

	if (!buf || !u) {
		free(u);
		return -ENOMEM;
	}
	u->uid = uid;
	u->gid = GID_NOBODY;
	u->until = now() + KEEP_SECONDS;
	if (getpwuid_r(uid, &pw, buf, 65536, &found) == 0 && found) {
		u->known = true;
		u->gid = pw.pw_gid;
		r = read_groups(u, pw.pw_name);
		if (r < 0) {
			user_free(u);
			return r;
		}
	}
	*ret = u;
	return 0;
}

static void users_clear(void)
{
	struct user *u, *next;

	HASH_ITER (hh, users, u, next) {
		HASH_DEL(users, u);
		user_free(u);
	}
}

static struct user *user_find(uid_t uid)
{
	struct user *u;

	HASH_FIND(hh, users, &uid, sizeof(uid), u);
	if (u && u->until < now()) {
		HASH_DEL(users, u);
		user_free(u);
		return NULL;
	}
	return u;
}

static int user_keep(struct user *u)
{
	if (HASH_COUNT(users) >= USERS_MAX)
		users_clear();
	u->serial = ++last_serial;
	HASH_ADD(hh, users, uid, sizeof(u->uid), u);
	if (!u->hh.tbl) {
		user_free(u);
		return -ENOMEM;
	}
	return 0;
}

/* Locked on success. The user database is asked without the lock: it may be slow. */
static int user_get(uid_t uid, struct user **ret)
{
	struct user *u, *fresh = NULL;
	int r;

	pthread_mutex_lock(&lock);
	u = user_find(uid);
	if (!u) {
		pthread_mutex_unlock(&lock);
		ident_raise();
		r = user_read(uid, &fresh);
		if (r < 0)
			return r;
		pthread_mutex_lock(&lock);
		u = user_find(uid);
		if (u) {
			user_free(fresh);
		} else {
			r = user_keep(fresh);
			if (r < 0) {
				pthread_mutex_unlock(&lock);
				return r;
			}
			u = fresh;
		}
	}
	*ret = u;
	return 0;
}

void ident_expire(void)
{
	struct user *u, *next;
	time_t t = now();

	pthread_mutex_lock(&lock);
	HASH_ITER (hh, users, u, next) {
		if (u->until < t) {
			HASH_DEL(users, u);
			user_free(u);
		}
	}
	pthread_mutex_unlock(&lock);
}

static bool group_exists(gid_t gid)
{
	struct group g, *found = NULL;
	_cleanup_free_ char *buf = malloc(65536);
	int r;

	if (!buf)
		return true;
	r = getgrgid_r(gid, &g, buf, 65536, &found);
	return r != 0 || found;
}

static gid_t choose_gid(const struct user *u, gid_t wanted)
{
	if (u->uid == 0)
		return wanted;
	if (!u->known)
		return group_exists(wanted) ? GID_NOBODY : wanted;
	for (int i = 0; i < u->group_count; i++) {
		if (u->groups[i] == wanted)
			return wanted;
	}
	return u->gid;
}

/* ------------------------------------------------------------------ becoming */

static int switch_to(const struct user *u, gid_t gid)
{
	ident_raise();
	/* glibc's setgroups() would change every thread of the process. */
	if (syscall(SYS_setgroups, u->group_count, u->groups) < 0)
		return -EPERM;
	setfsgid(gid);
	setfsuid(u->uid);
	if ((uid_t)setfsuid((uid_t)-1) != u->uid || (gid_t)setfsgid((gid_t)-1) != gid)
		return -EPERM;
	return 0;
}

int ident_become(uid_t uid, gid_t gid)
{
	struct user *u;
	int r;

	if (uid == (uid_t)-1)
		return -EPERM;
	r = user_get(uid, &u);
	if (r < 0)
		return r;
	if (u->serial != me.serial || gid != me.gid) {
		me.serial = 0;
		r = switch_to(u, choose_gid(u, gid));
		if (r == 0) {
			me.serial = u->serial;
			me.gid = gid;
			me.lowered = false;
		}
	}
	pthread_mutex_unlock(&lock);
	if (r < 0)
		return r;
	if (uid == 0) {
		ident_raise();
	} else if (!me.lowered) {
		r = set_effective(caps_full, true);
		me.lowered = r == 0;
	}
	return r;
}
