/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gossip datagrams as bytes: fixed layout, little-endian, 40 bytes per entry. What is around them
 * (seal, sender, sessions) is the daemon's.
 */
#ifndef MOSIX_POLICY_GOSSIP_WIRE_H
#define MOSIX_POLICY_GOSSIP_WIRE_H

#include "policy/gossip.h"

enum {
	GOSSIP_WIRE_HEAD = 13,
	GOSSIP_WIRE_ENTRY = 40,
	GOSSIP_WIRE_UPDATE = 9,
	GOSSIP_WIRE_AROUND = 28 + 42, /* IPv4 and UDP headers; seal, sender and sessions */
	GOSSIP_WIRE_MAX = 1330,       /* packed; with all around it: 1400 */
};

/* How many bytes gossip_pack() makes of it. What it costs on the network: + GOSSIP_WIRE_AROUND. */
size_t gossip_size(const struct gossip_datagram *dg);
/* Bytes written; 0 if they were more than @size. Numbers too large are saturated. */
size_t gossip_pack(const struct gossip_datagram *dg, uint8_t *buf, size_t size);

/* Room for what gossip_unpack() finds. */
struct gossip_unpacked {
	struct gossip_datagram
		dg; /* points to the arrays below; dg.from is for the caller to set */
	struct gossip_entry entries[GOSSIP_WINDOW_MAX];
	struct gossip_update updates[GOSSIP_UPDATES_MAX];
};

/* 0, or -EPROTO: not a datagram (too short, too long, counts or numbers out of range). */
int gossip_unpack(const uint8_t *buf, size_t len, struct gossip_unpacked *ret);

#endif
