/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that go to a client unasked, waiting for the thread that sends them. */
#ifndef MOSIX_MFSFUSE_SRV_CALLBACK_H
#define MOSIX_MFSFUSE_SRV_CALLBACK_H

#include <pthread.h>

#include "mfsfuse/wire.h"

struct callback {
	struct callback *prev, *next;
	size_t len;
	uint8_t frame[MFS_HDR_SIZE + MFS_NAME_MAX];
};

struct callback_queue {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct callback *list;
	bool closed;
};

void callbacks_init(struct callback_queue *q);
/* What waits is dropped, and nothing more is taken. */
void callbacks_close(struct callback_queue *q);
void callbacks_done(struct callback_queue *q);
/* @name may be NULL. False: closed, or no memory. */
bool callbacks_add(struct callback_queue *q, const struct mfs_hdr *h, const char *name);
/* Waits for one, the caller's to free(). NULL: closed. */
struct callback *callbacks_next(struct callback_queue *q);

#endif
