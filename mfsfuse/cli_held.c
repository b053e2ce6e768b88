/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The locks that processes here hold, so that they can be taken again when the server has lost
 * them. All with the peer's lock held.
 */
#include "mfsfuse/cli_held.h"

#include <fcntl.h>
#include <sys/file.h>

#include <utlist.h>

static uint64_t end_of(uint64_t start, uint64_t len)
{
	return len && len < UINT64_MAX - start ? start + len : UINT64_MAX;
}

static bool add(struct file *f, const struct held *h)
{
	struct held *n = state_take(STATE_LOCKS);

	if (!n)
		return false;
	*n = *h;
	n->file = f->id;
	n->record = state_number(STATE_FILES, f->rec);
	LL_PREPEND(f->held, n);
	return true;
}

/* Cuts [start, end) out of what @owner holds. */
static void cut(struct file *f, uint64_t owner, uint64_t start, uint64_t end)
{
	struct held *h, *next;

	LL_FOREACH_SAFE (f->held, h, next) {
		if (h->owner != owner || h->end <= start || h->start >= end)
			continue;
		if (h->start < start && h->end > end) {
			struct held rest = *h;

			rest.start = end;
			h->end = add(f, &rest) ? start : h->end;
		} else if (h->start < start) {
			h->end = start;
		} else if (h->end > end) {
			h->start = end;
		} else {
			LL_DELETE(f->held, h);
			state_put(STATE_LOCKS, h);
		}
	}
}

void held_set(struct file *f, uint64_t owner, const struct mfs_lock *l)
{
	struct held h = {
		.owner = owner,
		.type = l->type,
		.pid = l->pid,
		.start = l->start,
		.end = end_of(l->start, l->len),
	};
	struct peer *p = f->peer;
	struct file *other, *next;

	/* A process may lock through one descriptor and unlock through another. */
	HASH_ITER (hh, p->files, other, next) {
		if (other->inode == f->inode && other->held)
			cut(other, owner, h.start, h.end);
	}
	if (l->type != F_UNLCK)
		add(f, &h);
}

void held_end(struct file *f, uint64_t owner)
{
	held_set(f, owner, &(struct mfs_lock){.type = F_UNLCK});
}

void held_free(struct file *f)
{
	struct held *h, *next;

	LL_FOREACH_SAFE (f->held, h, next) {
		LL_DELETE(f->held, h);
		state_put(STATE_LOCKS, h);
	}
}

void held_restore(void *rec)
{
	struct held *h = rec;
	const struct file_rec *f = state_at(STATE_FILES, h->record);

	if (f && f->id == h->file && !f->released && f->file)
		LL_PREPEND(f->file->held, h);
	else
		state_put(STATE_LOCKS, h);
}
