/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sealed datagrams: AES-256-SIV-GCM (RFC 8452), which stays safe if a nonce should ever come twice.
 */
#ifndef MOSIX_COMMON_SEAL_H
#define MOSIX_COMMON_SEAL_H

#include "common/key.h"
#include <stddef.h>
#include <stdint.h>

enum { SEAL_NONCE = 12, SEAL_TAG = 16 };

struct seal;

/* 0 or -EIO, -ENOMEM. */
int seal_new(struct seal **ret, const uint8_t key[KEY_SIZE]);
struct seal *seal_free(struct seal *s); /* returns NULL */
/* Seals @len bytes of @in into @out, SEAL_TAG more; @about is authentic as well, but not hidden. 0
 * or -EIO. */
int seal_close(struct seal *s, const uint8_t nonce[SEAL_NONCE], const void *about, size_t about_len,
	       const void *in, size_t len, uint8_t *out);
/* The reverse; @len with the tag. 0, or -EBADMSG: not sealed with this key, or changed. */
int seal_open(struct seal *s, const uint8_t nonce[SEAL_NONCE], const void *about, size_t about_len,
	      const uint8_t *in, size_t len, void *out);

#endif
