/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image files on the wire: frames with a 16-byte little-endian header {u16 kind; u16 zero;
 * u32 id; u32 len; u32 zero}, then the body.
 *
 *	STATE  body = the guest's blob; first and once
 *	EXTRA  body = worker.Extra; once
 *	FILE   body = name; ids count from 0
 *	DATA   body = the next bytes of file @id
 *	END    body = u64 size, u64 XXH3 of file @id
 *	DONE   body = u64 number of files, u64 bytes of all DATA
 *	OK     from the receiver: everything is there and right
 *	FAIL   from the receiver: body = one sentence
 *
 * Page images are sent while criu writes them, all others when it has finished. Both ends are
 * non-blocking: pump when the stream is readable or writable.
 */
#ifndef MOSIX_CKPT_XFER_H
#define MOSIX_CKPT_XFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/stream.h"

#define XFER_HEADER 16
#define XFER_DATA_MAX (1u << 20)
#define XFER_EXTRA_MAX (2u << 20)
#define XFER_FILES_MAX 65536u

enum xfer_kind {
	XFER_STATE = 1,
	XFER_EXTRA,
	XFER_FILE,
	XFER_DATA,
	XFER_END,
	XFER_DONE,
	XFER_OK,
	XFER_FAIL,
	_XFER_KIND_MAX,
};

struct xfer_head {
	enum xfer_kind kind;
	uint32_t id;
	uint32_t len;
};

void xfer_head_pack(const struct xfer_head *h, uint8_t ret[XFER_HEADER]);
/* 0 or -EPROTO; checks what each kind may have for a length. */
int xfer_head_unpack(const uint8_t buf[XFER_HEADER], struct xfer_head *ret);

/* ---------------------------------------------------------------- the source */

struct xfer_sender;

/* @stream and the directory are borrowed. */
int xfer_sender_new(struct xfer_sender **ret, struct stream *s, int dir);
struct xfer_sender *xfer_sender_free(struct xfer_sender *x);
/* Queues STATE or EXTRA; the data is copied. */
int xfer_sender_blob(struct xfer_sender *x, enum xfer_kind kind, const void *data, size_t len);
/* Looks for page images that criu has begun; to be called now and then while it works. */
int xfer_sender_look(struct xfer_sender *x);
/* criu has finished: every file goes out, then DONE. */
int xfer_sender_finish(struct xfer_sender *x);
/* Writes as much as goes: 1 = everything incl. DONE is written; 0 = not yet; or negative. */
int xfer_sender_pump(struct xfer_sender *x);
bool xfer_sender_wants_write(const struct xfer_sender *x);
uint64_t xfer_sender_bytes(const struct xfer_sender *x);
/* The receiver's answer: 1 = OK, 0 = none yet, negative = FAIL (sentence in @e) or broken. */
int xfer_sender_answer(struct xfer_sender *x, struct err *e);

/* ----------------------------------------------------------- the destination */

struct xfer_receiver;

enum {
	_XFER_MORE,
	XFER_GOT_STATE, /* see xfer_receiver_state() */
	XFER_GOT_ALL,   /* every file complete and right */
};

/* At most @max_bytes of images are taken. */
int xfer_receiver_new(struct xfer_receiver **ret, struct stream *s, int dir, uint64_t max_bytes);
struct xfer_receiver *xfer_receiver_free(struct xfer_receiver *x);
/* 0 = wait for more; XFER_GOT_*: call again; or negative with a sentence. */
int xfer_receiver_pump(struct xfer_receiver *x, struct err *e);
uint64_t xfer_receiver_bytes(const struct xfer_receiver *x);
const uint8_t *xfer_receiver_state(const struct xfer_receiver *x, size_t *ret_len);
const uint8_t *xfer_receiver_extra(const struct xfer_receiver *x, size_t *ret_len);
/* Sends OK, or FAIL with @why. */
int xfer_receiver_answer(struct xfer_receiver *x, const struct err *why, int timeout_ms);

#endif
