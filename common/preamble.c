/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The preamble: "MOSIX", version, kind, a zero byte, then the token.
 */
#include "common/preamble.h"

#include <errno.h>
#include <string.h>

static const uint8_t magic[6] = {'M', 'O', 'S', 'I', 'X', 1};

void preamble_pack(const struct preamble *p, uint8_t ret[PREAMBLE_SIZE])
{
	memcpy(ret, magic, sizeof(magic));
	ret[6] = (uint8_t)p->kind;
	ret[7] = 0;
	memcpy(ret + 8, p->token, PREAMBLE_TOKEN);
}

int preamble_unpack(const uint8_t buf[PREAMBLE_SIZE], struct preamble *ret)
{
	static const uint8_t none[PREAMBLE_TOKEN];
	uint8_t kind = buf[6];

	if (memcmp(buf, magic, sizeof(magic)) != 0 || buf[7] != 0)
		return -EPROTO;
	if (kind < PREAMBLE_PEER || kind > PREAMBLE_MFS)
		return -EPROTO;
	if (kind != PREAMBLE_BULK && memcmp(buf + 8, none, sizeof(none)) != 0)
		return -EPROTO;
	ret->kind = (enum preamble_kind)kind;
	memcpy(ret->token, buf + 8, PREAMBLE_TOKEN);
	return 0;
}
