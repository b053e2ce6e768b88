/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sending end: follows page images as they grow, frees what is sent. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "ckpt/images.h"
#include "ckpt/shm.h"
#include "ckpt/xfer.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define OUT_SIZE (256u << 10) /* a multiple of a TLS record */
#define SMALL_MAX 4096        /* with less room than this a buffer leaves */
#define PUNCH_STEP (4u << 20)

struct file {
	char name[IMAGE_NAME_MAX];
	int fd; /* while it is being sent */
	uint64_t sent;
	uint64_t punched; /* freed up to here */
	bool announced, ended;
	XXH3_state_t *hash; /* from announced to ended */
};

struct blob {
	struct blob *next;
	enum xfer_kind kind;
	size_t len;
	uint8_t data[];
};

struct xfer_sender {
	struct stream *s;
	int dir;
	bool finishing, done_queued;
	struct blob *blobs;
	struct file *files;
	uint32_t count, size;
	uint32_t first; /* all files before it are ended */
	uint64_t bytes;
	uint8_t *out; /* the frame on its way */
	size_t out_size, out_len, out_pos;
	uint8_t in[XFER_HEADER + ERR_MAX];
	size_t in_len;
};

int xfer_sender_new(struct xfer_sender **ret, struct stream *s, int dir)
{
	struct xfer_sender *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->s = s;
	x->dir = dir;
	x->out_size = OUT_SIZE;
	x->out = malloc(x->out_size);
	if (!x->out) {
		free(x);
		return -ENOMEM;
	}
	*ret = x;
	return 0;
}

static void file_done(struct file *f)
{
	f->fd = fd_close(f->fd);
	XXH3_freeState(f->hash);
	f->hash = NULL;
}

struct xfer_sender *xfer_sender_free(struct xfer_sender *x)
{
	if (!x)
		return NULL;
	for (uint32_t i = 0; i < x->count; i++)
		file_done(&x->files[i]);
	for (struct blob *b; (b = x->blobs);) {
		x->blobs = b->next;
		free(b);
	}
	free(x->files);
	free(x->out);
	free(x);
	return NULL;
}

int xfer_sender_blob(struct xfer_sender *x, enum xfer_kind kind, const void *data, size_t len)
{
	struct blob **p = &x->blobs;
	struct blob *b;

	b = malloc(sizeof(*b) + len);
	if (!b)
		return -ENOMEM;
	b->next = NULL;
	b->kind = kind;
	b->len = len;
	if (len)
		memcpy(b->data, data, len);
	while (*p)
		p = &(*p)->next;
	*p = b;
	return 0;
}

uint64_t xfer_sender_bytes(const struct xfer_sender *x)
{
	return x->bytes;
}

/* ------------------------------------------------------------------ which files */

static bool known(const struct xfer_sender *x, const char *name)
{
	for (uint32_t i = 0; i < x->count; i++) {
		if (strcmp(x->files[i].name, name) == 0)
			return true;
	}
	return false;
}

static int add_file(struct xfer_sender *x, const char *name)
{
	struct file *f;

	if (x->count == XFER_FILES_MAX)
		return -E2BIG;
	if (x->count == x->size) {
		uint32_t size = x->size ? x->size * 2 : 64;

		f = realloc(x->files, size * sizeof(*f));
		if (!f)
			return -ENOMEM;
		x->files = f;
		x->size = size;
	}
	f = &x->files[x->count];
	memset(f, 0, sizeof(*f));
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->fd = -1;
	x->count++;
	return 0;
}

static bool grows(const char *name)
{
	return strncmp(name, "pages-", 6) == 0 || strcmp(name, SHM_IMAGE) == 0;
}

static int add_growing(void *arg, const char *name)
{
	return grows(name) && !known(arg, name) ? add_file(arg, name) : 0;
}

static int add_rest(void *arg, const char *name)
{
	/* Those that are known already are page images, and few. */
	return grows(name) && known(arg, name) ? 0 : add_file(arg, name);
}

int xfer_sender_look(struct xfer_sender *x)
{
	return x->finishing ? 0 : images_each(x->dir, add_growing, x);
}

int xfer_sender_finish(struct xfer_sender *x)
{
	x->finishing = true;
	return images_each(x->dir, add_rest, x);
}

/* ------------------------------------------------------------------ frames */

/* Frames are made one behind the other in x->out: small ones leave together. Their body is there
 * already, behind the space of the header. */
static uint8_t *body(struct xfer_sender *x)
{
	return x->out + x->out_len + XFER_HEADER;
}

static void put_frame(struct xfer_sender *x, enum xfer_kind kind, uint32_t id, size_t len)
{
	struct xfer_head h = {.kind = kind, .id = id, .len = (uint32_t)len};

	xfer_head_pack(&h, x->out + x->out_len);
	x->out_len += XFER_HEADER + len;
}

static void put_pair(struct xfer_sender *x, enum xfer_kind kind, uint32_t id, uint64_t a,
		     uint64_t b)
{
	a = htole64(a);
	b = htole64(b);
	memcpy(body(x), &a, sizeof(a));
	memcpy(body(x) + 8, &b, sizeof(b));
	put_frame(x, kind, id, 16);
}

