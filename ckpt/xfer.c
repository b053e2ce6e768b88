/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers of image frames. */
#include "ckpt/xfer.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "ckpt/engine.h"
#include "ckpt/images.h"

static const struct {
	uint32_t min, max;
} lengths[_XFER_KIND_MAX] = {
	[XFER_STATE] = {0, ENGINE_STATE_MAX},
	[XFER_EXTRA] = {0, XFER_EXTRA_MAX},
	[XFER_FILE] = {1, IMAGE_NAME_MAX - 1},
	[XFER_DATA] = {1, XFER_DATA_MAX},
	[XFER_END] = {16, 16},
	[XFER_DONE] = {16, 16},
	[XFER_OK] = {0, 0},
	[XFER_FAIL] = {0, ERR_MAX - 1},
};

void xfer_head_pack(const struct xfer_head *h, uint8_t ret[XFER_HEADER])
{
	uint16_t kind = htole16((uint16_t)h->kind);
	uint32_t id = htole32(h->id), len = htole32(h->len);

	memset(ret, 0, XFER_HEADER);
	memcpy(ret, &kind, sizeof(kind));
	memcpy(ret + 4, &id, sizeof(id));
	memcpy(ret + 8, &len, sizeof(len));
}

int xfer_head_unpack(const uint8_t buf[XFER_HEADER], struct xfer_head *ret)
{
	static const uint8_t zero[4];
	uint16_t kind;
	uint32_t id, len;

	memcpy(&kind, buf, sizeof(kind));
	memcpy(&id, buf + 4, sizeof(id));
	memcpy(&len, buf + 8, sizeof(len));
	kind = le16toh(kind);
	id = le32toh(id);
	len = le32toh(len);
	if (memcmp(buf + 2, zero, 2) != 0 || memcmp(buf + 12, zero, 4) != 0)
		return -EPROTO;
	if (kind == 0 || kind >= _XFER_KIND_MAX || id >= XFER_FILES_MAX)
		return -EPROTO;
	if (len < lengths[kind].min || len > lengths[kind].max)
		return -EPROTO;
	ret->kind = (enum xfer_kind)kind;
	ret->id = id;
	ret->len = len;
	return 0;
}
