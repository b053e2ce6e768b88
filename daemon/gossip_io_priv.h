/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of gossip on the network share: gossip_io.c (time and news), gossip_net.c (the
 * socket), gossip_card.c (addresses and names), gossip_join.c (the own number). */
#ifndef MOSIX_DAEMON_GOSSIP_IO_PRIV_H
#define MOSIX_DAEMON_GOSSIP_IO_PRIV_H

#include "daemon/gossip_card_wire.h"
#include "daemon/gossip_io.h"
#include "daemon/gossip_session.h"
#include "policy/gossip_wire.h"
#include <ev.h>

#define JOIN_ASK_SIZE 24

/* The last datagrams, which are sent again when their receiver turns out to have a new session. */
#define SENT_KEPT 8
struct sent {
	uint32_t counter;
	size_t len;
	uint8_t body[SESSION_BODY_MAX];
};

struct gossip_io {
	struct mosixd *d;
	struct gossip *g;
	struct sessions *sessions;
	uint64_t identity;
	struct ev_io io;
	struct ev_timer tick;
	struct sent sent[SENT_KEPT];
	unsigned int next_sent;
	unsigned int ticks;
	struct gossip_news *news; /* to be handled when gossip has returned */
	size_t news_count, news_size;
	bool left;
};

int64_t gossip_now_ms(void);

/* gossip_net.c */
int gossip_net_open(struct mosixd *d, struct err *e);
void gossip_net_close(struct gossip_io *io);
/* Of a known address; else its card is asked for, and the datagram is lost. */
void gossip_net_send(struct gossip_io *io, uint32_t to, const uint8_t *body, size_t len);
void gossip_net_send_addr(struct gossip_io *io, uint32_t to, const struct sockaddr_in *addr,
			  const uint8_t *body, size_t len);

/* gossip_io.c */
void gossip_io_datagram(struct gossip_io *io, const struct session_opened *o);
/* A hello told that @number is at @addr. */
void gossip_io_met(struct gossip_io *io, uint32_t number, const struct sockaddr_in *addr);

/* gossip_card.c */
void card_send(struct gossip_io *io, uint32_t to);
void card_ask(struct gossip_io *io, uint32_t about, uint32_t whom);
/* True: it was one of the kinds of card_kind. */
bool card_receive(struct gossip_io *io, const struct session_opened *o);
/* A question from one that has no session. */
void card_stranger(struct gossip_io *io, const struct session_opened *o,
		   const struct sockaddr_in *from);

/* gossip_join.c: /var/lib/mosix/node */
int identity_load(uint64_t *ret_identity, uint32_t *ret_number, struct err *e);
int identity_save(uint64_t identity, uint32_t number, struct err *e);

#endif
