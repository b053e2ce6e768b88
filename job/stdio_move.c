/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's standard input and output across a move.
 */
#include "common/cleanup.h"
#include "common/fd.h"
#include "job/stdio_ends.h"
#include "job/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STDIO_VERSION 1u

int stdio_freeze(struct stdio *s, struct endpoint *ep)
{
	int r;

	if (!stdio_has_tty(s))
		return 0;
	r = terminal_take_output(s, ep);
	return r < 0 ? r : terminal_take_input(s);
}

int stdio_thaw(struct stdio *s)
{
	return stdio_has_tty(s) ? terminal_put_input(s) : 0;
}

/* --------------------------------------------------------------------------------- source */

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_some(int fd, uint8_t *buf, size_t len)
{
	ssize_t n;
	size_t done = 0;

	while (done < len && (n = read(fd, buf + done, len - done)) > 0)
		done += (size_t)n;
	return done == len ? 0 : -EIO;
}

/* A copy of what waits in the pipe, which stays as it is: an aborted move has nothing to undo. */
static int pipe_contents(int fd, size_t size, uint8_t **ret, size_t *ret_len)
{
	_cleanup_fd_ int in = reopen(fd, O_RDONLY), copy_read = -1, copy_write = -1;
	_cleanup_free_ uint8_t *data = NULL;
	int fds[2], len = 0;

	if (in < 0)
		return in;
	if (ioctl(in, FIONREAD, &len) < 0)
		return -errno;
	if (len < 0 || (size_t)len > STDIO_PIPE_MAX)
		return -EFBIG;
	if (len > 0) {
		if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
			return -errno;
		copy_read = fds[0];
		copy_write = fds[1];
		data = malloc((size_t)len);
		if (!data)
			return -ENOMEM;
		if (fcntl(copy_write, F_SETPIPE_SZ, (int)size) < 0)
			return -errno;
		if (tee(in, copy_write, (size_t)len, SPLICE_F_NONBLOCK) != len)
			return -EIO;
		if (read_some(copy_read, data, (size_t)len) < 0)
			return -EIO;
	}
	*ret = steal_ptr(data);
	*ret_len = (size_t)len;
	return 0;
}

static int pack_pipe(const struct stdio *s, int i, struct packer *p)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t len = 0;
	int size, r;

	pack_u8(p, s->pipes[i] >= 0);
	if (s->pipes[i] < 0)
		return 0;
	size = fcntl(s->pipes[i], F_GETPIPE_SZ);
	if (size < 0)
		return -errno;
	r = pipe_contents(s->pipes[i], (size_t)size, &data, &len);
	if (r < 0)
		return r;
	pack_blob(p, s->pipe_keys[i], STDIO_KEY_MAX);
	pack_u32(p, (uint32_t)size);
	pack_blob(p, data, len);
	return 0;
}

static int pack_tty(const struct stdio *s, struct packer *p)
{
	struct winsize ws;

	if (ioctl(s->master, TIOCGWINSZ, &ws) < 0)
		return -errno;
	pack_blob(p, s->tty_key, STDIO_KEY_MAX);
	pack_raw(p, &ws, sizeof(ws));
	pack_blob(p, fifo_data(&s->typed), s->typed.len);
	return 0;
}

int stdio_pack(const struct stdio *s, struct packer *p)
{
	int r = 0;

	pack_u32(p, STDIO_VERSION);
	for (int i = 0; i < 3; i++)
		pack_u8(p, (uint8_t)s->kinds[i]);
	pack_u8(p, s->err_to_out);
	pack_u8(p, s->input_ended);
	for (int i = 0; i < 3 && r >= 0; i++)
		r = pack_pipe(s, i, p);
	if (r >= 0 && stdio_has_tty(s))
		r = pack_tty(s, p);
	return r < 0 ? r : p->failed ? -ENOMEM : 0;
}

/* ---------------------------------------------------------------------------- destination */

static const char *unpack_key(struct unpacker *u)
{
	size_t len;
	const char *key = (const char *)unpack_blob(u, STDIO_KEY_MAX, &len);

	if (len != STDIO_KEY_MAX || !memchr(key, '\0', len))
		u->failed = true;
	return u->failed ? NULL : key;
}

