/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded queue of bytes.
 */
#include "job/fifo.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIFO_KEEP (64u << 10) /* an empty queue keeps a buffer up to this size */

int fifo_put(struct fifo *f, const void *data, size_t len, size_t max)
{
	size_t size = f->size > 4096 ? f->size : 4096;
	uint8_t *buf;

	if (len > max || f->len > max - len)
		return -ENOBUFS;
	if (!len)
		return 0;
	/* Moves the bytes to the front only when that makes at least as much room as it costs. */
	if (f->size - f->head - f->len < len && f->head >= f->len) {
		if (f->len)
			memmove(f->buf, f->buf + f->head, f->len);
		f->head = 0;
	}
	if (f->size - f->head - f->len < len) {
		while (size - f->head - f->len < len)
			size *= 2;
		buf = realloc(f->buf, size);
		if (!buf)
			return -ENOMEM;
		f->buf = buf;
		f->size = size;
	}
	memcpy(f->buf + f->head + f->len, data, len);
	f->len += len;
	return 0;
}

void fifo_drop(struct fifo *f, size_t len)
{
	assert(len <= f->len);
	f->head += len;
	f->len -= len;
	if (f->len)
		return;
	f->head = 0;
	if (f->size > FIFO_KEEP)
		fifo_clear(f);
}

void fifo_clear(struct fifo *f)
{
	free(f->buf);
	*f = (struct fifo){0};
}
