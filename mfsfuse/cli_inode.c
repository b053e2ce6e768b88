/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inodes that the kernel knows. One inode of a server is one inode here, whatever its names.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"

/* Programs read and write in pieces of this size: each read asks the server whether the file is
 * still the same, so larger ones are better. Database libraries take it as their page size. */
#define BLKSIZE 65536

struct inode_key {
	struct peer *peer;
	struct mfs_fh fh;
};

static_assert(offsetof(struct inode, fh) == offsetof(struct inode, peer) + sizeof(struct peer *),
	      "peer and fh are one key");
#define KEY_LEN (sizeof(struct peer *) + sizeof(struct mfs_fh))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct inode *by_id, *by_key;

/* Stands for the root and for the names in it: neither peer nor handle. */
static struct inode root = {.id = FUSE_ROOT_ID, .refs = 1, .nlookup = 1};

/* ------------------------------------------------------------------ life */

static void table_remove(struct inode *i)
{
	HASH_DELETE(by_id, by_id, i);
	HASH_DELETE(by_key, by_key, i);
}

static bool table_add(struct inode *i)
{
	HASH_ADD(by_id, by_id, id, sizeof(i->id), i);
	if (!i->by_id.tbl)
		return false;
	HASH_ADD_KEYPTR(by_key, by_key, &i->peer, KEY_LEN, i);
	if (i->by_key.tbl)
		return true;
	HASH_DELETE(by_id, by_id, i);
	return false;
}

static struct inode *find_id(fuse_ino_t id)
{
	struct inode *i = NULL;
	uint64_t key = id;

	if (id == FUSE_ROOT_ID || (id >= CLI_INO_LINK && id < CLI_INO_FIRST))
		return &root;
	HASH_FIND(by_id, by_id, &key, sizeof(key), i);
	return i;
}

static struct inode *find_key(struct peer *p, const struct mfs_fh *fh)
{
	const struct inode_key key = {.peer = p, .fh = *fh};
	struct inode *i = NULL;

	HASH_FIND(by_key, by_key, &key, KEY_LEN, i);
	return i;
}

static void inode_destroy(struct inode *i)
{
	state_put(STATE_INODES, i->rec);
	free(i->name);
	free(i->target);
	free(i);
}

static uint64_t next_id(void)
{
	struct state_head *h = state_head();

	if (h->last_id < CLI_INO_FIRST)
		h->last_id = CLI_INO_FIRST;
	return ++h->last_id;
}

static struct inode *inode_new(struct peer *p, const struct mfs_fh *fh)
{
	struct inode *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->rec = state_take(STATE_INODES);
	i->peer = p;
	i->fh = *fh;
	i->id = fh->kind == MFS_FH_ROOT ? CLI_INO_PEER + p->number : next_id();
	if (!i->rec || !table_add(i)) {
		inode_destroy(i);
		return NULL;
	}
	i->rec->peer = p->number;
	i->rec->fh = *fh;
	i->rec->id = i->id;
	return i;
}

static void count_lookups(struct inode *i, uint64_t n)
{
	i->nlookup += n;
	i->rec->nlookup = i->nlookup;
}

static void forget_pin(struct inode *i)
{
	struct call *c = call_new_plain(i->peer, MFS_OP_FORGET, &i->fh, MFS_FH_SIZE);

	if (!c)
		return;
	mfs_put_fh(&c->out, &i->fh);
	call_send(c, done_err);
}

/* Out of the tables already, and unknown to everybody. */
static void inode_free(struct inode *i)
{
	deleg_forget(i);
	if (i->fh.kind == MFS_FH_PIN)
		forget_pin(i);
	inode_destroy(i);
}

/* With the lock held: true if the caller has to free it. */
static bool inode_over(struct inode *i)
{
	if (i->nlookup || i->refs)
		return false;
	table_remove(i);
	return true;
}

struct inode *inode_get(fuse_ino_t id)
{
	struct inode *i;

	pthread_mutex_lock(&lock);
	i = find_id(id);
	if (i)
		i->refs++;
	pthread_mutex_unlock(&lock);
	return i;
}

void inode_ref(struct inode *i)
{
	pthread_mutex_lock(&lock);
	i->refs++;
	pthread_mutex_unlock(&lock);
}

void inode_ref_kernel(struct inode *i)
{
	pthread_mutex_lock(&lock);
	count_lookups(i, 1);
	pthread_mutex_unlock(&lock);
}

void inode_put(struct inode *i)
{
	bool over;

	if (!i)
		return;
	pthread_mutex_lock(&lock);
	i->refs--;
	over = inode_over(i);
	pthread_mutex_unlock(&lock);
	if (over)
		inode_free(i);
}