static int fill_pipe(int fd, uint32_t size, const uint8_t *data, size_t len)
{
	_cleanup_fd_ int out = -1;

	if (size > STDIO_PIPE_MAX || len > size)
		return -EPROTO;
	if (fcntl(fd, F_SETPIPE_SZ, (int)size) < 0)
		return -errno;
	out = reopen(fd, O_WRONLY);
	if (out < 0)
		return out;
	return fd_write_full(out, data, len);
}

static int restore_pipe(struct stdio *s, int i, struct unpacker *u, struct engine_inherit *inherit)
{
	const char *key = unpack_key(u);
	uint32_t size = unpack_u32(u);
	size_t len;
	const uint8_t *data = unpack_blob(u, STDIO_PIPE_MAX, &len);
	int r;

	if (u->failed)
		return -EPROTO;
	r = stdio_own_pipe(s, i, &s->pipes[i], &inherit->fd);
	if (r < 0)
		return r;
	inherit->key = key;
	r = fill_pipe(s->pipes[i], size, data, len);
	if (r >= 0 && i == 0 && s->input_ended)
		r = stdio_end_input(s);
	return r;
}

static int restore_tty(struct stdio *s, struct unpacker *u, const struct container *c, uid_t owner,
		       struct engine_inherit *inherit)
{
	const char *key = unpack_key(u);
	const uint8_t *raw = unpack_raw(u, sizeof(struct winsize)), *typed;
	struct winsize ws;
	size_t len;
	int r;

	typed = unpack_blob(u, STDIO_PIPE_MAX, &len);
	if (u->failed)
		return -EPROTO;
	memcpy(&ws, raw, sizeof(ws));
	r = terminal_open(s, c, owner);
	if (r < 0)
		return r;
	inherit->key = key;
	/* An open file of its own: criu gives it the flags that the job's had. */
	inherit->fd = terminal_reopen(s);
	if (inherit->fd < 0)
		return inherit->fd;
	if (ioctl(s->master, TIOCSWINSZ, &ws) < 0)
		return -errno;
	return fifo_put(&s->typed, typed, len, STDIO_PIPE_MAX);
}

static int restore_all(struct stdio *s, struct unpacker *u, const struct container *c, uid_t owner,
		       struct engine_inherit *inherit, size_t *count)
{
	uint32_t version = unpack_u32(u);
	int r = 0;

	for (int i = 0; i < 3; i++) {
		uint8_t kind = unpack_u8(u);

		if (kind >= _STDIO_KIND_MAX)
			u->failed = true;
		s->kinds[i] = (enum stdio_kind)kind;
	}
	s->err_to_out = unpack_bool(u);
	s->input_ended = unpack_bool(u);
	if (u->failed || version != STDIO_VERSION)
		return -EPROTO;
	for (int i = 0; i < 3 && r >= 0; i++) {
		if (!unpack_bool(u))
			continue;
		inherit[*count].fd = -1;
		r = restore_pipe(s, i, u, &inherit[(*count)++]);
	}
	if (r >= 0 && stdio_has_tty(s)) {
		inherit[*count].fd = -1;
		r = restore_tty(s, u, c, owner, &inherit[(*count)++]);
	}
	return u->failed ? -EPROTO : r;
}

int stdio_restore(struct stdio *ret, struct unpacker *u, const struct container *c, uid_t owner,
		  struct engine_inherit *ret_inherit, size_t *ret_count, struct err *e)
{
	struct engine_inherit inherit[ENGINE_INHERIT_MAX] = {0};
	struct stdio s;
	size_t count = 0;
	int r;

	stdio_init(&s);
	r = restore_all(&s, u, c, owner, inherit, &count);
	if (r < 0) {
		for (size_t i = 0; i < count; i++)
			fd_close(inherit[i].fd);
		stdio_done(&s);
		return err_sys(e, r, "cannot set the job's standard input and output up again");
	}
	memcpy(ret_inherit, inherit, sizeof(inherit));
	*ret_count = count;
	*ret = s;
	return 0;
}
