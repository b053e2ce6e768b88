/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cards and claims to numbers: what is accepted can be used as it is, and packs to what would be
 * understood in the same way.
 */
#include <string.h>

#include "daemon/gossip_card_wire.h"
#include "test/fuzz/fuzz.h"

static void check_card(const uint8_t *data, size_t size)
{
	uint8_t again[CARD_MAX];
	struct card c;
	size_t len;

	if (!card_unpack(data, size, &c))
		return;
	fuzz_check(c.number && c.port && strlen(c.name) <= CARD_NAME_MAX);
	fuzz_check(!strpbrk(c.name, "/ \n\033"));
	len = card_pack(&c, again);
	fuzz_check(len <= size);
	/* Any number but 0 means busy; the kind is the caller's to look at. */
	again[0] = data[0];
	fuzz_check(!again[21] == !data[21]);
	again[21] = data[21];
	fuzz_check(memcmp(again, data, len) == 0);
}

static void check_claim(const uint8_t *data, size_t size, enum card_kind kind)
{
	uint8_t again[CLAIM_SIZE];
	uint32_t number;
	uint64_t whose;

	if (!claim_unpack(data, size, kind, &number, &whose))
		return;
	claim_pack(again, kind, number, whose);
	fuzz_check(memcmp(again, data, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_card(data, size);
	check_claim(data, size, JOIN_ASK);
	check_claim(data, size, JOIN_ANSWER);
	check_claim(data, size, CARD_CONFLICT);
	return 0;
}
