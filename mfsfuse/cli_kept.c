/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of names, and what the kernel is told of them. */
#include "mfsfuse/cli_kept.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"

/* How long the kernel may take to take note of an answer that it has: see above. */
#define NOTE_MS 10

struct kept {
	struct inode *dir; /* lives longer than this */
	struct name_rec *rec;
	uint64_t child;
	uint64_t known_until; /* milliseconds: until then the kernel may keep it as known */
	bool revoked;
	struct kept *prev, *next;
	UT_hash_handle hh;
	size_t key_len;
	struct {
		uint64_t dir;
		char name[STATE_NAME_MAX + 1];
	} key;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *table;

#define KEY_LEN(name) (sizeof(uint64_t) + strlen(name))

static struct kept *find(const struct inode *dir, const char *name)
{
	struct kept *k = NULL;
	typeof(k->key) key = {.dir = dir->id};

	if (strlen(name) > STATE_NAME_MAX)
		return NULL;
	memcpy(key.name, name, strlen(name));
	HASH_FIND(hh, table, &key, KEY_LEN(name), k);
	return k;
}

static bool insert(struct kept *k, struct inode *dir, const char *name)
{
	k->dir = dir;
	k->key.dir = dir->id;
	strcpy(k->key.name, name);
	HASH_ADD_KEYPTR(hh, table, &k->key, KEY_LEN(name), k);
	if (!k->hh.tbl)
		return false;
	DL_APPEND(dir->kept, k);
	return true;
}

static void drop(struct kept *k)
{
	HASH_DEL(table, k);
	DL_DELETE(k->dir->kept, k);
	state_put(STATE_NAMES, k->rec);
	free(k);
}

static struct kept *make(struct inode *dir, const char *name)
{
	struct kept *k;

	if (strlen(name) > STATE_NAME_MAX)
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->rec = state_take(STATE_NAMES);
	if (!k->rec || !insert(k, dir, name)) {
		state_put(STATE_NAMES, k->rec);
		free(k);
		return NULL;
	}
	strcpy(k->rec->name, name);
	k->rec->dir = dir->id;
	k->rec->id = 1;
	return k;
}

double kept_add(struct inode *dir, const char *name, uint64_t child, bool known)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	k = find(dir, name);
	if (!k)
		k = make(dir, name);
	if (k) {
		k->child = child;
		k->revoked = false;
		k->known_until = known ? cli_now_ms() + 1000 : 0;
	}
	pthread_mutex_unlock(&lock);
	if (!k)
		return 0.0;
	return known ? KEPT_KNOWN_SECONDS : KEPT_SECONDS;
}

void kept_remove(struct inode *dir, const char *name)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	k = find(dir, name);
	if (k)
		drop(k);
	pthread_mutex_unlock(&lock);
}

bool kept_revoke(struct inode *dir, const char *name)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	k = find(dir, name);
	if (k)
		k->revoked = true;
	pthread_mutex_unlock(&lock);
	return k;
}

void kept_revoke_all(struct inode *dir)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	DL_FOREACH (dir->kept, k)
		k->revoked = true;
	pthread_mutex_unlock(&lock);
}

bool kept_any(const struct inode *dir)
{
	bool any;

	pthread_mutex_lock(&lock);
	any = dir->kept != NULL;
	pthread_mutex_unlock(&lock);
	return any;
}

void kept_forget(struct inode *dir)
{
	pthread_mutex_lock(&lock);
	while (dir->kept)
		drop(dir->kept);
	pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ the kernel */

/* The kernel takes the directory's lock for this. It forgets no name by it, lest what is mounted
 * there goes: it asks again. */
static void tell(uint64_t dir, const char *name)
{
	fuse_lowlevel_notify_expire_entry(cli.se, dir, name, strlen(name));
}

/* True: a copy of one that is revoked. */
static bool next_revoked(struct inode *dir, char ret_name[STATE_NAME_MAX + 1], bool *ret_known)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	DL_FOREACH (dir->kept, k) {
		if (k->revoked)
			break;
	}
	if (k) {
		strcpy(ret_name, k->key.name);
		*ret_known = k->known_until > cli_now_ms();
	}
	pthread_mutex_unlock(&lock);
	return k;
}

/* Unless it was granted anew meanwhile. */
static void drop_revoked(struct inode *dir, const char *name)
{
	struct kept *k;

	pthread_mutex_lock(&lock);
	k = find(dir, name);
	if (k && k->revoked)
		drop(k);
	pthread_mutex_unlock(&lock);
}

static void wait_noted(void)
{
	static const struct timespec pause = {.tv_nsec = NOTE_MS * 1000000};

	nanosleep(&pause, NULL);
}

void kept_expire(struct inode *dir, const char *name)
{
	struct kept *k;
	bool known;

	pthread_mutex_lock(&lock);
	k = find(dir, name);
	known = k && k->known_until > cli_now_ms();
	pthread_mutex_unlock(&lock);
	tell(dir->id, name);
	if (known) {
		wait_noted();
		tell(dir->id, name);
	}
	drop_revoked(dir, name);
}

/* Those that are known get the second word all together. */
void kept_expire_revoked(struct inode *dir)
{
	char name[STATE_NAME_MAX + 1];
	struct list {
		struct list *next;
		char name[STATE_NAME_MAX + 1];
	} *again = NULL, *l, *tmp;
	bool known;

	while (next_revoked(dir, name, &known)) {
		tell(dir->id, name);
		drop_revoked(dir, name);
		l = known ? malloc(sizeof(*l)) : NULL;
		if (!l)
			continue;
		strcpy(l->name, name);
		LL_PREPEND(again, l);
	}
	if (again)
		wait_noted();
	LL_FOREACH_SAFE (again, l, tmp) {
		tell(dir->id, l->name);
		free(l);
	}
}

/* ------------------------------------------------------------------ answers */

bool kept_answer(fuse_req_t req, struct inode *dir, const char *name)
{
	static const struct fuse_entry_param none = {.entry_timeout = KEPT_SECONDS};
	_cleanup_inode_ struct inode *i = NULL;
	struct mfs_attr a;
	struct kept *k;
	bool answered = false;

	/* Held over the answer: whoever revokes the name afterwards comes after it. */
	pthread_mutex_lock(&lock);
	k = find(dir, name);
	if (k && !k->revoked && !k->child) {
		fuse_reply_entry(req, &none);
		answered = true;
	} else if (k && !k->revoked && inode_known(k->child, &a, &i)) {
		k->known_until = cli_now_ms() + 1000;
		/* Attributes that are recalled now do not count with the kernel, as it has asked
		 * before. */
		reply_kept(req, i, &a, KEPT_KNOWN_SECONDS,
			   deleg_holds(i, &a, NULL) ? KEPT_SECONDS : 0.0);
		answered = true;
	}
	pthread_mutex_unlock(&lock);
	return answered;
}

/* ------------------------------------------------------------------ after a restart */

static int restore_result;

static void restore(void *data)
{
	struct name_rec *rec = data;
	_cleanup_inode_ struct inode *dir = inode_get(rec->dir);
	struct kept *k;

	rec->name[STATE_NAME_MAX] = '\0';
	if (!dir || !dir->peer) {
		state_put(STATE_NAMES, rec);
		return;
	}
	k = calloc(1, sizeof(*k));
	if (!k || !insert(k, dir, rec->name)) {
		restore_result = -ENOMEM;
		free(k);
		return;
	}
	k->rec = rec;
	k->revoked = true;
	k->known_until = UINT64_MAX;
}

int kept_restore(void)
{
	state_each(STATE_NAMES, restore);
	return restore_result;
}
