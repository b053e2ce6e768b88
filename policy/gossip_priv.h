/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of gossip share: gossip.c (events), gossip_member.c (what is believed of members),
 * gossip_probe.c (who answers), gossip_exchange.c (datagrams). */
#ifndef MOSIX_POLICY_GOSSIP_PRIV_H
#define MOSIX_POLICY_GOSSIP_PRIV_H

#include "policy/gossip.h"
#include "policy/gossip_board.h"
#include "policy/membership.h"
#include "policy/random.h"

enum {
	PROBES_MAX = 16,      /* under way, those for others counted */
	RELAYS = 3,           /* who are asked to try a node that does not answer */
	HEALTH_MAX = 8,       /* Lifeguard's local health */
	CONFIRMATIONS = 3,    /* that shrink a suspicion to its least time */
	NEWS_KEPT = 64,       /* updates that are still spread */
	NEWS_SENT = 8,        /* of them, per datagram */
	HEARSAY_SENT = 2,     /* random members per datagram, for whom the news did not reach */
	PAGE_UPDATES = 64,    /* per SYNCED */
	LONELY_STEPS = 6,     /* without a word from anybody: this node is cut off */
	HEARD_STEPS = 4,      /* a sign of life is believed more than others' words for as long */
	CONTACT_STEPS = 5,    /* at least, between tries of those that are not alive */
	HOPE_STEPS = 10,      /* in which one dead after the other is tried, when one came back */
	EAGER_PER_STEP = 2,   /* NEWS datagrams */
	ANSWERS_PER_STEP = 6, /* in 1/8: what keeps the bytes per second within bounds … */
	ANSWERS_MAX = 32,     /* … and how many may be saved up */
	LEAVE_TELLS = 8,
	TRIES_PER_STEP = 4,     /* of members never heard of */
	SYNC_STEPS = 2,         /* between pages */
	RESYNC_STEPS = 40,      /* between rounds */
	TOMBSTONE_STEPS = 1200, /* 10 minutes */
};

struct probe {
	uint32_t id; /* 0 = free */
	uint32_t node;
	uint32_t origin, origin_id; /* who asked to try it; 0 = this node's own */
	int64_t since;              /* clock */
	bool indirect;
	uint8_t relays, nacks;
};

struct suspicion {
	uint32_t node;
	uint32_t by[CONFIRMATIONS + 1];
	uint32_t count;
	bool lonely;      /* since nobody is heard, and for no other reason */
	int64_t since;    /* clock */
	int64_t since_ms; /* true time */
};

struct spread {
	struct gossip_update update;
	uint32_t sent;
};

struct gossip {
	struct gossip_config config;
	const struct gossip_ops *ops;
	void *arg;
	struct random random;
	struct gossip_entry own;
	struct members members;
	struct board board;

	int64_t now;                  /* true time, of the event that is handled */
	int64_t last_step, next_step; /* true time */
	int64_t clock; /* time in which this node was awake, ms: what timeouts are judged by */
	int64_t heard; /* clock, when the last datagram came */
	bool lonely;   /* nobody has been heard for long */
	uint32_t step;
	uint32_t hopeful; /* steps */
	uint32_t health;
	uint32_t last_probe;
	bool left;

	struct probe probes[PROBES_MAX];
	uint32_t probe_count;
	struct suspicion *suspicions;
	uint32_t suspicion_count, suspicion_size;
	struct spread news[NEWS_KEPT];
	uint32_t news_head, news_count;

	/* during one event */
	uint32_t from;             /* whose datagram it is */
	struct gossip_update told; /* what that one should know of itself; node 0 = nothing */
	bool answered;             /* it got a datagram */
	bool refuted;              /* this node has a new incarnation */
	bool eager;                /* something is new that should not wait */
	uint32_t eager_left;       /* in this step */
	uint32_t answers;          /* that may be given, in 1/8 */

	bool sync_wanted;
	uint32_t sync_from, sync_next; /* the rest of the table is being asked of that node */
	uint32_t sync_asked;           /* what was asked last */
	uint32_t sync_step;            /* of the last page, or the end of the last round */
	uint32_t untried;              /* members never asked, about */
};

/* gossip_member.c */
void member_update(struct gossip *g, const struct gossip_update *u);
/* A datagram came from it, or something fresh about it. */
void member_heard(struct gossip *g, uint32_t node, uint32_t incarnation);
void member_entry(struct gossip *g, const struct gossip_entry *e);
void member_suspect(struct gossip *g, uint32_t node);
void suspicions_run(struct gossip *g);
/* Nobody is heard any more: all are suspected. The first datagram that comes ends that. */
void lonely_begin(struct gossip *g);
void lonely_end(struct gossip *g);
void members_sweep(struct gossip *g);
void member_remove(struct gossip *g, uint32_t node, struct member *m);
void news_add(struct gossip *g, uint32_t node, uint32_t incarnation, enum gossip_state state,
	      uint32_t by, bool eager);
uint32_t news_collect(struct gossip *g, struct gossip_update *ret, uint32_t max);

/* gossip_probe.c */
/* Its number for the datagram; 0 = too many are under way, or one for this node is. */
uint32_t probe_start(struct gossip *g, uint32_t node);
bool probe_pending(const struct gossip *g, uint32_t node);
/* Tries a node that somebody else says is not well. */
void probe_check(struct gossip *g, uint32_t node);
void probe_relay(struct gossip *g, const struct gossip_datagram *dg);
void probe_answered(struct gossip *g, const struct gossip_datagram *dg);
void probes_forget(struct gossip *g, uint32_t node);
void probes_run(struct gossip *g);

/* gossip_exchange.c */
void send_plain(struct gossip *g, uint32_t to, enum gossip_kind kind, uint32_t probe,
		uint32_t target);
void send_entries(struct gossip *g, uint32_t to, enum gossip_kind kind, uint32_t probe);
void send_eager(struct gossip *g);
void exchange_step(struct gossip *g);

#endif
