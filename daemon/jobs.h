/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The home side: jobs that were started on this node, wherever they run. The record in the
 * journal is written before anything is done that it must know of.
 */
#ifndef MOSIX_DAEMON_JOBS_H
#define MOSIX_DAEMON_JOBS_H

#include "ckpt/cpu.h"
#include "common/err.h"
#include "daemon/journal.pb-c.h"
#include "daemon/process.h"
#include "policy/handover.h"
#include "proto/mosix.pb-c.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct client;
struct decision_note;
struct move;
struct move_asked;
struct mosixd;
struct node;
struct wanted;

/* Signals that may wait at home for a job. */
#define JOB_SIGNALS_MAX 64u

struct job {
	struct mosixd *d;
	uint64_t id;
	Mosix__JobState state;
	struct handover_job copy; /* the one true copy: gen, node, made by which move */
	Mosix__JobSpec *spec;     /* without argv and envp */
	char command[256];
	struct process deputy; /* pid 0 = detached */
	struct ev_io deputy_died;
	struct client *client; /* the deputy's connection; NULL while it is away */
	bool killed;           /* must end */
	bool linked;           /* deputy and guest have been joined */
	bool deputy_done;      /* nobody waits for its end (any more) */
	uint64_t start_epoch;  /* of the node's link, when GuestStart was sent */
	struct ev_timer start_timer;
	uint64_t signal_seq;       /* of the last one that was given a number */
	unsigned int signal_count; /* of those that the copy has not said to have taken */
	uint8_t signals[JOB_SIGNALS_MAX];

	struct move *move;         /* that we arbitrate now */
	bool moving;               /* and it is not yet known where the job goes on */
	struct move_asked *asked;  /* that balancing asked for; NULL = nothing */
	struct wanted *wanted;     /* the next move: waits for the end of this one, or for a link */
	enum handover_phase phase; /* as the journal has it, with the next three */
	struct handover_ref ref;
	uint32_t source, destination;

	uint32_t status; /* in JOB_ENDED: as wait(2) gives it */
	bool lost;
	bool end_saved; /* the journal has it */
	bool end_kept;  /* by the guest, since the journal has not */
	char text[ERR_MAX];

	uint64_t started;  /* seconds since the epoch */
	int64_t born_usec; /* the same, by clock_usec() */
	uint32_t start_node;
	uint32_t moves;
	uint64_t cpu_before, net_before; /* of the copies before this one */
	uint64_t cpu_usec, rss;          /* of this copy, as last told, with the next three */
	uint32_t demand, used, processes;
	uint64_t net_bytes, net_rate; /* of this copy, likewise */
	bool stopped;
	bool frozen;                     /* by mosixctl freeze */
	struct decision_note *decisions; /* the last ones, oldest first */
	uint8_t bring_tries;             /* how often it was to come home */
	char bring_why[160];             /* and did not */
	/* While it starts: how it is placed, how often it was. */
	bool placed, best, or_home;
	uint8_t places;
	uint32_t claimed_load; /* that its node is thought to have */
	struct cpu cpu;        /* what it may rely on: of all nodes where it has run */
	UT_hash_handle hh;
};

/* Reads the journal. */
int jobs_new(struct mosixd *d, struct err *e);
/* Gives HANDOVER_RECOVER to the moves in the journal and looks for the deputies. */
void jobs_recover(struct mosixd *d);
void jobs_free(struct mosixd *d);

struct job *jobs_find(struct mosixd *d, uint64_t id);
struct job *jobs_first(struct mosixd *d);
struct job *jobs_find_deputy(struct mosixd *d, pid_t pid);
unsigned int jobs_count(struct mosixd *d);
unsigned int jobs_count_user(struct mosixd *d, uint32_t uid);
/* A number for a new move of any job; 0 or negative. */
int jobs_next_move(struct mosixd *d, uint64_t *ret);

/* From a deputy. Takes what it needs from @m. The answer goes to the client. */
void job_start(struct client *c, Mosix__JobStart *m);
/* The job must end: its deputy is dead, or somebody said so. */
void job_kill(struct job *j, const char *why);
/* It will arrive, once, if the job lives. 0 or negative with a sentence. */
int job_signal(struct job *j, uint32_t signal, struct err *e);
/* May it be on that node (mosix-run --on)? */
bool job_spec_allows(const Mosix__JobSpec *s, uint32_t node);
/* By its user's word: it does not move; it does not run. 0 or negative with a sentence. */
int job_lock(struct job *j, bool on, struct err *e);
int job_freeze(struct job *j, bool on, struct err *e);
/* To the node where it runs: what was said of it. */
void job_send_control(const struct job *j);
void jobs_send_controls(struct mosixd *d);
/* A frozen job is let run just before it is moved, and frozen again when that is over. */
void job_thaw_to_move(const struct job *j);
/* It is known (again) where it runs: what had to wait is done. @j may be gone afterwards. */
void job_settled(struct job *j);
/* It has ended; @m may be of another copy or NULL, then @text says why it is lost. */
void job_end(struct job *j, const Mosix__GuestExited *m, const char *text);
/* Nobody waits for its end any more. */
void job_forget(struct job *j);
/* Writes its record. 0 or negative: then the old one is still there. */
int job_save(struct job *j);
/* It runs, or may run, on such a node too. 0 or -ENOMEM. */
int job_note_cpu(struct job *j, const Mosix__NodeInfo *info);

/* Joins deputy and guest if both are there and are not joined yet. */
void job_link_update(struct job *j);
/* The path is gone at one end: tells the other. */
void job_link_down(struct job *j);
int jobs_on_link(struct mosixd *d, uint32_t from, const uint8_t *body, size_t len);

/* From the node where the copy is. Negative = not valid. */
int jobs_on_started(struct mosixd *d, uint32_t from, Mosix__GuestStarted *m);
int jobs_on_exited(struct mosixd *d, uint32_t from, Mosix__GuestExited *m);
int jobs_on_signalled(struct mosixd *d, uint32_t from, Mosix__GuestSignal *m);
int jobs_on_stats(struct mosixd *d, uint32_t from, Mosix__GuestStats *m);
int jobs_on_list(struct mosixd *d, uint32_t from, Mosix__GuestList *m);
int jobs_on_link_down(struct mosixd *d, uint32_t from, Mosix__GuestRef *m);

void jobs_node_down(struct node *n);
/* What was to start there has not been sent: there is no link. */
void jobs_link_failed(struct node *n);
/* Marks the nodes to which a link is needed for a job of this node. */
void jobs_mark_nodes(struct mosixd *d);
/* What runs there is lost for good (moves_node_dead() has seen to what moves). */
void jobs_node_dead(struct node *n);

#endif
