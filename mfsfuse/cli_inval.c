/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dropping the kernel's pages of a file whose time of modification does not tell whether it has
 * changed, before the kernel hears its attributes. In a thread of its own: dropping pages waits
 * for reads of them, which other threads answer.
 */
#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "mfsfuse/cli.h"

struct item {
	struct item *prev, *next;
	fuse_req_t req;
	struct inode *inode;
	struct stat st;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static struct item *items;

void inval_then_attr(fuse_req_t req, struct inode *i, const struct stat *st)
{
	struct item *t = malloc(sizeof(*t));

	if (!t) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	inode_ref(i);
	t->req = req;
	t->inode = i;
	t->st = *st;
	pthread_mutex_lock(&lock);
	DL_APPEND(items, t);
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
}

static void *inval_thread(void *arg)
{
	(void)arg;
	for (;;) {
		struct item *t;

		pthread_mutex_lock(&lock);
		while (!items)
			pthread_cond_wait(&cond, &lock);
		t = items;
		DL_DELETE(items, t);
		pthread_mutex_unlock(&lock);
		/* ENOENT: the kernel does not know it any more, nor has it pages. */
		fuse_lowlevel_notify_inval_inode(cli.se, t->inode->id, 0, 0);
		fuse_reply_attr(t->req, &t->st, 0.0);
		inode_put(t->inode);
		free(t);
	}
	return NULL;
}

int inval_start(void)
{
	pthread_t t;

	return -pthread_create(&t, NULL, inval_thread, NULL);
}