void inode_putp(struct inode **i)
{
	inode_put(*i);
}

void inode_forget(fuse_ino_t id, uint64_t count)
{
	struct inode *i;
	bool over = false;

	pthread_mutex_lock(&lock);
	i = find_id(id);
	if (i && i != &root) {
		count_lookups(i, -(count < i->nlookup ? count : i->nlookup));
		over = inode_over(i);
	}
	pthread_mutex_unlock(&lock);
	if (over)
		inode_free(i);
}

/* ------------------------------------------------------------------ what is known of them */

static void set_name(struct inode *i, uint64_t parent, const char *name)
{
	char *copy;

	if (!name || (i->name && i->parent == parent && strcmp(i->name, name) == 0))
		return;
	copy = strdup(name);
	if (!copy)
		return;
	free(i->name);
	i->name = copy;
	i->parent = parent;
	i->rec->parent = parent;
	if (strlen(name) <= STATE_NAME_MAX)
		strcpy(i->rec->name, name);
	else
		i->rec->name[0] = '\0';
}

static struct stamp stamp_of(const struct mfs_attr *a)
{
	return (struct stamp){
		.size = a->size,
		.mtime = a->mtime,
		.ctime = a->ctime,
		.mtime_ns = a->mtime_ns,
		.ctime_ns = a->ctime_ns,
	};
}

static bool same_data(const struct stamp *a, const struct stamp *b)
{
	return a->size == b->size && a->mtime == b->mtime && a->mtime_ns == b->mtime_ns;
}

static bool same_change(const struct stamp *a, const struct stamp *b)
{
	return a->ctime == b->ctime && a->ctime_ns == b->ctime_ns;
}

/* The kernel drops its pages by itself when it sees another size or time of modification. The
 * time of the last change, which cannot be set back, is compared here when a file is opened. */
static bool update(struct inode *i, const struct mfs_attr *a, bool opened)
{
	const struct stamp s = stamp_of(a);
	bool keep = !i->racy;

	if (opened && keep)
		keep = i->stamp_known && same_data(&i->stamp, &s) && same_change(&i->stamp, &s);
	i->racy = a->flags & MFS_ATTR_RECENT;
	i->attr = *a;
	i->attr_known = true;
	i->rec->ino = a->ino;
	i->rec->mode = a->mode;
	if (opened || (i->stamp_known && !same_data(&i->stamp, &s))) {
		i->stamp = s;
		i->stamp_known = true;
	}
	return keep;
}

bool inode_update(struct inode *i, const struct mfs_attr *a, bool opened)
{
	bool keep;

	pthread_mutex_lock(&lock);
	keep = update(i, a, opened);
	pthread_mutex_unlock(&lock);
	return keep;
}

void inode_changed(struct inode *i)
{
	pthread_mutex_lock(&lock);
	i->stamp_known = false;
	pthread_mutex_unlock(&lock);
}

struct inode *inode_learn(struct peer *p, const struct mfs_attr *a, uint64_t parent,
			  const char *name, bool *ret_known)
{
	struct inode *i;

	pthread_mutex_lock(&lock);
	i = find_key(p, &a->fh);
	if (!i)
		i = inode_new(p, &a->fh);
	if (i) {
		i->refs++;
		if (ret_known)
			*ret_known = i->nlookup > 0;
		count_lookups(i, 1);
		update(i, a, false);
		set_name(i, parent, name);
	}
	pthread_mutex_unlock(&lock);
	return i;
}

/* Attributes of files that are not held may have changed; the kernel would take the size of a
 * lookup for the truth. */
bool inode_known(uint64_t id, struct mfs_attr *ret, struct inode **ret_inode)
{
	struct inode *i;

	pthread_mutex_lock(&lock);
	i = find_id(id);
	if (i && (i == &root || !i->nlookup || !i->attr_known))
		i = NULL;
	if (i) {
		*ret = i->attr;
		i->refs++;
	}
	pthread_mutex_unlock(&lock);
	*ret_inode = i;
	if (!i || (!S_ISDIR(ret->mode) && !S_ISLNK(ret->mode) && !deleg_holds(i, ret, NULL)))
		return false;
	inode_ref_kernel(i);
	return true;
}

struct inode *inode_find(struct peer *p, const struct mfs_fh *fh)
{
	struct inode *i;

	pthread_mutex_lock(&lock);
	i = find_key(p, fh);
	if (i)
		i->refs++;
	pthread_mutex_unlock(&lock);
	return i;
}

