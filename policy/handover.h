/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-over of a job from one node to another: three pure state machines, the arbiter (at the
 * job's home), the source and the destination. Events go in, actions come out; no I/O, no clock,
 * no memory. The tables are in handover_{arbiter,source,destination}.c, drawn in doc/handover.md.
 *
 * How a daemon drives them:
 *
 * - It finds the machine by role and move number; MoveDecision says which role it is for. If there
 *   is none, it makes one for the purpose (state NONE) and gives it the event: the rows of NONE are
 *   what is answered to late, repeated and unknown messages. A machine that is in NONE or DONE
 *   after a step is thrown away.
 * - It performs the actions in order. HANDOVER_PERSIST is always the last of a step; the next event
 *   of that machine must be HANDOVER_PERSISTED, or HANDOVER_PERSIST_FAILED if the record is for
 *   certain not in the journal and never will be. A daemon that cannot tell must end itself: its
 *   restart finds out.
 * - A message to a node whose link is down is dropped. Messages to itself (home is the source or
 *   the destination) it puts into a queue of its own, handled after the step.
 * - Every machine has one timer. HANDOVER_TIMER_SET replaces what was set.
 * - What a message carries besides the fields here (token, key, bytes, texts) it copies from the
 *   event that is being handled.
 * - Before it listens to peers, home reads its journal and gives HANDOVER_RECOVER to an arbiter
 *   for each record that names a move. Source and destination get it after GuestHello told that a
 *   copy is in a state of a move.
 * - Until the guest of a copy (a cgroup that is not empty) has said hello to the daemon that runs
 *   now, the copy is HANDOVER_COPY_UNKNOWN. GuestList waits until none is. It says
 *   handover_listed_as() of a copy with a machine, and counts only on the connection it came over.
 * - While an arbiter exists, every end of a copy of its job (GuestExited, missing in GuestList)
 *   goes to it as HANDOVER_COPY_GONE and only its HANDOVER_JOB actions end the job. Without one,
 *   the end of the current copy ends the job.
 * - If a job must end (deputy dead, kill), the arbiter gets HANDOVER_ABORT, and the daemon kills
 *   the copy that a HANDOVER_JOB action then names. GuestKill is only for committed copies.
 */
#ifndef MOSIX_POLICY_HANDOVER_H
#define MOSIX_POLICY_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HANDOVER_PREPARE_MS = 10000,  /* from MovePrepare to MovePrepared */
	HANDOVER_PROGRESS_MS = 30000, /* without a sign of progress */
	HANDOVER_RETRY_MS = 1000,     /* queries, and decisions that were not confirmed yet */

	HANDOVER_E_IGNORED = 1, /* handover_step(): the event means nothing here, nothing changed */
};

enum handover_role { HANDOVER_ARBITER, HANDOVER_SOURCE, HANDOVER_DESTINATION };

/* Every machine starts in NONE (state 0) and ends in DONE (state 1). */
enum { HANDOVER_NONE, HANDOVER_DONE };

enum handover_arbiter_state {
	/* no such move: answers by what the journal says of the job */
	ARBITER_NONE = HANDOVER_NONE,
	/* over, the journal has no record of the move */
	ARBITER_DONE = HANDOVER_DONE,
	ARBITER_STARTING,   /* PREPARING is being written */
	ARBITER_PREPARING,  /* the destination prepares; the source knows nothing yet */
	ARBITER_MOVING,     /* the source dumps, the destination restores; no vote yet */
	ARBITER_DUMPED,     /* the source has voted: the destination has all it needs */
	ARBITER_READY,      /* the destination has voted, the source has not */
	ARBITER_DECIDING,   /* both have voted, COMMIT is being written */
	ARBITER_COMMITTING, /* committed; neither has finished */
	ARBITER_KILLING,    /* committed, runs at the destination; the source has not finished */
	ARBITER_THAWING,    /* committed, gone from the source; the destination has not finished */
	ARBITER_ABORTING,   /* aborted; the source has not said yet that the job goes on */
	ARBITER_STATES,
};

enum handover_source_state {
	/* not in this move: the copy, if any, runs */
	SOURCE_NONE = HANDOVER_NONE,
	SOURCE_DONE = HANDOVER_DONE,
	SOURCE_DUMPING,   /* before the vote: may give up */
	SOURCE_GIVING_UP, /* never voted, the guest was told to thaw: must not vote any more */
	SOURCE_DUMPED,    /* voted: frozen until told */
	SOURCE_KILLING,   /* committed: the guest was told to kill the frozen tree */
	SOURCE_THAWING,   /* aborted: the guest was told to thaw the tree */
	SOURCE_STATES,
};

