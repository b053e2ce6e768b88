/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the home side share among themselves. */
#ifndef MOSIX_DAEMON_JOBS_PRIV_H
#define MOSIX_DAEMON_JOBS_PRIV_H

#include "daemon/balance.h"
#include "daemon/jobs.h"
#include "daemon/seq.h"

struct jobs {
	struct job *table;
	struct seq job_seq;
	struct seq move_seq;
	struct ev_timer tick;
};

/* jobs.c */
struct job *job_add(struct mosixd *d, uint64_t id);
/* Takes it out of the table, leaving its record. */
void job_drop(struct job *j);
/* Its record and all; not while a move needs it. */
void job_remove_if_over(struct job *j);
/* The guest need not keep the end of a job any longer that could not be written down. */
void job_release_end(const struct job *j);
void job_watch_deputy(struct job *j);
/* When it was started, as its record says; by clock_usec(). */
int64_t job_born(const Mosix__JobRecord *m);

/* job_spec.c */
int job_spec_check(const struct client *c, Mosix__JobSpec *spec, struct err *e);

/* job_start.c */
/* @status: 0 = it runs; else the exit status for the user, and @text says why. */
void job_tell_started(struct job *j, uint32_t status, const char *text);
void job_started(struct job *j);
void job_start_failed(struct job *j, uint32_t status, const char *text);
/* Its GuestStart to where it is to run, at once or soon. Negative: not sent. */
int job_send_start(struct job *j);
/* It is killed if it is not started in a while. */
void job_limit_start(struct job *j);

/* job_place.c */
/* @dec: BALANCE_NOTHING if the user has named the node. 0 or negative with a sentence. */
int job_choose_node(struct mosixd *d, const Mosix__JobStart *m, struct node **ret,
		    struct balance_decision *dec, struct err *e);
/* For the log, and for who asks later. */
void job_note_place(struct job *j, const struct balance_decision *dec);
/* The node that it was sent to has not taken it (@why), and so does not have it: the next one, or
 * home. False: there is none. */
bool job_start_elsewhere(struct job *j, const char *why);

/* job_end.c */
void job_send_kill(struct job *j);
void job_tell_ended(struct job *j);
/* May the guest at @from forget how its copy ended? Not before that is written down; until then it
 * keeps it, or until all is over. */
bool job_end_is_safe(struct job *j, uint32_t from, uint32_t gen);

/* job_signal.c */
/* Those that the copy has not taken, again. */
void job_send_signals(struct job *j);
/* Starts the timer that, once a second, sends signals again and looks at the deputies. */
void jobs_tick_start(struct mosixd *d);

#endif
