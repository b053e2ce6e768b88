/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gossip: what is accepted packs to the very same bytes, and a node that takes it in stays sane.
 */
#include <errno.h>
#include <string.h>

#include "policy/gossip_wire.h"
#include "test/fuzz/fuzz.h"

static void on_send(void *arg, uint32_t to, const struct gossip_datagram *dg)
{
	uint8_t buf[GOSSIP_WIRE_MAX];

	(void)to;
	fuzz_check(++*(unsigned int *)arg < 50);
	fuzz_check(gossip_pack(dg, buf, sizeof(buf)) == gossip_size(dg));
}

static void take_in(struct gossip_datagram *dg)
{
	const struct gossip_ops ops = {.send = on_send};
	struct gossip_config c;
	unsigned int sent = 0;
	struct gossip *g;

	gossip_config_init(&c, 1, 1);
	g = gossip_new(&c, 1, 0, &ops, &sent);
	fuzz_check(g && gossip_add(g, 2, true, false) == 0);
	dg->from = 2;
	gossip_receive(g, 100, dg);
	sent = 0;
	gossip_tick(g, 600);
	gossip_receive(g, 700, dg);
	for (int64_t now = 1000; now < 20000; now += 500) {
		sent = 0;
		gossip_tick(g, now);
	}
	fuzz_check(gossip_alive(g) >= 1 && gossip_alive(g) <= gossip_members(g));
	gossip_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gossip_unpacked u;
	uint8_t again[GOSSIP_WIRE_MAX];
	int r = gossip_unpack(data, size, &u);

	if (r < 0) {
		fuzz_check(r == -EPROTO);
		return 0;
	}
	if (size <= sizeof(again)) {
		fuzz_check(gossip_pack(&u.dg, again, sizeof(again)) == size);
		fuzz_check(memcmp(again, data, size) == 0);
	}
	take_in(&u.dg);
	return 0;
}
