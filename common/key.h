/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cluster key: 32 random bytes, kept as 64 hex digits and a newline in a file that only its
 * owner may read. Each use has a key of its own, derived by HKDF-SHA256 (RFC 5869).
 */
#ifndef MOSIX_COMMON_KEY_H
#define MOSIX_COMMON_KEY_H

#include "common/err.h"
#include <stddef.h>
#include <stdint.h>

#define KEY_SIZE 32

/* 0; -ENOENT; -EACCES when others may read or write it; -EINVAL when it is not a key. */
int key_load(const char *path, uint8_t ret[KEY_SIZE], struct err *e);
/* Makes a new one, mode 0600; -EEXIST when the file is there. */
int key_create(const char *path, struct err *e);
/* @label: "peer", "mfs", … */
int key_derive(const uint8_t key[KEY_SIZE], const char *label, uint8_t ret[KEY_SIZE]);
int key_random(uint8_t *ret, size_t len);

#endif
