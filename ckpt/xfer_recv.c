/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving end: nothing that comes is believed before it is checked. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "ckpt/images.h"
#include "ckpt/xfer.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define BUF_SIZE (256u << 10)

struct file {
	char name[IMAGE_NAME_MAX];
	uint64_t size;
	XXH3_state_t *hash; /* until it has ended */
};

struct blob {
	uint8_t *data;
	size_t len;
	bool got;
};

struct xfer_receiver {
	struct stream *s;
	int dir;
	uint64_t max_bytes, bytes;
	bool all;
	struct file *files;
	uint32_t count, size, ended;
	int fd;         /* of the file written last, */
	uint32_t fd_id; /* which is this one */
	uint8_t head[XFER_HEADER];
	size_t head_len; /* bytes of the header that are here */
	struct xfer_head h;
	size_t left;  /* bytes of the body still to come */
	uint8_t *buf; /* the body, or for DATA a part of it */
	size_t buf_size, buf_len;
	struct blob state, extra;
};

int xfer_receiver_new(struct xfer_receiver **ret, struct stream *s, int dir, uint64_t max_bytes)
{
	struct xfer_receiver *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->s = s;
	x->dir = dir;
	x->max_bytes = max_bytes;
	x->fd = -1;
	x->buf_size = BUF_SIZE;
	x->buf = malloc(x->buf_size);
	if (!x->buf) {
		free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

struct xfer_receiver *xfer_receiver_free(struct xfer_receiver *x)
{
	if (!x)
		return NULL;
	for (uint32_t i = 0; i < x->count; i++)
		XXH3_freeState(x->files[i].hash);
	free(x->files);
	fd_close(x->fd);
	free(x->state.data);
	free(x->extra.data);
	free(x->buf);
	free(x);
	return NULL;
}

uint64_t xfer_receiver_bytes(const struct xfer_receiver *x)
{
	return x->bytes;
}

const uint8_t *xfer_receiver_state(const struct xfer_receiver *x, size_t *ret_len)
{
	*ret_len = x->state.len;
	return x->state.data;
}

const uint8_t *xfer_receiver_extra(const struct xfer_receiver *x, size_t *ret_len)
{
	*ret_len = x->extra.len;
	return x->extra.data;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* ------------------------------------------------------------------ bodies */

static int take_blob(struct xfer_receiver *x, struct blob *b)
{
	if (b->got)
		return -EPROTO;
	b->data = malloc(x->buf_len + 1);
	if (!b->data)
		return -ENOMEM;
	memcpy(b->data, x->buf, x->buf_len);
	b->len = x->buf_len;
	b->got = true;
	return 0;
}

static bool name_taken(const struct xfer_receiver *x, const char *name)
{
	return faccessat(x->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int grow_files(struct xfer_receiver *x)
{
	uint32_t size = x->size ? x->size * 2 : 64;
	struct file *f;

	if (x->count < x->size)
		return 0;
	f = realloc(x->files, size * sizeof(*f));
	if (!f)
		return -ENOMEM;
	x->files = f;
	x->size = size;
	return 0;
}

static int take_file(struct xfer_receiver *x)
{
	struct file *f;
	int r;

	if (x->h.id != x->count || x->count == XFER_FILES_MAX)
		return -EPROTO;
	r = grow_files(x);
	if (r < 0)
		return r;
	f = &x->files[x->count];
	memset(f, 0, sizeof(*f));
	memcpy(f->name, x->buf, x->buf_len);
	if (strlen(f->name) != x->buf_len || !images_name_ok(f->name) || name_taken(x, f->name))
		return -EPROTO;
	f->hash = XXH3_createState();
	if (!f->hash)
		return -ENOMEM;
	XXH3_64bits_reset(f->hash);
	x->count++;
	fd_close(x->fd);
	x->fd_id = x->h.id;
	x->fd = openat(x->dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return x->fd < 0 ? -errno : 0;
}

static struct file *open_file(struct xfer_receiver *x)
{
	struct file *f;

	if (x->h.id >= x->count)
		return NULL;
	f = &x->files[x->h.id];
	return f->hash ? f : NULL;
}

static int select_file(struct xfer_receiver *x, const struct file *f)
{
	if (x->fd >= 0 && x->fd_id == x->h.id)
		return 0;
	fd_close(x->fd);
	x->fd_id = x->h.id;
	x->fd = openat(x->dir, f->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	return x->fd < 0 ? -errno : 0;
}

static int take_data(struct xfer_receiver *x)
{
	struct file *f = open_file(x);
	size_t done = 0;
	int r;

	if (!f)
		return -EPROTO;
	if (x->buf_len > x->max_bytes - x->bytes)
		return -ENOSPC;
	r = select_file(x, f);
	if (r < 0)
		return r;
	XXH3_64bits_update(f->hash, x->buf, x->buf_len);
	while (done < x->buf_len) {
		ssize_t n = pwrite(x->fd, x->buf + done, x->buf_len - done, (off_t)f->size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			done += (size_t)n;
			f->size += (uint64_t)n;
		}
	}
	x->bytes += x->buf_len;
	return 0;
}

static int take_end(struct xfer_receiver *x)
{
	struct file *f = open_file(x);

	if (!f)
		return -EPROTO;
	if (get64(x->buf) != f->size || get64(x->buf + 8) != XXH3_64bits_digest(f->hash))
		return -EBADMSG;
	XXH3_freeState(f->hash);
	f->hash = NULL;
	x->ended++;
	return 0;
}

static int take_done(struct xfer_receiver *x)
{
	if (!x->state.got || !x->extra.got || x->ended != x->count)
		return -EPROTO;
	if (get64(x->buf) != x->count || get64(x->buf + 8) != x->bytes)
		return -EBADMSG;
	x->all = true;
	return XFER_GOT_ALL;
}

static int take_body(struct xfer_receiver *x)
{
	int r;

	if (x->all)
		return -EPROTO;
	switch (x->h.kind) {
	case XFER_STATE:
		r = take_blob(x, &x->state);
		return r < 0 ? r : XFER_GOT_STATE;
	case XFER_EXTRA:
		return take_blob(x, &x->extra);
	case XFER_FILE:
		return take_file(x);
	case XFER_DATA:
		return take_data(x);
	case XFER_END:
		return take_end(x);
	case XFER_DONE:
		return take_done(x);
	case XFER_OK:
	case XFER_FAIL:
	case _XFER_KIND_MAX:
	default:
		return -EPROTO;
	}
}

/* ------------------------------------------------------------------ frames */

static int start_body(struct xfer_receiver *x)
{
	int r;

	r = xfer_head_unpack(x->head, &x->h);
	if (r < 0)
		return r;
	x->left = x->h.len;
	x->buf_len = 0;
	if (x->h.kind != XFER_DATA && x->h.len > x->buf_size) {
		uint8_t *p = realloc(x->buf, x->h.len);

		if (!p)
			return -ENOMEM;
		x->buf = p;
		x->buf_size = x->h.len;
	}
	return 0;
}

/* Reads what is there; 1 = the header resp. this much of a body is complete, 0 = not yet. */
static int read_some(struct xfer_receiver *x, uint8_t *buf, size_t size, size_t *len)
{
	while (*len < size) {
		ssize_t n = stream_read(x->s, buf + *len, size - *len);

		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		*len += (size_t)n;
	}
	return 1;
}

/* 0 = nothing more now; 1 = go on; XFER_GOT_* + 1; or negative. */
static int step(struct xfer_receiver *x)
{
	size_t want;
	int r;

	if (x->head_len < XFER_HEADER) {
		r = read_some(x, x->head, XFER_HEADER, &x->head_len);
		if (r <= 0)
			return r;
		r = start_body(x);
		if (r < 0)
			return r;
	}
	want = x->left < x->buf_size ? x->left : x->buf_size;
	r = read_some(x, x->buf, want, &x->buf_len);
	if (r <= 0)
		return r;
	x->left -= want;
	if (!x->left)
		x->head_len = 0;
	r = take_body(x);
	x->buf_len = 0;
	return r < 0 ? r : r + 1;
}

int xfer_receiver_pump(struct xfer_receiver *x, struct err *e)
{
	int r;

	do
		r = step(x);
	while (r == 1);
	if (r >= 0)
		return r ? r - 1 : 0;
	switch (r) {
	case -ENOSPC:
		return err_set(e, r, "The destination has not enough memory for the job.");
	case -EBADMSG:
		return err_set(e, r, "The job's images arrived damaged.");
	case -EPROTO:
		return err_set(e, r, "The source sent what is not an image stream.");
	default:
		return err_sys(e, r, "The image connection broke");
	}
}

int xfer_receiver_answer(struct xfer_receiver *x, const struct err *why, int timeout_ms)
{
	struct xfer_head h = {.kind = why ? XFER_FAIL : XFER_OK};
	uint8_t buf[XFER_HEADER + ERR_MAX];

	if (why) {
		h.len = (uint32_t)strnlen(why->text, ERR_MAX - 1);
		memcpy(buf + XFER_HEADER, why->text, h.len);
	}
	xfer_head_pack(&h, buf);
	return stream_write_full(x->s, buf, XFER_HEADER + h.len, timeout_ms);
}
