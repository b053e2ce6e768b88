/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules for every message type: what its body is, how large it may be, and on which kind of
 * connection and in which phase it may arrive. Every receiver asks message_check() before it
 * looks at a body.
 */
#ifndef MOSIX_PROTO_MESSAGES_H
#define MOSIX_PROTO_MESSAGES_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_MAX (4u << 20) /* no body is larger; as CHAN_FRAME_MAX */

/* Who sends to whom. */
enum conn_kind {
	CONN_FROM_PEER,  /* another daemon to this one */
	CONN_FROM_USER,  /* mosix-run or mosixctl to the daemon */
	CONN_TO_USER,    /* the daemon to mosix-run or mosixctl */
	CONN_FROM_GUEST, /* a guest process to its daemon */
	CONN_TO_GUEST,   /* the daemon to a guest process */
	CONN_FROM_MFS,   /* a file-system process to its daemon */
	CONN_TO_MFS,     /* the daemon to a file-system process */
	CONN_LINK,       /* deputy and guest, both at home: their socketpair */
};

enum phase {
	PHASE_START, /* nothing has arrived yet: the sender must say who it is or what it wants */
	PHASE_OPEN,
};

struct message_info {
	const char *name;                             /* as in mosix.proto, without MSG_ */
	const ProtobufCMessageDescriptor *descriptor; /* NULL: the body is raw */
	uint32_t max;                                 /* bytes of body */
	uint16_t start, open; /* 1 << conn_kind: where allowed in that phase */
};

/* NULL for a type that does not exist. */
const struct message_info *message_info(uint16_t type);
/* "HELLO", or "?": for logs. */
const char *message_name(uint16_t type);
/* 0; -EPROTO = no such type, or not here and now; -EMSGSIZE = too long. */
int message_check(enum conn_kind kind, enum phase phase, uint16_t type, size_t len);

#endif
