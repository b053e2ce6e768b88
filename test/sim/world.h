/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small cluster for checking the hand-over: three nodes, one job, daemons that drive the real
 * machines of policy/ as mosixd does, guests, links, a journal, and everything that can break.
 * A world is a plain value without pointers: it is copied, compared and hashed as bytes.
 */
#ifndef MOSIX_TEST_SIM_WORLD_H
#define MOSIX_TEST_SIM_WORLD_H

#include "policy/handover.h"
#include "policy/reconcile.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NODES = 3,
	SLOTS = 2, /* copies per node */
	LINE = 7,  /* messages under way in one direction of a link */
	PIPE = 4,  /* the same between daemon and guest */
	STALE = 2, /* messages of an earlier connection that may still turn up */
	JOB = 7,
};

/* Messages besides enum handover_msg. */
enum { SIM_LIST = 1, SIM_EXITED, SIM_ACK, SIM_KILL };

enum { FLAG_COMMIT = 1, FLAG_SOURCE = 2, FLAG_REFUSED = 4 };

struct sim_msg {
	uint8_t kind;
	uint8_t move; /* of SIM_LIST: the three bytes hold two rows of 12 bits */
	uint8_t gen;
	uint8_t flags;
};

struct line {
	uint8_t count;
	struct sim_msg msg[LINE];
};

/* What a guest process really does. Thawed: RUNNING and DUMPING. */
enum guest {
	GUEST_FREE, /* no such copy */
	GUEST_RUNNING,
	GUEST_DUMPING, /* told to dump, not yet frozen */
	GUEST_FROZEN,
	GUEST_SENT, /* all images are at the destination */
	GUEST_DUMPED,
	GUEST_PREPARING,
	GUEST_RESTORING,
	GUEST_READY,
	GUEST_ENDED,
	GUEST_GONE, /* tree and guest are dead; its last words have not been read */
};

/* Words between a guest and its daemon: HANDOVER_GUEST_* events or commands, and these. */
enum { SAY_HELLO = 32, TELL_KILL };

struct word {
	uint8_t what;
	uint8_t move;
	uint8_t state; /* SAY_HELLO: enum handover_copy */
};

struct pipe {
	uint8_t count;
	struct word word[PIPE];
};

enum { TIMER_OFF, TIMER_RETRY, TIMER_GIVE_UP };

struct copy {
	uint8_t guest; /* enum guest */
	uint8_t gen;
	uint8_t move;      /* the guest's: in which it takes or took part */
	uint8_t got;       /* destination: the images are here */
	uint8_t connected; /* to the daemon that runs now */
	uint8_t view;      /* what the daemon believes: enum handover_copy */
	uint8_t role;      /* of the daemon's machine: HANDOVER_SOURCE, ..., 0 = none */
	uint8_t state;
	uint8_t ref_move;
	uint8_t timer;
	struct pipe up;   /* guest to daemon */
	struct pipe down; /* daemon to guest */
};

struct node {
	uint8_t up;          /* the daemon runs */
	uint8_t list_due;    /* GuestList is to be sent as soon as all guests are known */
	uint8_t whole;       /* the connection with home is not cut */
	uint8_t home_sees;   /* it up */
	uint8_t node_sees;   /* it up */
	struct line to_node; /* from home */
	struct line to_home;
	struct copy copies[SLOTS];
};

struct arbiter {
	uint8_t on;
	uint8_t state;
	uint8_t move;
	uint8_t gen;
	uint8_t source, destination; /* index of the node */
	uint8_t source_gone;
	uint8_t over;
	uint8_t timer;
	uint8_t noted;
};

struct journal {
	uint8_t gen, node, move; /* struct handover_job; gen 0 = ended */
	uint8_t phase, ref_move, ref_gen, source, destination;
};

struct stale {
	uint8_t used;
	uint8_t node;
	uint8_t to_home;
	struct sim_msg msg;
};

/* What may still go wrong, and how often. */
struct budget {
	uint8_t faults;
	uint8_t moves;
	uint8_t ends;  /* exits by itself, kills by the user */
	uint8_t noise; /* stale and repeated messages, reports of progress */
};

struct world {
	uint8_t home;
	uint8_t must_end; /* the deputy is dead */
	uint8_t last_move;
	uint8_t excused; /* a copy died that the job may have depended on, or it was to end */
	struct journal journal;
	struct arbiter arbiter;
	struct budget budget;
	struct stale stale[STALE];
	struct node nodes[NODES];
};

/* What is wrong with the world, or with what the machines did; NULL = nothing yet. */
extern const char *sim_violation;
/* A queue ran full in the last step: the step lies outside of what is explored. */
extern bool sim_overflow;
/* How many more actions the arbiter's daemon performs before it is killed; negative = all. */
extern int sim_interrupt;
/* Rows of the tables that were taken, by role. */
extern uint8_t sim_rows[3][64];

void sim_complain(const char *what);

void world_init(struct world *w, unsigned int home, unsigned int start);

uint64_t world_hash(const struct world *w);

