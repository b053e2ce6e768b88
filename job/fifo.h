/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue of bytes that lies in one piece, so that it can be handed to write().
 */
#ifndef MOSIX_JOB_FIFO_H
#define MOSIX_JOB_FIFO_H

#include <stddef.h>
#include <stdint.h>

struct fifo {
	uint8_t *buf; /* grows on demand; given back when the queue runs empty */
	size_t size, head, len;
};

/* 0, -ENOBUFS beyond @max bytes in the queue, -ENOMEM. */
int fifo_put(struct fifo *f, const void *data, size_t len, size_t max);
void fifo_drop(struct fifo *f, size_t len); /* from the front */
void fifo_clear(struct fifo *f);

static inline const uint8_t *fifo_data(const struct fifo *f)
{
	return f->buf ? f->buf + f->head : NULL;
}

#endif
