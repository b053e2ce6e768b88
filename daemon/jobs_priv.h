/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the home side share among themselves. */
#ifndef MOSIX_DAEMON_JOBS_PRIV_H
#define MOSIX_DAEMON_JOBS_PRIV_H

#include "daemon/jobs.h"
#include "daemon/seq.h"

struct jobs {
	struct job *table;
	struct seq job_seq;
	struct seq move_seq;
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

/* job_spec.c */
int job_spec_check(const struct client *c, Mosix__JobSpec *spec, struct err *e);

/* job_start.c */
void job_started(struct job *j);
void job_start_failed(struct job *j, uint32_t status, const char *text);

/* job_end.c */
void job_send_kill(struct job *j);
void job_tell_ended(struct job *j);

/* job_signal.c */
/* Those that the copy has not taken, again. */
void job_send_signals(struct job *j);
/* Stops the job if its deputy is stopped. */
void job_follow_deputy(struct job *j);

#endif
