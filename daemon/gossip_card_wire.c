/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cards and numbers as bytes. */
#include "daemon/gossip_card_wire.h"

#include <ctype.h>
#include <endian.h>
#include <string.h>

size_t card_pack(const struct card *c, uint8_t *p)
{
	uint16_t number = htole16((uint16_t)c->number), port = htole16(c->port);
	uint64_t identity = htole64(c->identity);
	uint32_t incarnation = htole32(c->incarnation);
	size_t len = strlen(c->name);

	p[0] = CARD;
	memcpy(p + 1, &number, 2);
	memcpy(p + 3, &identity, 8);
	memcpy(p + 11, &c->addr, 4);
	memcpy(p + 15, &port, 2);
	memcpy(p + 17, &incarnation, 4);
	p[21] = c->busy;
	p[22] = (uint8_t)len;
	memcpy(p + CARD_SIZE, c->name, len);
	return CARD_SIZE + len;
}

static bool name_ok(const char *name)
{
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr(".-_", *name))
			return false;
	return true;
}

bool card_unpack(const uint8_t *p, size_t len, struct card *c)
{
	uint16_t number, port;
	uint64_t identity;
	uint32_t incarnation;

	if (len < CARD_SIZE || p[22] > CARD_NAME_MAX || len < CARD_SIZE + (size_t)p[22])
		return false;
	memset(c, 0, sizeof(*c));
	memcpy(&number, p + 1, 2);
	memcpy(&identity, p + 3, 8);
	memcpy(&c->addr, p + 11, 4);
	memcpy(&port, p + 15, 2);
	memcpy(&incarnation, p + 17, 4);
	memcpy(c->name, p + CARD_SIZE, p[22]);
	c->number = le16toh(number);
	c->port = le16toh(port);
	c->identity = le64toh(identity);
	c->incarnation = le32toh(incarnation);
	c->busy = p[21];
	return c->number && c->port && strlen(c->name) == p[22] && name_ok(c->name);
}

void claim_pack(uint8_t *p, enum card_kind kind, uint32_t number, uint64_t whose)
{
	uint16_t n = htole16((uint16_t)number);
	uint64_t w = htole64(whose);

	p[0] = (uint8_t)kind;
	memcpy(p + 1, &n, 2);
	memcpy(p + 3, &w, 8);
}

bool claim_unpack(const uint8_t *p, size_t len, enum card_kind kind, uint32_t *ret_number,
		  uint64_t *ret_whose)
{
	uint16_t number;
	uint64_t whose;

	if (len < CLAIM_SIZE || p[0] != kind)
		return false;
	memcpy(&number, p + 1, 2);
	memcpy(&whose, p + 3, 8);
	*ret_number = le16toh(number);
	*ret_whose = le64toh(whose);
	return true;
}
