/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a connection to a peer and finding again what was open there.
 */
#ifndef MOSIX_MFSFUSE_CLI_CONNECT_H
#define MOSIX_MFSFUSE_CLI_CONNECT_H

#include "mfsfuse/cli.h"

/* Blocks for some seconds at most. *ret is ready for calls. 0 or a negative errno. */
int peer_connect(struct peer *p, struct stream **ret);

/* A call of the peer's thread while nobody else uses the stream. The reply's body (at most @room
 * bytes) goes to @body. 0, or a negative errno when the connection is broken; the server's answer
 * in @ret. */
int call_sync(struct stream *s, struct mfs_hdr *h, const struct mfs_out *out, struct mfs_hdr *ret,
	      uint8_t *body, size_t room);

/* The server has lost our session: opens again what was open, and locks what was locked. What is
 * lost gives errors from now on. 0, or a negative errno when the connection is broken. */
int reopen_files(struct peer *p, struct stream *s);

#endif