enum handover_destination_state {
	/* nothing was restored by this move */
	DESTINATION_NONE = HANDOVER_NONE,
	DESTINATION_DONE = HANDOVER_DONE,
	DESTINATION_PREPARING, /* the new guest builds its container */
	DESTINATION_RESTORING, /* before the vote: may give up */
	DESTINATION_GIVING_UP, /* never voted, the guest was told to kill what it has */
	DESTINATION_READY,     /* voted: restored, frozen until told */
	DESTINATION_KILLING,   /* aborted: the guest was told to kill what it restored */
	DESTINATION_THAWING,   /* committed: the guest was told to let it run */
	DESTINATION_STATES,
};

/* The same numbers as MSG_MOVE_* in proto/mosix.proto. */
enum handover_msg {
	HANDOVER_MSG_PREPARE = 32,
	HANDOVER_MSG_PREPARED,
	HANDOVER_MSG_BEGIN,
	HANDOVER_MSG_DUMPED,
	HANDOVER_MSG_READY,
	HANDOVER_MSG_FAILED,
	HANDOVER_MSG_DECISION,
	HANDOVER_MSG_FINISHED,
	HANDOVER_MSG_QUERY,
	HANDOVER_MSG_PROGRESS,
};

/* What a guest process tells its daemon about a move. */
enum handover_guest_event {
	HANDOVER_GUEST_PREPARED, /* destination: waits for images */
	HANDOVER_GUEST_PROGRESS,
	HANDOVER_GUEST_DUMPED,   /* source: frozen, all sent; it will wait for a command */
	HANDOVER_GUEST_READY,    /* destination: restored and frozen; it will wait for a command */
	HANDOVER_GUEST_FAILED,   /* source: runs again. Destination: nothing is left */
	HANDOVER_GUEST_FINISHED, /* the last command is carried out */
	HANDOVER_GUEST_ENDED,    /* the job exited by itself */
	HANDOVER_GUEST_DIED, /* guest process gone and its cgroup empty (the daemon sees to it) */
};

/* Commands to the guest. They name the move; a guest ignores those of another move. */
enum handover_guest_command {
	HANDOVER_GUEST_BEGIN,  /* source: freeze, dump, send. Destination: prepare */
	HANDOVER_GUEST_COMMIT, /* source: kill the tree. Destination: thaw it */
	HANDOVER_GUEST_ABORT,  /* source: thaw the tree. Destination: kill it */
};

/* What is at a node of the copy that a move is about. */
enum handover_copy {
	HANDOVER_COPY_UNKNOWN, /* its guest has not yet said hello to this daemon */
	HANDOVER_COPY_ABSENT,
	HANDOVER_COPY_STARTING,
	HANDOVER_COPY_RUNNING,
	HANDOVER_COPY_DUMPING,
	HANDOVER_COPY_DUMPED,
	HANDOVER_COPY_RESTORING,
	HANDOVER_COPY_READY,
	HANDOVER_COPY_ENDED,
};

struct handover_ref {
	uint64_t move; /* never used twice by a home, not even over a restart; not 0 */
	uint64_t job;
	uint32_t gen; /* that the move makes: generation at the source + 1 */
};

/* The journal's word on a job: its one true copy. HANDOVER_PHASE_COMMIT changes it. */
struct handover_job {
	uint64_t job;
	uint32_t gen;  /* 0 = there is no such job, or it has ended */
	uint32_t node; /* where (job, gen) is */
	uint64_t move; /* that made gen; 0 = started there */
};

/* What the journal says of a job's move: one record per job, each replaces the one before. */
enum handover_phase {
	HANDOVER_PHASE_NONE,
	HANDOVER_PHASE_PREPARING, /* the job's copy is the source's */
	HANDOVER_PHASE_COMMIT,    /* the job's copy is now (gen, destination, move) */
};

enum handover_event_kind {
	HANDOVER_START,     /* arbiter: a user or the balancer wants it */
	HANDOVER_RECOVER,   /* arbiter: phase from the journal; others: copy's state at init */
	HANDOVER_MESSAGE,   /* from node: msg, ref, commit, source, refused, text */
	HANDOVER_LINK_UP,   /* to node */
	HANDOVER_LINK_DOWN, /* to node */
	HANDOVER_NODE_DEAD, /* after LINK_DOWN: node is declared dead for good, and
			       what ran there is lost */
	HANDOVER_TIMER,
	HANDOVER_PERSISTED,
	HANDOVER_PERSIST_FAILED,
	HANDOVER_GUEST,     /* source, destination: guest, text, refused; of this very move */
	HANDOVER_COPY_GONE, /* arbiter: copy (ref.job, ref.gen) at node has ended or is gone */
	HANDOVER_ABORT,     /* arbiter: give up if still possible; text says why */
};

