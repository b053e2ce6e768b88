/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is granted, and what is recalled. */
#include "mfsfuse/cli_deleg.h"

#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "mfsfuse/cli_kept.h"

#define THREADS 12

/* Something that the kernel shall not keep any more. */
struct job {
	struct job *prev, *next;
	struct peer *peer;
	struct inode *inode;
	uint64_t what;   /* enum mfs_recall */
	uint64_t number; /* of the recall; 0: nobody has to hear of it */
	bool drop;       /* counted in peer->drops */
	char name[MFS_NAME_MAX + 1];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static struct job *jobs;
static bool allowed, ready;

void deleg_allow(bool is_allowed)
{
	allowed = is_allowed;
}

/* ------------------------------------------------------------------ jobs */

/* Something that is not answered. Without memory: the server will notice that nothing comes. */
static void tell(struct peer *p, enum mfs_op op, const struct mfs_fh *fh, uint64_t number)
{
	struct call *c = call_new_plain(p, op, fh, 0);

	if (!c)
		return;
	c->h.a = number;
	c->len = MFS_HDR_SIZE;
	c->no_reply = true;
	mfs_hdr_pack(&c->h, c->msg);
	pthread_mutex_lock(&p->lock);
	peer_send(p, c);
	pthread_mutex_unlock(&p->lock);
}

static void tell_obeyed(struct peer *p, uint64_t number)
{
	tell(p, MFS_OP_RECALLED, &(struct mfs_fh){0}, number);
}

static void obey(struct job *j)
{
	struct inode *i = j->inode;

	if (j->what & MFS_RECALL_NAME)
		kept_expire(i, j->name);
	if (j->what & MFS_RECALL_ALL)
		kept_expire_revoked(i);
	/* ENOENT: the kernel does not know it any more. Pages go only of files, and only when the
	 * server says so: a job whose home cannot be reached goes on with what it has mapped. They
	 * are compared when the file is read or opened next, as those of files that are not
	 * delegated. */
	if (j->what & MFS_RECALL_ALL && !j->drop && !S_ISDIR(i->attr.mode))
		fuse_lowlevel_notify_inval_inode(cli.se, i->id, 0, 0);
	else if (j->what & (MFS_RECALL_ALL | MFS_RECALL_ATTR))
		fuse_lowlevel_notify_inval_inode(cli.se, i->id, -1, 0);
	if (j->what & MFS_RECALL_ALL)
		local_end(i, !j->drop);
}

static void job_done(struct job *j)
{
	struct peer *p = j->peer;

	if (j->number)
		tell_obeyed(p, j->number);
	if (j->drop) {
		pthread_mutex_lock(&p->lock);
		p->drops--;
		pthread_mutex_unlock(&p->lock);
		deleg_ask(p);
	}
	inode_put(j->inode);
	free(j);
}

static void *job_thread(void *arg)
{
	(void)arg;
	for (;;) {
		struct job *j;

		pthread_mutex_lock(&lock);
		while (!jobs)
			pthread_cond_wait(&cond, &lock);
		j = jobs;
		DL_DELETE(jobs, j);
		pthread_mutex_unlock(&lock);
		obey(j);
		job_done(j);
	}
	return NULL;
}

int deleg_start(void)
{
	for (int i = 0; i < THREADS; i++) {
		pthread_t t;
		int r = pthread_create(&t, NULL, job_thread, NULL);

		if (r)
			return -r;
	}
	return 0;
}

/* Takes the reference of the inode. */
static bool add_job(struct inode *i, uint64_t what, const char *name, uint64_t number, bool drop)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		inode_put(i);
		return false;
	}
	j->peer = i->peer;
	j->inode = i;
	j->what = what;
	j->number = number;
	j->drop = drop;
	if (name)
		strcpy(j->name, name);
	pthread_mutex_lock(&lock);
	DL_APPEND(jobs, j);
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	return true;
}

/* ------------------------------------------------------------------ up and down */

static void done_ask(struct call *c, struct result *r)
{
	struct peer *p = c->peer;

	pthread_mutex_lock(&p->lock);
	p->deleg_asked = false;
	if (r->err == 0) {
		p->deleg_on = true;
		p->deleg_age = r->h->c;
	}
	pthread_mutex_unlock(&p->lock);
	if (r->err == 0)
		peer_kick(p);
}

