/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where jobs run: placement at start and migration afterwards, each node for itself, out of what
 * gossip tells it. Pure: facts go in, a decision with its numbers comes out; the clock comes with
 * the facts, chance from a seed. What a decision promised is remembered here (debits, time of
 * residence, what moves cost), nothing else is.
 *
 * What the caller does:
 *
 * - It calls balance_decide() once a second, after the samples, and at once when a move has ended
 *   (balance_moved, balance_refused): a second move may follow within the same second. While the
 *   decided job is JOB_MOVING there is no other decision.
 * - Before a job goes to another node, whether to start there or to move, that node is asked:
 *   balance_accept() there, with load_there as @claimed, or balance_claim() for a start. If it says
 *   no, balance_refused() here and ask again: balance_place() at once (up to PLACE_TRIES times,
 * then the job starts at home), balance_decide() at its next turn. What gossip knows is seconds
 * old; this is why placement is nearly as good as with fresh numbers.
 * - An answer of a peer carries its load: balance_heard() takes it, before balance_refused(). (Or
 *   it goes into the facts that the next view has, with its age.)
 * - Jobs have their number when they are placed: a refusal is remembered by it, and what was placed
 *   somewhere counts there until balance_forget() says, at home, that it has ended.
 * - The list of jobs is exact at every call, also of balance_place() and balance_accept(): a node
 *   knows who has come and gone since the last sample.
 *
 * Sources: Amir, Awerbuch, Barak, Borgstrom, Keren, "An opportunity cost approach for job
 * assignment in a scalable computing cluster" (cost); Barak & Braverman, "Memory ushering in a
 * scalable computing cluster"; Harchol-Balter & Downey, "Exploiting process lifetime distributions
 * for dynamic load balancing" (age against the cost of moving).
 */
#ifndef MOSIX_POLICY_BALANCE_H
#define MOSIX_POLICY_BALANCE_H

#include "policy/facts.h"
#include <stddef.h>

struct balance;

/* Settings; balance_config_init() gives the defaults. */
struct balance_config {
	uint32_t self;           /* node */
	double hysteresis;       /* h of the cost test: gain must exceed (1 + h) times the price */
	uint32_t residency_ms;   /* a job that came stays as long, unless memory or owner say no */
	uint32_t home_threshold; /* load index below which new jobs stay at home; 0 = never */
	uint32_t memory_reserve; /* MiB that are to stay free on a node; 0 = 5 %, at least 64 */
	uint32_t near_load;      /* load units within which candidates are as good as the best */
};

void balance_config_init(struct balance_config *c, uint32_t self);

/* NULL if there is no memory. @with: NULL, or a balancer that will outlive this one: the room for
 * what a decision looks at is shared with it, for programs that have thousands of them. */
struct balance *balance_new(const struct balance_config *c, uint64_t seed, struct balance *with);
struct balance *balance_free(struct balance *b); /* returns NULL */
void balance_configure(struct balance *b, const struct balance_config *c);

/* What is known at this moment. Nothing is kept of it. */
struct balance_view {
	int64_t now_ms;                 /* monotonic */
	const struct node_facts *self;  /* runnable: the leaving view */
	const struct node_facts *nodes; /* others, alive; runnable: as they tell it */
	size_t node_count;
	uint32_t cluster;             /* nodes alive in all, this one too */
	const struct job_facts *jobs; /* that run here */
	size_t job_count;
	bool drain; /* everything must leave */
	bool expel; /* guests must leave: reclaim, or the owner's word */
	bool off;   /* no move for the sake of load (drain, expel and memory still count) */
	/* May @job run on a node with these features, or is it not known yet? NULL = always. */
	bool (*fits)(void *arg, const struct job_facts *job, const struct node_facts *node);
	void *arg;
};

enum balance_reason {
	BALANCE_NOTHING, /* nothing to do, or nothing better */
	BALANCE_LOAD,    /* cheaper there */
	BALANCE_MEMORY,  /* memory runs out here */
	BALANCE_OWNER,   /* guests make room for the owner */
	BALANCE_DRAIN,
	BALANCE_FILES, /* towards its files */
	BALANCE_HOME,  /* placement: stays home, which is not loaded */
	BALANCE_BEST,  /* placement: least marginal cost */
	BALANCE_ONLY,  /* placement: nothing else is allowed, can be reached or has as much room */
	/* why a job stays, for explain */
	BALANCE_STAYS_LOCKED,
	BALANCE_STAYS_RESIDENCY,
	BALANCE_STAYS_COST,    /* no node is cheaper by enough */
	BALANCE_STAYS_YOUNG,   /* its age does not pay for the move yet */
	BALANCE_STAYS_NOWHERE, /* no node may take it */
	BALANCE_STAYS_BUSY,    /* another move is under way here */
	BALANCE_STAYS_UNMOVABLE,
	BALANCE_STAYS_OFF,
	BALANCE_REASONS,
};

