/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer to MFS_IOC_LOCKS: for those who move processes that hold locks. */
#include <errno.h>

#include <utlist.h>

#include "common/mfs_locks.h"
#include "mfsfuse/cli_held.h"

static void list_locks(const struct file *f, struct mfs_locks *ret)
{
	const struct held *h;

	LL_FOREACH (f->held, h) {
		if (ret->count < MFS_LOCKS_MAX)
			ret->list[ret->count] = (struct mfs_record_lock){
				.type = h->type,
				.pid = h->pid,
				.start = h->start,
				.len = h->end == UINT64_MAX ? 0 : h->end - h->start,
			};
		ret->count++;
	}
}

void cli_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	       struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_len,
	       size_t out_len)
{
	struct file *f = file_of(fi), *other, *next;
	struct mfs_locks l = {0};

	(void)ino;
	(void)arg;
	(void)flags;
	(void)in;
	(void)in_len;
	if (cmd != MFS_IOC_LOCKS || !f || f->dir || out_len < sizeof(l)) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	if (fuse_req_ctx(req)->uid != 0) {
		fuse_reply_err(req, EPERM);
		return;
	}
	pthread_mutex_lock(&f->peer->lock);
	l.flock = (uint32_t)f->rec->flock;
	list_locks(f, &l);
	HASH_ITER (hh, f->peer->files, other, next)
		l.files += other->rec->flock || other->held;
	pthread_mutex_unlock(&f->peer->lock);
	fuse_reply_ioctl(req, 0, &l, sizeof(l));
}