void deleg_ask(struct peer *p)
{
	struct call *c;
	bool go;

	pthread_mutex_lock(&p->lock);
	go = ready && allowed && p->stream && p->deleg_can && !p->deleg_on && !p->deleg_asked &&
	     !p->drops && !p->reopening;
	p->deleg_asked = p->deleg_asked || go;
	pthread_mutex_unlock(&p->lock);
	if (!go)
		return;
	c = call_new_plain(p, MFS_OP_DELEGATE, &(struct mfs_fh){0}, 0);
	if (c)
		call_send(c, done_ask);
}

void deleg_up(struct peer *p, uint64_t features)
{
	pthread_mutex_lock(&p->lock);
	p->deleg_can = features & MFS_FEATURE_DELEGATIONS;
	p->deleg_asked = false;
	pthread_mutex_unlock(&p->lock);
	deleg_ask(p);
}

static void drop_inode(struct inode *i)
{
	struct peer *p = i->peer;

	if (S_ISDIR(i->attr.mode))
		kept_revoke_all(i);
	pthread_mutex_lock(&p->lock);
	i->keeps = false;
	i->rec->keeps = false;
	p->drops++;
	pthread_mutex_unlock(&p->lock);
	if (add_job(i, MFS_RECALL_ALL, NULL, 0, true))
		return;
	log_err("no memory: the kernel keeps what may be old by now");
	pthread_mutex_lock(&p->lock);
	p->drops--;
	pthread_mutex_unlock(&p->lock);
}

void deleg_lost(struct peer *p)
{
	bool was_on;

	pthread_mutex_lock(&p->lock);
	was_on = p->deleg_on;
	p->deleg_on = false;
	p->deleg_life++;
	pthread_mutex_unlock(&p->lock);
	if (was_on)
		inodes_each_keeping(p, drop_inode);
}

static void take_over_peer(struct peer *p)
{
	inodes_each_keeping(p, drop_inode);
}

void deleg_take_over(void)
{
	peers_each(take_over_peer);
	ready = true;
	peers_each(deleg_ask);
}

/* ------------------------------------------------------------------ granted */

bool deleg_granted(const struct call *c, const struct result *r, const struct inode *i,
		   uint64_t what)
{
	const struct peer *p = c->peer;

	return r->h && r->h->b & what && p->deleg_on && r->h->c >= p->deleg_age &&
	       r->h->c >= i->recalled;
}

/* What outlives us must say so before the kernel hears of it. */
void deleg_keep(struct inode *i)
{
	i->keeps = true;
	i->rec->keeps = true;
}

void deleg_take_dir(const struct call *c, const struct result *r, struct inode *dir)
{
	struct peer *p = c->peer;

	if (!deleg_granted(c, r, dir, MFS_GRANT_NAME | MFS_GRANT_LIST))
		return;
	deleg_keep(dir);
	pthread_mutex_lock(&p->lock);
	dir->open_to_all = p->deleg_life + 1;
	dir->list_to_all = r->h->b & MFS_GRANT_LIST;
	pthread_mutex_unlock(&p->lock);
}

static bool is_open_to_all(const struct inode *dir)
{
	return dir->peer->deleg_on && dir->open_to_all == dir->peer->deleg_life + 1;
}

bool deleg_may_search(struct inode *dir)
{
	struct peer *p = dir->peer;
	bool may;

	pthread_mutex_lock(&p->lock);
	may = is_open_to_all(dir);
	pthread_mutex_unlock(&p->lock);
	return may;
}

static bool changes_directory(const struct call *c)
{
	switch (c->h.op) {
	case MFS_OP_MKNOD:
	case MFS_OP_MKDIR:
	case MFS_OP_SYMLINK:
	case MFS_OP_LINK:
	case MFS_OP_UNLINK:
	case MFS_OP_RMDIR:
	case MFS_OP_RENAME:
	case MFS_OP_CREATE:
		return true;
	default:
		return false;
	}
}

static void drop_attr(struct inode *i)
{
	if (i && S_ISDIR(i->attr.mode))
		i->held = 0;
}

void deleg_call_begins(struct call *c)
{
	struct peer *p = c->peer;

	pthread_mutex_lock(&p->lock);
	c->dir_changes = p->dir_changes;
	if (changes_directory(c)) {
		p->dir_changes++;
		drop_attr(c->inode);
		drop_attr(c->inode2);
	}
	pthread_mutex_unlock(&p->lock);
}

void deleg_call_ends(struct call *c)
{
	if (changes_directory(c))
		deleg_call_begins(c);
}