/* world.c: queues and links */
void line_push(struct line *l, struct sim_msg msg);
struct sim_msg line_pop(struct line *l);
void pipe_push(struct pipe *p, struct word word);
struct word pipe_pop(struct pipe *p);
void stale_add(struct world *w, unsigned int node, bool to_home, struct sim_msg msg);
bool is_local(const struct world *w, unsigned int node);
void send_to_node(struct world *w, unsigned int node, struct sim_msg msg);
void send_to_home(struct world *w, unsigned int node, struct sim_msg msg);
int step_machine(struct handover *m, const struct handover_event *ev,
		 struct handover_actions *acts);
struct sim_msg msg_of(const struct handover *m, const struct handover_action *a);
struct handover_event event_of(unsigned int from, struct sim_msg msg);
uint8_t timer_of(uint32_t ms);

/* home.c: what the home's daemon does */
bool home_is_writing(const struct world *w);
struct handover_job journal_job(const struct world *w);
void home_start(struct world *w, unsigned int destination);
void home_persisted(struct world *w, bool ok);
void home_event(struct world *w, struct handover_event ev);
void home_message(struct world *w, unsigned int node, struct sim_msg msg);
void home_node_dead(struct world *w, unsigned int node);
void home_end_job(struct world *w);
void home_restart(struct world *w);

/* node.c: what a daemon does for the copies on its node, and what the guests do */
void node_message(struct world *w, unsigned int node, struct sim_msg msg);
void node_event(struct world *w, unsigned int node, unsigned int slot, struct handover_event ev);
void node_link(struct world *w, unsigned int node, bool up);
bool node_send_list(struct world *w, unsigned int node);
void node_guest_word(struct world *w, unsigned int node, unsigned int slot);
void node_lost_daemon(struct world *w, unsigned int node);
bool guest_command(struct world *w, unsigned int node, unsigned int slot);
bool guest_hello(struct world *w, unsigned int node, unsigned int slot);
bool guest_progress(struct world *w, unsigned int node, unsigned int slot);
bool guest_report(struct world *w, unsigned int node, unsigned int slot);
bool guest_fail(struct world *w, unsigned int node, unsigned int slot);
bool guest_exit(struct world *w, unsigned int node, unsigned int slot);
bool guest_die(struct world *w, unsigned int node, unsigned int slot);
bool guest_matters(const struct copy *c);

/* act.c: everything that can happen next */
enum act_kind {
	ACT_TO_HOME,       /* node: next message from it is handled */
	ACT_TO_NODE,       /* node */
	ACT_STALE,         /* index: a message of an old connection, or a second time */
	ACT_WORD,          /* node, slot: the daemon reads a word of its guest */
	ACT_COMMAND,       /* node, slot: the guest reads one of its daemon */
	ACT_LIST,          /* node: tells home what it has */
	ACT_HELLO,         /* node, slot: guest finds the new daemon */
	ACT_PROGRESS,      /* node, slot: the guest gets on with its dump or restore */
	ACT_PERSISTED,     /* the journal is written */
	ACT_HOME_TIMER,    /* the arbiter's */
	ACT_TIMER,         /* node, slot */
	ACT_DETECT_HOME,   /* node, what: home sees that the connection is cut */
	ACT_DETECT_NODE,   /* node, what */
	ACT_CONNECT,       /* node */
	ACT_RESTART,       /* node: the daemon */
	ACT_START,         /* node: a move to it is wanted */
	ACT_FAIL,          /* node, slot: dump or restore fails. From here on: faults */
	ACT_EXIT,          /* node, slot: the job exits */
	ACT_DIE,           /* node, slot: the guest is killed */
	ACT_GIVE_UP,       /* the user does not want the move any more */
	ACT_KILL,          /* the deputy dies */
	ACT_NOT_PERSISTED, /* the journal cannot be written */
	ACT_CUT,           /* node: the connection */
	ACT_CRASH,         /* node: the daemon */
	ACT_INTERRUPT,     /* node, what: home's daemon, in the middle of a message from it */
	ACT_POWER,         /* node: all that runs on it */
	ACT_DEAD,          /* node: declared dead */
	ACT_TWICE,         /* node, what: the next message will come twice */
	ACT_REPORT,        /* node, slot: the guest reports progress */
	ACT_KINDS,
};

struct act {
	uint8_t kind;
	uint8_t node;
	uint8_t what;
};

/* Does it, if it can happen now. */
bool act_do(struct world *w, struct act act);
/* One thing gets done, whatever is next in a fixed order; no faults, no timers. */
bool act_work(struct world *w);
/* All that might happen; some cannot just now. Returns how many. */
#define ACTS_MAX 160
size_t act_list(struct act ret[ACTS_MAX]);
void act_print(struct act act);

/* judge.c */
/* Forgets what came to rest: the rules have changed. */
void judge_forget(void);
void judge_state(const struct world *w);
/* Without further faults, does everything come to rest, and rightly? */
void judge_rest(struct world w, bool verbose);
void world_print(const struct world *w);

#endif
