/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * criu's image files: two magic numbers, then entries of {u32 size; protobuf}, little-endian.
 */
#ifndef MOSIX_CKPT_IMAGE_H
#define MOSIX_CKPT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_HEADER 8
#define IMAGE_MAGIC_COMMON 0x54564319u /* of all kinds; then: */
#define IMAGE_MAGIC_CORE 0x55053847u
#define IMAGE_MAGIC_FILES 0x56303138u
#define IMAGE_MAGIC_REMAP_FPATH 0x59133954u
#define IMAGE_MAGIC_FILE_LOCKS 0x54323616u

/* Is it an image of that kind? */
int image_check(const uint8_t *img, size_t len, uint32_t magic); /* 0 or -EBADMSG */

/* The next entry: *pos starts at IMAGE_HEADER. 1 = *ret points into @img; 0 = end; -EBADMSG. */
int image_next(const uint8_t *img, size_t len, size_t *pos, const uint8_t **ret, size_t *ret_len);

#endif