static int next_blob(struct xfer_sender *x)
{
	struct blob *b = x->blobs;
	size_t need = x->out_len + XFER_HEADER + b->len;

	if (need > x->out_size) {
		uint8_t *p = realloc(x->out, need);

		if (!p)
			return -ENOMEM;
		x->out = p;
		x->out_size = need;
	}
	memcpy(body(x), b->data, b->len);
	put_frame(x, b->kind, 0, b->len);
	x->blobs = b->next;
	free(b);
	return 1;
}

static int announce(struct xfer_sender *x, uint32_t id)
{
	struct file *f = &x->files[id];
	size_t len = strlen(f->name);

	f->fd = openat(x->dir, f->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (f->fd < 0)
		return -errno;
	f->hash = XXH3_createState();
	if (!f->hash || XXH3_64bits_reset(f->hash) != XXH_OK)
		return -ENOMEM;
	memcpy(body(x), f->name, len);
	put_frame(x, XFER_FILE, id, len);
	f->announced = true;
	return 1;
}

/* Memory for images is needed once, not twice: what is sent goes. */
static void punch(struct file *f)
{
	if (f->sent - f->punched < PUNCH_STEP)
		return;
	fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->punched,
		  (off_t)(f->sent - f->punched));
	f->punched = f->sent;
}

/* 1 = a frame is made; 0 = nothing new in this file. */
static int next_data(struct xfer_sender *x, uint32_t id)
{
	struct file *f = &x->files[id];
	size_t room = OUT_SIZE - x->out_len - XFER_HEADER;
	ssize_t n;

	n = pread(f->fd, body(x), room, (off_t)f->sent);
	if (n < 0)
		return -errno;
	if (n > 0) {
		XXH3_64bits_update(f->hash, body(x), (size_t)n);
		f->sent += (uint64_t)n;
		x->bytes += (uint64_t)n;
		punch(f);
		put_frame(x, XFER_DATA, id, (size_t)n);
		return 1;
	}
	if (!x->finishing)
		return 0;
	put_pair(x, XFER_END, id, f->sent, XXH3_64bits_digest(f->hash));
	f->ended = true;
	file_done(f);
	return 1;
}

/* 1 = a frame was added to x->out; 0 = nothing to send now. */
static int next_frame(struct xfer_sender *x)
{
	int r;

	if (x->blobs)
		return next_blob(x);
	while (x->first < x->count && x->files[x->first].ended)
		x->first++;
	for (uint32_t i = x->first; i < x->count; i++) {
		if (x->files[i].ended)
			continue;
		r = x->files[i].announced ? next_data(x, i) : announce(x, i);
		if (r)
			return r;
	}
	if (!x->finishing || x->done_queued)
		return 0;
	put_pair(x, XFER_DONE, 0, x->count, x->bytes);
	x->done_queued = true;
	return 1;
}

bool xfer_sender_wants_write(const struct xfer_sender *x)
{
	return x->out_pos < x->out_len;
}

static int fill(struct xfer_sender *x)
{
	int r;

	x->out_pos = x->out_len = 0;
	do
		r = next_frame(x);
	while (r > 0 && x->out_len + SMALL_MAX < OUT_SIZE);
	return r < 0 ? r : 0;
}

int xfer_sender_pump(struct xfer_sender *x)
{
	ssize_t n;
	int r;

	for (;;) {
		if (x->out_pos == x->out_len) {
			r = fill(x);
			if (r < 0)
				return r;
			if (!x->out_len)
				return x->done_queued;
		}
		n = stream_write(x->s, x->out + x->out_pos, x->out_len - x->out_pos);
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		x->out_pos += (size_t)n;
	}
}

/* ------------------------------------------------------------------ the answer */

static int read_more(struct xfer_sender *x, size_t want)
{
	while (x->in_len < want) {
		ssize_t n = stream_read(x->s, x->in + x->in_len, want - x->in_len);

		if (n == -EAGAIN)
			return 0;
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		x->in_len += (size_t)n;
	}
	return 1;
}

int xfer_sender_answer(struct xfer_sender *x, struct err *e)
{
	struct xfer_head h;
	int r;

	r = read_more(x, XFER_HEADER);
	if (r <= 0)
		return r < 0 ? err_sys(e, r, "The other node closed the image connection") : 0;
	r = xfer_head_unpack(x->in, &h);
	if (r < 0 || (h.kind != XFER_OK && h.kind != XFER_FAIL))
		return err_set(e, -EPROTO, "The other node sent no proper answer.");
	r = read_more(x, XFER_HEADER + h.len);
	if (r <= 0)
		return r < 0 ? err_sys(e, r, "The other node closed the image connection") : 0;
	if (h.kind == XFER_OK)
		return x->done_queued ? 1 : err_set(e, -EPROTO, "The other node answered early.");
	return err_set(e, -EREMOTEIO, "%.*s", (int)h.len, (const char *)x->in + XFER_HEADER);
}