/* They are those of after our last change, and before the next. */
static void take_attr(const struct call *c, struct inode *i)
{
	struct peer *p = c->peer;
	const struct mfs_attr a = inode_attr(i);

	pthread_mutex_lock(&p->lock);
	if (c->dir_changes == p->dir_changes) {
		i->held = p->deleg_life + 1;
		i->held_attr = a;
	}
	pthread_mutex_unlock(&p->lock);
}

double deleg_attr_seconds(const struct call *c, const struct result *r, struct inode *i)
{
	const struct peer *p = c->peer;
	bool keep;

	if (S_ISREG(i->attr.mode))
		keep = r->h && deleg_holds(i, NULL, NULL) && r->h->c >= p->deleg_age &&
		       r->h->c >= i->recalled;
	else
		keep = deleg_granted(c, r, i, MFS_GRANT_ATTR);
	if (keep && S_ISDIR(i->attr.mode))
		take_attr(c, i);
	if (keep)
		deleg_keep(i);
	return keep ? KEPT_SECONDS : 0.0;
}

void deleg_take_file(const struct call *c, const struct result *r, struct inode *i,
		     const struct mfs_attr *a)
{
	struct peer *p = c->peer;

	if (!deleg_granted(c, r, i, MFS_GRANT_FILE))
		return;
	deleg_keep(i);
	pthread_mutex_lock(&p->lock);
	i->held = p->deleg_life + 1;
	i->held_exec = r->h->b & MFS_GRANT_EXEC;
	i->held_attr = *a;
	pthread_mutex_unlock(&p->lock);
}

static bool is_held(const struct inode *i)
{
	return i->peer->deleg_on && i->held == i->peer->deleg_life + 1;
}

bool deleg_may_open(const struct inode *i)
{
	return S_ISDIR(i->attr.mode) ? is_open_to_all(i) && i->list_to_all : is_held(i);
}

bool deleg_holds(struct inode *i, struct mfs_attr *ret_attr, bool *ret_exec)
{
	bool held;

	pthread_mutex_lock(&i->peer->lock);
	held = is_held(i);
	if (held && ret_attr)
		*ret_attr = i->held_attr;
	if (held && ret_exec)
		*ret_exec = i->held_exec;
	pthread_mutex_unlock(&i->peer->lock);
	return held;
}

/* ------------------------------------------------------------------ recalled */

/* False: the kernel keeps nothing of it. */
static bool revoke(struct inode *i, const struct mfs_hdr *h, const char *name)
{
	bool kept = h->b & (MFS_RECALL_ATTR | MFS_RECALL_ALL);

	i->recalled = h->a;
	if (h->b & MFS_RECALL_NAME)
		kept |= kept_revoke(i, name);
	if (h->b & MFS_RECALL_ALL)
		kept_revoke_all(i);
	pthread_mutex_lock(&i->peer->lock);
	if (h->b & (MFS_RECALL_ATTR | MFS_RECALL_ALL))
		i->held = 0;
	if (h->b & MFS_RECALL_ALL)
		i->open_to_all = 0;
	pthread_mutex_unlock(&i->peer->lock);
	return kept;
}

int deleg_recall(struct peer *p, const struct mfs_hdr *h, const uint8_t *body)
{
	char name[MFS_NAME_MAX + 1];
	struct inode *i;

	if (mfs_recall(h, body, name) < 0)
		return -EPROTO;
	i = inode_find(p, &h->node);
	if (!i || !revoke(i, h, name)) {
		inode_put(i);
		tell_obeyed(p, h->a);
		return 0;
	}
	return add_job(i, h->b, name, h->a, false) ? 0 : -ENOMEM;
}

static void expire_later(struct inode *dir, const char *name)
{
	deleg_keep(dir);
	kept_add(dir, name, 0, false);
	kept_revoke(dir, name);
	inode_ref(dir);
	add_job(dir, MFS_RECALL_NAME, name, 0, false);
}

void deleg_renamed(struct inode *dir, const char *name, struct inode *dir2, const char *name2)
{
	const bool kept = kept_revoke(dir, name), kept2 = kept_revoke(dir2, name2);

	if (!kept && !kept2)
		return;
	expire_later(dir, name);
	expire_later(dir2, name2);
}

void deleg_forget(struct inode *i)
{
	kept_forget(i);
	if (i->keeps && i->peer->deleg_on)
		tell(i->peer, MFS_OP_RETURN, &i->fh, 0);
}
