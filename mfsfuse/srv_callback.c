/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue between whoever has something to say, perhaps with locks held, and a thread that may
 * wait. */
#include "mfsfuse/srv_callback.h"

#include <stdlib.h>

#include <utlist.h>

void callbacks_init(struct callback_queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->cond, NULL);
}

void callbacks_close(struct callback_queue *q)
{
	struct callback *c, *next;

	pthread_mutex_lock(&q->lock);
	q->closed = true;
	DL_FOREACH_SAFE (q->list, c, next) {
		DL_DELETE(q->list, c);
		free(c);
	}
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
}

void callbacks_done(struct callback_queue *q)
{
	callbacks_close(q);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->cond);
}

bool callbacks_add(struct callback_queue *q, const struct mfs_hdr *h, const char *name)
{
	const size_t name_len = name ? strlen(name) : 0;
	struct callback *c = name_len <= MFS_NAME_MAX ? malloc(sizeof(*c)) : NULL;
	struct mfs_hdr head = *h;
	bool closed;

	if (!c)
		return false;
	head.len = (uint32_t)name_len;
	mfs_hdr_pack(&head, c->frame);
	if (name_len)
		memcpy(c->frame + MFS_HDR_SIZE, name, name_len);
	c->len = MFS_HDR_SIZE + name_len;
	pthread_mutex_lock(&q->lock);
	closed = q->closed;
	if (!closed) {
		DL_APPEND(q->list, c);
		pthread_cond_signal(&q->cond);
	}
	pthread_mutex_unlock(&q->lock);
	if (closed)
		free(c);
	return !closed;
}

struct callback *callbacks_next(struct callback_queue *q)
{
	struct callback *c;

	pthread_mutex_lock(&q->lock);
	while (!q->list && !q->closed)
		pthread_cond_wait(&q->cond, &q->lock);
	c = q->list;
	if (c)
		DL_DELETE(q->list, c);
	pthread_mutex_unlock(&q->lock);
	return c;
}