struct handover_event {
	enum handover_event_kind kind;
	uint32_t node;
	enum handover_msg msg;
	struct handover_ref ref;
	bool commit;  /* DECISION */
	bool source;  /* QUERY: of the source, not of the destination */
	bool refused; /* FAILED: before anything was disturbed */
	enum handover_guest_event guest;
	enum handover_phase phase;
	const char *text; /* may be NULL */
};

enum handover_action_kind {
	HANDOVER_PERSIST,   /* phase, with the machine's ref, source, destination; then wait */
	HANDOVER_FORGET,    /* write HANDOVER_PHASE_NONE; before the job's next record */
	HANDOVER_SEND,      /* msg about the machine's ref to node; commit, source, refused */
	HANDOVER_TELL,      /* command to the guest of the copy */
	HANDOVER_TIMER_SET, /* in ms from now */
	HANDOVER_TIMER_CLEAR,
	HANDOVER_JOB,  /* fate: what has become of the job */
	HANDOVER_NOTE, /* ok, text: the answer to the one who wanted the move; once */
};

enum handover_fate {
	HANDOVER_RUNS,  /* at node as gen: join the link, tell the deputy */
	HANDOVER_STAYS, /* goes on at node as gen, as if nothing had been */
	HANDOVER_ENDED, /* the end that was just told (COPY_GONE) is the job's end */
	HANDOVER_LOST,  /* text says why */
};

struct handover_action {
	enum handover_action_kind kind;
	uint32_t node;
	uint32_t gen;
	uint32_t ms;
	enum handover_msg msg;
	enum handover_guest_command command;
	enum handover_phase phase;
	enum handover_fate fate;
	bool commit;
	bool source; /* of SEND: sender or receiver is the move's source, not its destination */
	bool refused;
	bool ok;
	const char *text; /* FAILED, LOST, NOTE: why, for people; static, or the event's */
};

#define HANDOVER_ACTIONS_MAX 8

struct handover_actions {
	size_t count;
	struct handover_action list[HANDOVER_ACTIONS_MAX];
};

struct handover {
	enum handover_role role;
	unsigned int state;
	struct handover_ref ref;
	uint32_t home;
	uint32_t source;         /* known to the arbiter only; 0 = unknown move */
	uint32_t destination;    /* the same */
	bool source_gone;        /* arbiter: the source's copy is gone, but its vote holds */
	bool over;               /* arbiter: the job has ended or is lost */
	enum handover_copy copy; /* source, destination: as found at init */
	struct handover_job job; /* arbiter: as found at init */
};

/* @job: what the journal says now. @source and @destination: 0 for a move that is not known. */
void handover_arbiter_init(struct handover *m, uint32_t home, const struct handover_ref *ref,
			   const struct handover_job *job, uint32_t source, uint32_t destination);
/* @copy: state of the copy (ref->job, ref->gen - 1) at this node. */
void handover_source_init(struct handover *m, uint32_t home, const struct handover_ref *ref,
			  enum handover_copy copy);
/* @copy: state of the copy (ref->job, ref->gen) at this node, whichever move made it. */
void handover_destination_init(struct handover *m, uint32_t home, const struct handover_ref *ref,
			       enum handover_copy copy);

/* Takes one event. 0, or HANDOVER_E_IGNORED: @ret is empty and nothing has changed. Asserts on
 * what only a broken driver can do (HANDOVER_START twice, HANDOVER_PERSISTED unasked, ...). */
int handover_step(struct handover *m, const struct handover_event *ev,
		  struct handover_actions *ret);

/* Is the copy of @node that takes part in move @ref, as its source or destination, the one that
 * @job names? It shall run if so, die if not. Only for moves without an arbiter. */
bool handover_is_current(const struct handover_job *job, const struct handover_ref *ref,
			 uint32_t node, bool source);

/* What GuestList says of the copy that takes part in @m (source or destination), and what decides
 * whether GuestKill may have it: its guest may not yet have done what it was told. A copy without a
 * machine is what its guest says. */
enum handover_copy handover_listed_as(const struct handover *m);

const char *handover_role_name(enum handover_role role);
const char *handover_state_name(enum handover_role role, unsigned int state);
const char *handover_msg_name(enum handover_msg msg);

#endif
