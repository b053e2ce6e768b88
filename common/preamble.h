/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first bytes on every connection to a daemon's port, in clear: what it is for. They let one
 * port serve the daemon, the migration workers and the file server, each of which does its own
 * TLS handshake. They carry no authority: a connection gets nothing before the handshake.
 */
#ifndef MOSIX_COMMON_PREAMBLE_H
#define MOSIX_COMMON_PREAMBLE_H

#include <stdint.h>

#define PREAMBLE_SIZE 24
#define PREAMBLE_TOKEN 16

enum preamble_kind {
	PREAMBLE_PEER = 1, /* daemon to daemon, token all zero */
	PREAMBLE_BULK = 2, /* images of a move; token from MovePrepared */
	PREAMBLE_MFS = 3,  /* mfs client to mfs server, token all zero */
};

struct preamble {
	enum preamble_kind kind;
	uint8_t token[PREAMBLE_TOKEN];
};

void preamble_pack(const struct preamble *p, uint8_t ret[PREAMBLE_SIZE]);
/* 0 or -EPROTO. */
int preamble_unpack(const uint8_t buf[PREAMBLE_SIZE], struct preamble *ret);

#endif
