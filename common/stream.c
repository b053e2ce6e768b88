/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain streams, descriptor passing, and the calls that are the same for every kind.
 */
#include "common/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/stream_ops.h"

/* The most that the kernel passes with one message (SCM_MAX_FD). */
#define SCM_FDS 253

int stream_new(struct stream **ret, int fd, const struct stream_ops *ops)
{
	_cleanup_fd_ int owned = fd;
	struct stream *s;
	int domain, r;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -errno;
	r = fd_set_nonblock(fd, true);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ops = ops;
	s->fd = steal_fd(&owned);
	s->local = domain == AF_UNIX;
	*ret = s;
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;
	s->ops->done(s);
	for (unsigned int i = 0; i < s->fd_count; i++)
		fd_close(s->fds[i]);
	fd_close(s->fd);
	free(s);
	return NULL;
}

void stream_freep(struct stream **s)
{
	*s = stream_free(*s);
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

bool stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

bool stream_passes_fds(const struct stream *s)
{
	return s->local && !s->tls;
}

int stream_handshake(struct stream *s)
{
	return s->ops->handshake(s);
}

ssize_t stream_read(struct stream *s, void *buf, size_t len)
{
	return s->ops->read(s, buf, len);
}

ssize_t stream_write(struct stream *s, const void *buf, size_t len)
{
	return s->ops->write(s, buf, len);
}

size_t stream_pending(const struct stream *s)
{
	return s->ops->pending(s);
}

/* ------------------------------------------------------------------ descriptors */

static void keep_fd(struct stream *s, int fd)
{
	if (s->fd_count == STREAM_FDS_MAX)
		fd_close(fd);
	else
		s->fds[s->fd_count++] = fd;
}

static void collect_fds(struct stream *s, struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			keep_fd(s, fd);
		}
	}
}

int stream_take_fd(struct stream *s)
{
	int fd;

	if (s->fd_count == 0)
		return -1;
	fd = s->fds[0];
	s->fd_count--;
	memmove(s->fds, s->fds + 1, s->fd_count * sizeof(s->fds[0]));
	return fd;
}

unsigned int stream_fd_count(const struct stream *s)
{
	return s->fd_count;
}

ssize_t stream_write_fd(struct stream *s, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	ssize_t n;

	if (!stream_passes_fds(s) || len == 0)
		return -EINVAL;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	do
		n = sendmsg(s->fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* ------------------------------------------------------------------ plain streams */

static int plain_handshake(struct stream *s)
{
	(void)s;
	return 0;
}

static ssize_t plain_read(struct stream *s, void *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(SCM_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do {
		if (s->local) {
			mh.msg_control = control.buf;
			mh.msg_controllen = sizeof(control.buf);
		}
		n = recvmsg(s->fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (s->local)
		collect_fds(s, &mh);
	return n;
}

static ssize_t plain_write(struct stream *s, const void *buf, size_t len)
{
	ssize_t n;

	do
		n = send(s->fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static size_t plain_pending(const struct stream *s)
{
	(void)s;
	return 0;
}

static void plain_done(struct stream *s)
{
	(void)s;
}

static const struct stream_ops plain_ops = {
	.handshake = plain_handshake,
	.read = plain_read,
	.write = plain_write,
	.pending = plain_pending,
	.done = plain_done,
};

int stream_new_plain(struct stream **ret, int fd)
{
	return stream_new(ret, fd, &plain_ops);
}

/* ------------------------------------------------------------------ blocking calls */

static int wait_for(const struct stream *s, short events, int timeout_ms)
{
	struct pollfd p = {.fd = s->fd, .events = events};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

int stream_handshake_full(struct stream *s, int timeout_ms)
{
	int64_t end = clock_ms() + timeout_ms, left = timeout_ms;

	for (;;) {
		int r = stream_handshake(s);

		if (r <= 0)
			return r;
		if (timeout_ms >= 0) {
			left = end - clock_ms();
			if (left <= 0)
				return -ETIMEDOUT;
		}
		r = wait_for(s, r == STREAM_E_WANT_WRITE ? POLLOUT : POLLIN, (int)left);
		if (r < 0)
			return r;
	}
}

int stream_read_full(struct stream *s, void *buf, size_t len, int timeout_ms)
{
	char *p = buf;

	while (len) {
		ssize_t n = stream_read(s, p, len);

		if (n == -EAGAIN) {
			int r = wait_for(s, POLLIN, timeout_ms);

			if (r < 0)
				return r;
			continue;
		}
		if (n <= 0)
			return n < 0 ? (int)n : -ECONNRESET;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int stream_write_full(struct stream *s, const void *buf, size_t len, int timeout_ms)
{
	const char *p = buf;

	while (len) {
		ssize_t n = stream_write(s, p, len);

		if (n == -EAGAIN) {
			int r = wait_for(s, POLLOUT, timeout_ms);

			if (r < 0)
				return r;
			continue;
		}
		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
