/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Balancing as the daemon does it: policy/balance.h decides, this gathers what it must know and
 * carries out what it says. Each node decides for the copies that run there, asks the home of the
 * one that is to leave (MoveAsk), and hears how it went (MoveAsked). One at a time leaves a node.
 */
#ifndef MOSIX_DAEMON_BALANCE_H
#define MOSIX_DAEMON_BALANCE_H

#include "common/err.h"
#include "policy/balance.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

#define JOB_CLASS_MAX 7u
/* That its user may name. */
#define JOB_NODES_MAX 4096u

struct guest;
struct job;
struct mosixd;
struct node;

/* What the balancer keeps of a copy that did not move when it was to. */
struct guest_stuck {
	uint32_t tries;
	int64_t until_usec;
	char why[160];
};

int balance_daemon_new(struct mosixd *d, struct err *e);
void balance_daemon_free(struct mosixd *d);
/* The configuration has changed. */
void balance_reload(struct mosixd *d);
/* Something has changed that may make a job leave: it is looked at from the loop. */
void balance_soon(struct mosixd *d);
/* There is a copy here: it is looked at once a second. */
void balance_watch(struct mosixd *d);
void balance_node_down(struct node *n);
/* A move of a job of ours that this node's balancing did not decide has ended well. */
void balance_learn_move(struct mosixd *d, uint64_t total_usec, uint64_t bytes);
/* The copy has left or ended. */
void balance_guest_gone(struct guest *g);

/* Did it not move although it was to, at least @tries times, or must it not? Fills in why. */
bool balance_is_stuck(const struct guest *g, uint32_t tries, char why[ERR_MAX]);
/* Does it, of which that is not so, wait until it can leave? Fills in for what. False: it is
 * leaving, or will when it is its turn. */
bool balance_waits(struct guest *g, char why[ERR_MAX]);
/* Copies that did not move are not left alone any longer. */
void balance_try_again(struct mosixd *d);

/* What would be decided of the copy now. */
void balance_explain_guest(struct guest *g, Mosix__Decision *ret, char text[ERR_MAX]);

/* A job that somebody else's decision sends here. 0 or negative with a sentence. */
int balance_check_coming(struct mosixd *d, const struct job_facts *j, uint32_t claimed,
			 struct err *e);

/* 1/1000 tasks that node @to shall think this one has. */
uint32_t balance_tell_tasks(struct mosixd *d, uint32_t to);

/* Where a new job starts. 0 or negative with a sentence. */
int balance_place_job(struct mosixd *d, const Mosix__JobStart *m, uint32_t *ret,
		      struct balance_decision *ret_decision, struct err *e);
/* That node did not take it. */
void balance_place_refused(struct mosixd *d, uint64_t job, uint32_t node);
/* A job of this home has ended. */
void balance_job_over(struct mosixd *d, uint64_t job);

/* At the node where it runs: its home says how it ended. Negative = not valid. */
int balance_on_asked(struct mosixd *d, uint32_t from, Mosix__MoveAsked *m);

#endif