void inodes_each_keeping(struct peer *p, void (*fn)(struct inode *i))
{
	struct inode *i, *next, *list = NULL;

	pthread_mutex_lock(&lock);
	HASH_ITER (by_id, by_id, i, next) {
		if (i->peer != p || !i->keeps)
			continue;
		i->refs++;
		LL_PREPEND2(list, i, next_keeping);
	}
	pthread_mutex_unlock(&lock);
	LL_FOREACH_SAFE2(list, i, next, next_keeping)
	fn(i);
}

/* Seldom and slow: the server is away. */
struct inode *inode_remembered(struct peer *p, uint64_t parent, const char *name)
{
	struct inode *i, *next, *found = NULL;

	pthread_mutex_lock(&lock);
	HASH_ITER (by_id, by_id, i, next) {
		if (i->peer == p && i->name && i->parent == parent && i->nlookup &&
		    strcmp(i->name, name) == 0) {
			i->refs++;
			count_lookups(i, 1);
			found = i;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

struct inode *inode_place(struct inode *i, char ret_name[MFS_NAME_MAX + 1])
{
	struct inode *parent = NULL;

	pthread_mutex_lock(&lock);
	if (i->name && strlen(i->name) <= MFS_NAME_MAX)
		parent = find_id(i->parent);
	if (parent) {
		parent->refs++;
		strcpy(ret_name, i->name);
	}
	pthread_mutex_unlock(&lock);
	return parent;
}

void inode_lock_taken(struct inode *i)
{
	pthread_mutex_lock(&lock);
	i->locks++;
	pthread_mutex_unlock(&lock);
}

void inode_locks_over(struct inode *i, unsigned int locks)
{
	pthread_mutex_lock(&lock);
	if (i->locks == locks)
		i->locks = 0;
	pthread_mutex_unlock(&lock);
}

struct inode *inode_of_peer(struct peer *p)
{
	const struct mfs_fh fh = {0};
	struct inode *i;

	pthread_mutex_lock(&lock);
	i = find_key(p, &fh);
	if (!i)
		i = inode_new(p, &fh);
	if (i) {
		i->refs++;
		count_lookups(i, 1);
		if (!i->attr_known)
			i->attr = (struct mfs_attr){.ino = 2, .mode = S_IFDIR | 0755, .nlink = 2};
	}
	pthread_mutex_unlock(&lock);
	return i;
}

struct mfs_attr inode_attr(struct inode *i)
{
	struct mfs_attr a;

	pthread_mutex_lock(&lock);
	a = i->attr;
	pthread_mutex_unlock(&lock);
	return a;
}

void attr_to_stat(const struct mfs_attr *a, struct stat *st)
{
	*st = (struct stat){
		.st_ino = a->ino,
		.st_mode = a->mode,
		.st_nlink = a->nlink,
		.st_uid = a->uid,
		.st_gid = a->gid,
		.st_rdev = a->rdev,
		.st_size = (off_t)a->size,
		.st_blocks = (blkcnt_t)a->blocks,
		.st_blksize = BLKSIZE,
		.st_atim = {.tv_sec = a->atime, .tv_nsec = a->atime_ns},
		.st_mtim = {.tv_sec = a->mtime, .tv_nsec = a->mtime_ns},
		.st_ctim = {.tv_sec = a->ctime, .tv_nsec = a->ctime_ns},
	};
}

/* ------------------------------------------------------------------ after a restart */

static int restore_result;

/* What was known of its contents is not. */
static void restore(void *data)
{
	struct inode_rec *rec = data;
	struct inode *i = calloc(1, sizeof(*i));

	if (!i) {
		restore_result = -ENOMEM;
		return;
	}
	i->rec = rec;
	i->id = rec->id;
	i->peer = peer_get(rec->peer);
	i->fh = rec->fh;
	i->nlookup = rec->nlookup;
	i->locks = 1;
	i->racy = true;
	i->attr = (struct mfs_attr){.ino = rec->ino, .mode = rec->mode, .nlink = 1};
	i->attr_known = rec->mode != 0;
	i->parent = rec->parent;
	i->keeps = rec->keeps;
	rec->name[STATE_NAME_MAX] = '\0';
	if (*rec->name)
		i->name = strdup(rec->name);
	if (!i->peer || !table_add(i)) {
		free(i->name);
		free(i);
		restore_result = -ENOMEM;
	}
}

int inodes_restore(void)
{
	state_each(STATE_INODES, restore);
	return restore_result;
}

void inodes_sweep(void)
{
	struct inode *i, *next;

	HASH_ITER (by_id, by_id, i, next) {
		if (inode_over(i))
			inode_free(i);
	}
}
