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
	int64_t started_usec, frozen_usec, dumped_usec, decided_usec;
	uint64_t bytes;

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

/* move_guest.c: source and destination */
void participant_tell(struct move *mv, enum handover_guest_command command);
/* Says @commit to the guest once more if it has been told so before. */
void participant_retell(struct move *mv, bool commit);
struct move *participant_for(struct mosixd *d, enum handover_role role,
			     const struct handover_ref *ref);

/* move_send.c */
void move_send(struct move *mv, const struct handover_event *ev, const struct handover_action *a);

#endif
