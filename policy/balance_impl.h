/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the balancer: what it remembers, and the survey of nodes that a decision is made on.
 * For policy/balance*.c and policy/place.c only.
 */
#ifndef MOSIX_POLICY_BALANCE_IMPL_H
#define MOSIX_POLICY_BALANCE_IMPL_H

#include "policy/balance.h"
#include "policy/cost.h"
#include "policy/random.h"

enum {
	TARGETS_MAX = 80, /* nodes looked at in one decision; of more, some by chance */
	DEBITS_MAX = 256,
	REFUSALS_MAX = 128,
	LEFT_MAX = 8,
	HEARD_MAX = 32,

	SAMPLE_MS = 1000,  /* between two samples of a node */
	DEBIT_MS = 30000,  /* a debit lasts no longer */
	PENDING_MS = 1500, /* a move that was decided must have been started then */
	REFUSED_MS = 2000, /* not there for so long; doubled each time */
	FAILED_MS = 5000,  /* the same after a failed move */
	REFUSED_MAX_MS = 120000,
};

/* What was promised to a node and does not show in its numbers yet. */
struct debit {
	uint64_t job;
	uint32_t node;
	uint32_t tasks;  /* 1/1000 */
	uint32_t memory; /* MiB */
	int64_t made_ms;
	int64_t settled_ms; /* when it has arrived, as far as is known */
};

/* What has left this node and may still show in its numbers. */
struct left {
	int64_t until_ms;
	uint32_t tasks, memory;
};

/* What a peer said outside of gossip. */
struct heard {
	struct node_facts facts;
	int64_t at_ms;
};

struct refusal {
	uint64_t job;
	uint32_t node; /* 0 = any */
	uint32_t times;
	int64_t until_ms;
};

/* What moves take: fixed + per_mib · MiB. */
struct move_cost {
	double fixed_ms, per_mib_ms;
};

/* A node as a decision sees it: facts, debits, and what follows from them. */
struct target {
	const struct node_facts *facts;
	struct cost_node cost;
	double room; /* MiB above its reserve */
	bool priced; /* cost_node_price() was called */
};

/* How nodes are seen. */
enum survey_as {
	SURVEY_LEAVING, /* what it would be rid of */
	SURVEY_NOW,     /* all that is known to be here or on its way */
};

struct survey {
	const struct balance_view *view;
	struct cost_scale scale;
	struct target here;
	double tasks;    /* here; of these, here.cost.tasks may leave some out */
	double promised; /* MiB of here's, to jobs that have not taken them yet */
	struct target nodes[TARGETS_MAX];
	size_t count;
	size_t base; /* of these; the others were added for one job */
	bool some;   /* there are more nodes than these */
};

struct balance {
	/* What is looked at each second comes first: with thousands of balancers in one process it
	 * is in no cache. */
	size_t debit_count, heard_count, refusal_count, left_next;
	struct debit pending; /* the move that was decided; job 0 = none */
	double others[2]; /* 1/1000 tasks here that are no jobs', by the last samples: new, old */
	int64_t others_ms;
	bool moved; /* a move has ended since the last sample */
	struct survey *survey;
	bool borrowed; /* it is another's */
	struct balance_config config;
	struct random random;
	struct move_cost move_cost;
	struct left left[LEFT_MAX];
	struct debit debits[DEBITS_MAX];
	struct heard heard[HEARD_MAX];
	struct refusal refusals[REFUSALS_MAX];
};

/* What is remembered (balance_state.c) */

/* @job goes to @node, is there after @arrives_ms. Returns what was remembered. */
const struct debit *state_debit(struct balance *b, int64_t now_ms, const struct job_facts *j,
				uint32_t node, uint32_t arrives_ms);
/* What was promised to a node: 1/1000 tasks that its facts do not show yet (@coming) and those that
 * they should show, if the jobs have not ended (@there); MiB of the former. */
void state_debits_of(struct balance *b, int64_t now_ms, const struct node_facts *n, double *coming,
		     double *there, double *memory);
/* @job is among those here: no debit any more. */
void state_arrived(struct balance *b, uint64_t job, uint32_t self);
void state_expire(struct balance *b, int64_t now_ms);
void state_left(const struct balance *b, int64_t now_ms, double *tasks, double *memory);
/* @n, or what was heard of that node since. */
const struct node_facts *state_newest(struct balance *b, int64_t now_ms,
				      const struct node_facts *n);
bool state_refused(const struct balance *b, int64_t now_ms, uint64_t job, uint32_t node);
/* Is the move that was decided last still under way? */
bool state_pending(const struct balance *b, const struct balance_view *v);
uint32_t state_move_ms(const struct balance *b, const struct job_facts *j);

/* Nodes (balance_survey.c) */

/* There are new samples. */
void survey_sampled(struct balance *b, const struct balance_view *v);
/* What is known now, in b->survey; good until the next call. */
void survey_make(struct balance *b, const struct balance_view *v, enum survey_as as);
/* Would a task run faster at @a, if it had it for itself, than at @b? */
bool node_is_faster(const struct node_facts *a, const struct node_facts *b);
uint32_t node_reserve(const struct balance *b, const struct node_facts *n);

enum pick_for {
	PICK_PLACE,  /* a new job */
	PICK_LOAD,   /* a better place, with some room left */
	PICK_GROW,   /* room for what it grows to in a while */
	PICK_MEMORY, /* room for now */
	PICK_LEAVE,  /* the same, but any node that has it */
};

struct pick {
	struct target *target; /* NULL: none */
	double cost;           /* there, marginal */
};

/* May @j go to @t, is there room for it, and was it not refused there lately? */
bool pick_allows(struct balance *b, const struct target *t, const struct job_facts *j,
		 enum pick_for what);
/* The same, by name. */
enum balance_why pick_why(struct balance *b, const struct target *t, const struct job_facts *j,
			  enum pick_for what);
/* The least marginal cost below @limit, by chance (@r) one of those that are as good. */
struct pick pick_target(struct balance *b, struct random *r, const struct job_facts *j,
			enum pick_for what, double limit);
/* The marginal cost of @j on @t, if it is not counted there yet. */
double target_cost(struct survey *s, struct target *t, const struct job_facts *j);
/* The same: the time that @j itself would need there. */
double target_time(struct survey *s, const struct target *t, const struct job_facts *j);
/* This node as if @j were not here. */
struct target here_without(struct survey *s, const struct job_facts *j);
/* What the leaving of @j saves here. */
double here_cost(struct survey *s, const struct job_facts *j);

/* Decisions (balance_leave.c, balance_memory.c, balance_load.c); true if @ret says who goes. */

bool leave_is_drained(const struct balance_view *v);
bool decide_drain(struct balance *b, const struct balance_view *v, struct balance_decision *ret);
bool decide_owner(struct balance *b, const struct balance_view *v, struct balance_decision *ret);
bool decide_memory(struct balance *b, const struct balance_view *v, struct balance_decision *ret);
bool decide_load(struct balance *b, const struct balance_view *v, struct balance_decision *ret);
/* Of one job that must leave, as if it were the first; false: it need not. */
bool leave_explain(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		   struct balance_decision *ret);
/* Is it worth looking where @j could go for the sake of load? */
bool load_may_move(const struct balance *b, const struct balance_view *v,
		   const struct job_facts *j);
/* The test for the sake of load, of one job. */
void load_explain(struct balance *b, const struct balance_view *v, const struct job_facts *j,
		  struct balance_decision *ret);

/* The numbers of @j; @p says where it would go, or has no target. */
void decision_fill(struct balance *b, const struct job_facts *j, const struct pick *p,
		   struct balance_decision *ret);

#endif
