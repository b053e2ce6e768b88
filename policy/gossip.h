/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gossip: who is in the cluster, alive or not, and how loaded it is. Each step a node gives its
 * freshest entries to a random node, or takes those of the node that it has heard least of; each
 * exchange is a probe as well, and carries news of members along. Pure: events go in as calls with
 * the time, actions come out as calls of struct gossip_ops; chance from a seed.
 *
 * Sources: Amar, Barak, Drezner, Okun, "Randomized gossip algorithms for maintaining a distributed
 * bulletin board with guaranteed age properties"; Das, Gupta, Motivala, "SWIM: Scalable
 * weakly-consistent infection-style process group membership protocol"; Dadgar, Phillips, Currey,
 * "Lifeguard: local health awareness for more accurate failure detection".
 */
#ifndef MOSIX_POLICY_GOSSIP_H
#define MOSIX_POLICY_GOSSIP_H

#include "policy/facts.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GOSSIP_NODE_MAX = 65535, /* numbers of nodes: 1 … */
	GOSSIP_STEP_MS = 500,
	GOSSIP_WINDOW = 26,       /* entries per datagram, the sender's own counted: ≤ 3 kB/s */
	GOSSIP_WINDOW_MAX = 64,   /* … at most */
	GOSSIP_BOARD = 1024,      /* entries kept */
	GOSSIP_UPDATES_MAX = 128, /* per datagram */
};

enum gossip_state {
	GOSSIP_UNKNOWN, /* said to exist (map, seed), never heard of */
	GOSSIP_ALIVE,
	GOSSIP_SUSPECT, /* does not answer; counts as alive until it is declared dead */
	GOSSIP_DEAD,
	GOSSIP_LEFT, /* in order */
	GOSSIP_STATES,
};

const char *gossip_state_name(enum gossip_state s);

/* What a node said of its load. facts.age_ms: since it said so, at the time of sending. */
struct gossip_entry {
	struct node_facts facts;
	uint32_t incarnation;
	uint32_t seq; /* within an incarnation: higher is newer */
};

/* News of a member. */
struct gossip_update {
	uint32_t node;
	uint32_t incarnation;
	uint32_t by; /* GOSSIP_SUSPECT: who suspects it */
	enum gossip_state state;
};

enum gossip_kind {
	GOSSIP_PUSH,   /* entries, updates; answered by ACK */
	GOSSIP_ACK,    /* of PUSH, PING, RELAY: updates */
	GOSSIP_PULL,   /* asks for ANSWER */
	GOSSIP_ANSWER, /* entries, updates */
	GOSSIP_PING,   /* answered by ACK */
	GOSSIP_RELAY,  /* please ping `target` for me; answered by ACK, or NACK if it is silent */
	GOSSIP_NACK,
	GOSSIP_NEWS,   /* updates that should not wait */
	GOSSIP_SYNC,   /* asks for a page of all members from number `target` on */
	GOSSIP_SYNCED, /* updates: the page; `target`: where the next begins, 0 = end */
	GOSSIP_KINDS,
};

/* Entries and updates are borrowed: copy what is to outlive the call. */
struct gossip_datagram {
	enum gossip_kind kind;
	uint32_t from;
	uint32_t incarnation; /* of the sender */
	uint32_t probe;       /* chosen by who asks, repeated in the answer; 0 = none */
	uint32_t target;      /* RELAY, SYNC, SYNCED */
	uint32_t entry_count, update_count;
	const struct gossip_entry *entries;
	const struct gossip_update *updates;
};

/* A change in what this node believes of another. */
struct gossip_news {
	uint32_t node;
	enum gossip_state was, is; /* was UNKNOWN and is ALIVE: it joined */
	uint32_t incarnation;
	uint32_t from; /* who told; self = found out here */
	bool added;    /* was not a member until now */
};

/* Called during gossip_tick(), gossip_receive(), …; must not call back into the same gossip. */
struct gossip_ops {
	void (*send)(void *arg, uint32_t to, const struct gossip_datagram *dg);
	void (*news)(void *arg, const struct gossip_news *news); /* may be NULL */
};

struct gossip_config {
	uint32_t self;        /* node */
	uint32_t incarnation; /* higher than in its earlier lives, e.g. seconds since the epoch */
	uint32_t step_ms;
	uint32_t window;
	uint32_t board;
};

struct gossip;

/* The defaults. */
void gossip_config_init(struct gossip_config *c, uint32_t self, uint32_t incarnation);
/* NULL if there is no memory. @ops is not copied. */
struct gossip *gossip_new(const struct gossip_config *c, uint64_t seed, int64_t now_ms,
			  const struct gossip_ops *ops, void *arg);
struct gossip *gossip_free(struct gossip *g); /* returns NULL */

/* ------------------------------------------------------------------ events */

/* Call it each step_ms or more often; at most one step is made per call. After a longer pause (this
 * node hung) nobody is judged by the time that it did not see. Times are monotonic. */
void gossip_tick(struct gossip *g, int64_t now_ms);
/* A datagram of another node, authentic and not a repetition. What is not plausible in it is
 * ignored. */
void gossip_receive(struct gossip *g, int64_t now_ms, const struct gossip_datagram *dg);
/* This node's own facts (facts.node and age_ms are set here). */
void gossip_set_facts(struct gossip *g, const struct node_facts *own);
/* A member by other means than gossip: map, seed, hello. @alive: take it as alive at once (the
 * simulator starts so); else it is UNKNOWN until heard. @keep: never forgotten when dead. Without
 * effect but for @keep if it is a member already. 0 or -ENOMEM; -EINVAL for bad numbers. */
int gossip_add(struct gossip *g, uint32_t node, bool alive, bool keep);
/* No longer a member (gone from the map), unless it is heard of again. */
void gossip_remove(struct gossip *g, uint32_t node);
/* This node goes in order: tells others at once. Afterwards ticks and datagrams do nothing. */
void gossip_leave(struct gossip *g, int64_t now_ms);

/* ------------------------------------------------------------------ what is known */

/* GOSSIP_UNKNOWN also for those that are not members; this node itself is alive. */
enum gossip_state gossip_state(const struct gossip *g, uint32_t node, uint32_t *ret_incarnation);
uint32_t gossip_alive(const struct gossip *g);   /* alive and suspect ones, this one counted */
uint32_t gossip_members(const struct gossip *g); /* in any state, this one counted */
uint32_t gossip_incarnation(const struct gossip *g);
/* Timeouts are multiplied by 1 + this: 0 = this node hears and answers well, at most 8. */
uint32_t gossip_health(const struct gossip *g);
/* Facts of others that are alive or suspect, freshest first, age_ms set; how many. */
size_t gossip_facts(const struct gossip *g, int64_t now_ms, struct node_facts *ret, size_t max);
/* Of one node; false if the board has none. */
bool gossip_facts_of(const struct gossip *g, int64_t now_ms, uint32_t node, struct node_facts *ret);
/* Bytes of memory in use, for the simulator's report. */
size_t gossip_memory(const struct gossip *g);

#endif
