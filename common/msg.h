/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protobuf messages on channels. Unpacking has a bounded budget of memory, so that a hostile
 * body cannot make us allocate more than a small multiple of its own size.
 */
#ifndef MOSIX_COMMON_MSG_H
#define MOSIX_COMMON_MSG_H

#include "common/chan.h"
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Packs and queues; as chan_send(). @m is borrowed. */
int msg_send(struct chan *c, uint16_t type, const ProtobufCMessage *m, int fd);

/* Unpacks @len bytes as @d. Returns NULL if they are not a message of that kind or ask for too
 * much memory. A string ends at its first NUL, bytes do not: check them. Free with msg_free(). */
void *msg_unpack(const ProtobufCMessageDescriptor *d, const void *body, size_t len);
void msg_free(void *m);
void msg_freep(void *m); /* for _cleanup_: takes the address of the pointer */

/* Packs into a new buffer, the caller's. 0 or -ENOMEM. */
int msg_pack(const ProtobufCMessage *m, uint8_t **ret, size_t *ret_len);

#endif