/* "load", "memory", … for logs and JSON; a sentence for people comes from the caller. */
const char *balance_reason_name(enum balance_reason r);

struct balance_decision {
	enum balance_reason reason;
	uint64_t job;
	uint32_t to;       /* node; where it stays, if it stays */
	double cost_here;  /* marginal: what its leaving saves here */
	double cost_there; /* marginal: what its coming costs there, the least of all candidates */
	double threshold;  /* cost_here must exceed it */
	uint32_t load_here, load_there; /* load index, before */
	uint32_t memory;                /* MiB that it is to find there */
	uint32_t move_ms;               /* what moving it is expected to take */
	uint32_t age_needed_ms; /* its age must exceed it; UINT32_MAX: it gains too little */
};

/* At most one job, since one decision at a time leaves a node. The order of reasons: drain, memory,
 * owner (expel, or NODE_OWNER_BUSY and its work waits for a CPU), load and files. True: @ret says
 * who goes where, with its numbers; the target is debited at once. False: nothing to do; only
 * @ret->reason is meant (balance_explain() has the numbers). Stay and freezing do not
 * count for drain and expel, locks do; a job of a node that takes no guests may always go home. */
bool balance_decide(struct balance *b, const struct balance_view *v, struct balance_decision *ret);

/* What balance_decide() would say of one job, with no consequences: for people. */
void balance_explain(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		     struct balance_decision *ret);

/* What keeps a node from taking a job that must leave another one. */
enum balance_why {
	BALANCE_WHY_NOT, /* nothing: it may come */
	BALANCE_WHY_DRAINED,
	BALANCE_WHY_BLOCKED,
	BALANCE_WHY_FULL,
	BALANCE_WHY_OWNER,
	BALANCE_WHY_CLASS,
	BALANCE_WHY_NO_MOVES,
	BALANCE_WHY_ALLOWED, /* its user does not let it run there */
	BALANCE_WHY_MEMORY,
	BALANCE_WHY_REFUSED, /* by the node itself, a moment ago */
	BALANCE_WHY_CPU,
};

/* Of node @n of @v; for people. */
enum balance_why balance_why_stays(struct balance *b, const struct balance_view *v,
				   const struct job_facts *j, const struct node_facts *n);

/* Where a new job starts. */
struct place_request {
	struct job_facts job; /* demand: expected, 1000 if nothing is known */
	bool best;            /* mosix-run -b: no home threshold */
	bool any_home;        /* its home may be used (always but with -r that leaves it out) */
};

#define PLACE_TRIES 6u

/* @v: of the home node. The target is debited at once. Never fails if @any_home (BALANCE_ONLY: none
 * has room, it is where most is left); otherwise @ret->to is 0 and the reason BALANCE_STAYS_NOWHERE
 * if no allowed node takes it. cost_here is home's, 0 if home is out of question; a job goes
 * elsewhere if it exceeds the threshold. */
void balance_place(struct balance *b, const struct balance_view *v, const struct place_request *rq,
		   struct balance_decision *ret);

/* What to claim of the node of @d, where a new job is to start that was refused @refused times: at
 * the last of PLACE_TRIES more, since it has to be somewhere; at the last half of them anything, if
 * home has no room for it or may not have it. */
uint32_t balance_claim(const struct balance_decision *d, uint32_t refused);
/* What a peer has just said of itself; counts until the views have something newer of it. */
void balance_heard(struct balance *b, int64_t now_ms, const struct node_facts *n);
/* The target said no (it knows better than gossip): not there for a while. */
void balance_refused(struct balance *b, int64_t now_ms, uint64_t job, uint32_t node);
/* A move has ended: @ok or not; what it cost teaches what the next will. */
void balance_moved(struct balance *b, int64_t now_ms, uint64_t job, uint32_t node, bool ok,
		   uint32_t took_ms, uint32_t memory_mib);
/* So does one that others decided. */
void balance_learn(struct balance *b, uint32_t took_ms, uint32_t memory_mib);
/* A job has ended, wherever it was (not: it has only left): nothing is remembered of it. */
void balance_forget(struct balance *b, uint64_t job);

/* 1/1000 tasks that a node should say to node @to that it has, which is what it would judge itself
 * by if @to asked for a place: with jobs that have come, or are about to, that no sample shows yet,
 * else many would ask it at once for what only one can have; and without those that have ended, for
 * who starts one after the other must hear at once where one is free. (The exporting view of MOSIX
 * would let it look taken for some seconds more. That keeps off herds, as the question does here.)
 * New jobs of @to are left out: it has debited them itself. */
uint32_t balance_exported(struct balance *b, const struct balance_view *v, uint32_t to);

/* At the target, asked before a job comes that was sent by another's decision: its own, fresh
 * numbers. True: it may come, and counts here from now on. @claimed: the load index that the sender
 * thought it would find. @j: age_ms 0 if it is to start. */
bool balance_accept(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		    uint32_t claimed);

#endif
