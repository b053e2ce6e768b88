/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking image files apart. */
#include "ckpt/image.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

int image_check(const uint8_t *img, size_t len, uint32_t magic)
{
	if (len < IMAGE_HEADER || get32(img) != IMAGE_MAGIC_COMMON || get32(img + 4) != magic)
		return -EBADMSG;
	return 0;
}

int image_next(const uint8_t *img, size_t len, size_t *pos, const uint8_t **ret, size_t *ret_len)
{
	size_t left = len - *pos, size;

	if (!left)
		return 0;
	if (left < sizeof(uint32_t))
		return -EBADMSG;
	size = get32(img + *pos);
	if (size > left - sizeof(uint32_t))
		return -EBADMSG;
	*ret = img + *pos + sizeof(uint32_t);
	*ret_len = size;
	*pos += sizeof(uint32_t) + size;
	return 1;
}
