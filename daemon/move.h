/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves of jobs: drives the state machines of policy/handover.h for each role that this node has
 * in a move - arbiter (the job's home), source, destination - and performs what they say.
 */
#ifndef MOSIX_DAEMON_MOVE_H
#define MOSIX_DAEMON_MOVE_H

#include "common/chan.h"
#include "common/err.h"
#include "policy/handover.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

struct guest;
struct job;
struct mosixd;
struct move;
struct node;
struct requester;

int moves_new(struct mosixd *d);
void moves_free(struct mosixd *d);

enum handover_copy copy_state(Mosix__GuestState state);

/* ---- arbiter */

/* Checks what can be checked here and starts; the answer goes to @who. 0 or negative. While the
 * source of an earlier move is still being cleaned up, or a link has to be made first, it waits
 * some seconds for that. */
int move_start(struct job *j, struct node *target, const struct requester *who, struct err *e);
/* Is what moves it now a decision, not a user's word? */
bool move_is_automatic(const struct job *j);
/* The job ends: its next move will not be. */
void move_unwanted(struct job *j);
uint64_t move_number(const struct move *mv);
void move_abort(struct job *j, const char *why);
void move_recover_arbiter(struct job *j);
/* A copy of a job with an arbiter has ended (@m) or is missing (NULL). */
void move_copy_gone(struct job *j, uint32_t node, uint32_t gen, const Mosix__GuestExited *m);

/* ---- source and destination */

/* What home is told of the copy: its machine may know better than its guest has told so far. */
Mosix__GuestState move_listed_as(struct guest *g);
/* A frame about a move from a guest process. 0 or negative. */
int move_on_guest_frame(struct guest *g, const struct chan_frame *f);
/* The job exited by itself. */
void move_guest_ended(struct guest *g);
/* The guest process is gone and nothing is left of the copy. */
void move_guest_died(struct guest *g);
/* It has dialled back and told its state. */
void move_guest_back(struct guest *g);

/* ---- all: from a node. Negative = not valid. */

int moves_on_ask(struct mosixd *d, uint32_t from, Mosix__MoveAsk *m);
int moves_on_prepare(struct mosixd *d, uint32_t from, Mosix__MovePrepare *m);
int moves_on_prepared(struct mosixd *d, uint32_t from, Mosix__MovePrepared *m);
int moves_on_begin(struct mosixd *d, uint32_t from, Mosix__MoveBegin *m);
/* DUMPED, READY, FINISHED, QUERY */
int moves_on_ref(struct mosixd *d, uint32_t from, uint16_t type, Mosix__MoveRef *m);
int moves_on_failed(struct mosixd *d, uint32_t from, Mosix__MoveFailed *m);
int moves_on_decision(struct mosixd *d, uint32_t from, Mosix__MoveDecision *m);
int moves_on_progress(struct mosixd *d, uint32_t from, Mosix__MoveProgress *m);

void moves_node_up(struct node *n);
void moves_node_down(struct node *n);
/* A move may wait for that link: it is there, or could not be made. */
void moves_link_up(struct node *n);
void moves_link_failed(struct node *n);
/* What runs there is lost for good. */
void moves_node_dead(struct node *n);

#endif
