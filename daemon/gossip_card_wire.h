/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cards, and who says which number is whose, as bodies of datagrams. No I/O. */
#ifndef MOSIX_DAEMON_GOSSIP_CARD_WIRE_H
#define MOSIX_DAEMON_GOSSIP_CARD_WIRE_H

#include "daemon/gossip_session.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum card_kind {
	CARD = SESSION_OTHER,
	CARD_ASK,
	JOIN_ASK,
	JOIN_ANSWER,
	CARD_CONFLICT,
};

enum {
	CARD_NAME_MAX = 63,
	CARD_SIZE = 1 + 2 + 8 + 4 + 2 + 4 + 1 + 1, /* without the name */
	CARD_MAX = CARD_SIZE + CARD_NAME_MAX,
	CLAIM_SIZE = 1 + 2 + 8,
};

struct card {
	uint32_t number;
	uint64_t identity;
	struct in_addr addr; /* 0: as the receiver sees it */
	uint16_t port;
	uint32_t incarnation;
	bool busy; /* has jobs or guests: cannot have another number */
	char name[CARD_NAME_MAX + 1];
};

/* @p: CARD_MAX bytes. How many it takes. */
size_t card_pack(const struct card *c, uint8_t *p);
/* False: not a card. */
bool card_unpack(const uint8_t *p, size_t len, struct card *c);

/* So begin JOIN_ASK and CARD_CONFLICT, with the identity that wants the number or is not to have
 * it, and JOIN_ANSWER, with the session of who asked. @p: CLAIM_SIZE bytes. */
void claim_pack(uint8_t *p, enum card_kind kind, uint32_t number, uint64_t whose);
/* False: not of that kind, or too short. */
bool claim_unpack(const uint8_t *p, size_t len, enum card_kind kind, uint32_t *ret_number,
		  uint64_t *ret_whose);

#endif
