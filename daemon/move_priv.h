/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about moves share among themselves. */
#ifndef MOSIX_DAEMON_MOVE_PRIV_H
#define MOSIX_DAEMON_MOVE_PRIV_H

#include "common/key.h"
#include "common/preamble.h"
#include "daemon/move.h"
#include "daemon/requests.h"
#include <ev.h>
#include <utlist.h>

/* What balancing asked for; the job's while its move goes on. */
struct move_asked {
	uint32_t from; /* the node that asked */
	uint32_t demand;
	uint64_t memory;
	Mosix__Decision decision;
};

/* An event that came up while another was being handled. */
struct move_event {
	struct handover_event ev;
	char text[ERR_MAX];
	struct move_event *next;
};

/* One role in one move. */
struct move {
	struct mosixd *d;
	struct handover m;
	struct ev_timer timer;
	struct move_event *queue;
	bool busy;
	struct move *prev, *next; /* in moves, but for machines that only answer */
	bool listed;

	/* arbiter */
	struct job *job; /* NULL: there is none with that number */
	struct requester who;
	uint8_t token[PREAMBLE_TOKEN];
	uint8_t key[KEY_SIZE];
	const Mosix__GuestExited *exited; /* of the event that is being handled */
	int64_t started_usec, frozen_usec, dumped_usec;
	uint64_t bytes;
	bool refused; /* by the destination */

	/* source, destination */
	Mosix__MoveBegin *begin;        /* of the event that is being handled */
	Mosix__MovePrepare *prepare;    /* the same */
	const struct chan_frame *frame; /* the guest's, the same */
	enum handover_guest_command told;
};

struct moves {
	struct move *list;
};

/* move.c */
struct move *move_new(struct mosixd *d);
/* Puts it where move_find() sees it. */
void move_list(struct move *mv);
struct move *move_find(struct mosixd *d, enum handover_role role, uint32_t home, uint64_t move);
/* Handles an event and what comes of it. @mv may be gone afterwards. */
void move_step(struct move *mv, const struct handover_event *ev);
/* "move 1:17 (source)" */
const char *move_title(const struct move *mv);

/* move_arbiter.c: the arbiter's actions */
int arbiter_persist(struct move *mv, enum handover_phase phase);
void arbiter_forget(struct move *mv);
void arbiter_job(struct move *mv, const struct handover_action *a);
void arbiter_note(struct move *mv, const struct handover_action *a);
void arbiter_done(struct move *mv);
/* The machine for a message about @ref; one that only answers if there is no such move. */
struct move *arbiter_for(struct mosixd *d, const struct handover_ref *ref);

/* move_wanted.c: the next move of a job */
/* Starts it when there is a link to @link, or (NULL) when the move that goes on is over. */
int move_want(struct job *j, const struct node *target, const struct requester *who,
	      struct node *link, struct err *e);
/* It is not to be: who wanted it is told. */
void move_want_end(struct job *j, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool move_wanted_is_automatic(const struct job *j);
/* What it waited for has come; nothing if there is none. */
void move_start_wanted(struct job *j);

/* move_ask.c: it was automatic, and is now over for who wanted it */
void move_asked_ended(struct move *mv, bool ok, const char *text, uint64_t total_usec);
/* It has not even started. */
void move_asked_refused(struct job *j, const struct requester *who, int error, const char *text);

/* move_guest.c: source and destination */
void participant_tell(struct move *mv, enum handover_guest_command command);
/* Says @commit to the guest once more if it has been told so before. */
void participant_retell(struct move *mv, bool commit);
struct move *participant_for(struct mosixd *d, enum handover_role role,
			     const struct handover_ref *ref);

/* move_send.c */
void move_send(struct move *mv, const struct handover_event *ev, const struct handover_action *a);

#endif
