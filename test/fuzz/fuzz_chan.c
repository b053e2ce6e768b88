/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel that gets arbitrary bytes, in pieces of the size that the first byte says. Whatever
 * comes out must be what a plain reading of the same bytes gives.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "test/fuzz/fuzz.h"

#define BODY_MAX 5000

/* The bytes as they should be cut: position of the next frame. */
struct reading {
	const uint8_t *p;
	size_t left;
};

static uint32_t get(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint32_t)p[i] << (8 * i);
	return v;
}

static void check_frame(struct reading *r, const struct chan_frame *f)
{
	uint32_t len;

	fuzz_check(r->left >= CHAN_HEADER);
	len = get(r->p, 4);
	fuzz_check(len <= BODY_MAX && r->left >= CHAN_HEADER + len);
	fuzz_check(f->len == len && f->type == get(r->p + 4, 2) && !get(r->p + 6, 2));
	fuzz_check(!f->has_fd);
	fuzz_check(memcmp(f->body, r->p + CHAN_HEADER, len) == 0);
	r->p += CHAN_HEADER + len;
	r->left -= CHAN_HEADER + len;
}

/* At the end: the error must fit what is left. */
static void check_end(const struct reading *r, int error)
{
	bool header = r->left >= CHAN_HEADER;
	uint32_t len = header ? get(r->p, 4) : 0, flags = header ? get(r->p + 6, 2) : 0;
	/* A descriptor is missed when its frame is complete. */
	bool bad =
		len > BODY_MAX || flags & ~CHAN_FLAG_FD || (flags && r->left >= CHAN_HEADER + len);

	if (bad)
		fuzz_check(error == -EPROTO);
	else
		fuzz_check(error == (r->left ? -ECONNRESET : -EPIPE));
}

static int drain(struct chan *c, struct reading *r)
{
	struct chan_frame f;
	int n;

	while ((n = chan_next(c, &f)) > 0)
		check_frame(r, &f);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(chan_freep) struct chan *c = NULL;
	_cleanup_fd_ int peer = -1;
	struct reading r;
	struct stream *s;
	size_t piece;
	int fds[2], n = 0;

	if (size < 1 || size > 64 << 10)
		return 0;
	piece = data[0] ? data[0] : size;
	data++;
	size--;
	r = (struct reading){.p = data, .left = size};
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	peer = fds[1];
	fuzz_check(stream_new_plain(&s, fds[0]) == 0);
	fuzz_check(chan_new(&c, s, BODY_MAX, BODY_MAX) == 0);
	while (size && n >= 0) {
		size_t len = size < piece ? size : piece;

		fuzz_check(send(peer, data, len, MSG_NOSIGNAL) == (ssize_t)len);
		data += len;
		size -= len;
		(void)chan_process(c);
		n = drain(c, &r);
	}
	peer = fd_close(peer);
	for (int i = 0; n >= 0 && i < 1000; i++) {
		(void)chan_process(c);
		n = drain(c, &r);
	}
	check_end(&r, n);
	return 0;
}
