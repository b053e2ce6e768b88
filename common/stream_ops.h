/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kinds of streams have in common; only for common/stream*.c. The table keeps GnuTLS
 * out of programs that have plain streams alone.
 */
#ifndef MOSIX_COMMON_STREAM_OPS_H
#define MOSIX_COMMON_STREAM_OPS_H

#include "common/stream.h"

struct stream_ops {
	int (*handshake)(struct stream *s);
	ssize_t (*read)(struct stream *s, void *buf, size_t len);
	ssize_t (*write)(struct stream *s, const void *buf, size_t len);
	size_t (*pending)(const struct stream *s);
	/* Releases all but the descriptor. */
	void (*done)(struct stream *s);
};

struct stream {
	const struct stream_ops *ops;
	int fd;
	bool local; /* AF_UNIX: descriptors can be passed */
	int fds[STREAM_FDS_MAX];
	unsigned int fd_count;
	void *tls; /* struct tls, see stream_tls.c */
};

/* Takes @fd in any case. */
int stream_new(struct stream **ret, int fd, const struct stream_ops *ops);

#endif
