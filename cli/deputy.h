/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The deputy: the process that stands for a job on its home node, until the job has ended and all
 * of its output is delivered. One loop around poll(), no threads.
 *
 *	deputy.c          the loop, start and end
 *	deputy_path.c     the daemon's messages, the path of the job link, reconnecting
 *	deputy_stream.c   bytes between the user's descriptors and the link
 *	deputy_signal.c   signals, stopping and continuing, whose terminal it is
 */
#ifndef MOSIX_CLI_DEPUTY_H
#define MOSIX_CLI_DEPUTY_H

#include "cli/job_start.h"
#include "cli/run_opts.h"
#include "cli/user_io.h"
#include "common/chan.h"
#include "common/err.h"
#include "job/endpoint.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

struct deputy {
	const struct run_opts *opts;
	struct job_nodes allowed;
	struct user_io io;

	struct chan *control; /* NULL while there is no daemon */
	int64_t redial_at;    /* ms, as deputy_now() */

	uint64_t job; /* 0 until it is started */
	bool started;
	bool unsure;          /* it was asked for, and may run or not */
	uint32_t start_error; /* exit status; the job does not run */
	char *text;           /* of JobStarted with an error, of JobEnded when lost */
	uint32_t node;
	void *names; /* with --verbose: the answer to OP_NODES */

	struct endpoint *ep;
	uint32_t gen; /* of the copy at the other end of the path */
	bool path;
	int64_t down_at;     /* ms: last time that there was none */
	struct chan *direct; /* NULL: the path leads through the daemon */

	struct ufd tty_in, tty_out;
	uint64_t stdin_read;
	bool tty_line_open; /* the last line read is not ended by a newline */
	int64_t keys_at;    /* look again then whether the keyboard is ours */

	int sigfd;
	int64_t stop_by;       /* stop then, even if the job did not say that it stopped; 0 = no */
	int64_t stale_stop;    /* until then a STOPPED belongs to a stop that is over */
	bool no_stop;          /* no shell looks after us: the job is never in the background */
	int64_t stale_sigstop; /* the same, if it is by SIGSTOP */
	bool stopped_self;     /* the SIGCONT that comes is the end of a stop of our own */

	/* The program has ended by this status, its output may still be on its way. */
	bool main_ended;
	uint32_t main_status;
	uint64_t fatal;    /* signals that were passed on: bit number - 1 */
	int64_t output_at; /* last time that output got any further */

	bool ended, lost;
	uint32_t status; /* as wait(2) gives it */
	int broken;      /* negative errno: the deputy itself cannot go on */
};

/* So long may a reader take nothing of the output of a job that the user has killed. */
#define DEPUTY_ABANDON_MS 2000

/* Result of deputy_run(). */
struct deputy_end {
	int exit_status; /* if no signal */
	int signal;      /* end by this one; 0 = exit */
};

void deputy_init(struct deputy *d, const struct run_opts *opts);
void deputy_done(struct deputy *d);

/* Asks for the job and waits until it runs. 0; positive: the exit status for the user, with a
 * sentence in @e. */
int deputy_start(struct deputy *d, struct err *e);
/* Stands for it until its end. */
struct deputy_end deputy_run(struct deputy *d);
/* What main() returns, so that the caller says of us what it would say of the job; does not come
 * back if a signal ended that. */
int deputy_end(const struct deputy_end *end);
/* ps and top show the job's program, as the caller's child would be called. */
void deputy_set_title(const char *program);

/* ---- between the files of the deputy */

int64_t deputy_now(void);
/* One line on standard error, whatever mode the terminal is in. */
void deputy_say(struct deputy *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reads and sends until neither gets any further. */
void deputy_path_run(struct deputy *d);
/* One frame of the control channel. */
void deputy_path_message(struct deputy *d, const struct chan_frame *f);
void deputy_path_redial(struct deputy *d);
/* The job could not be reached for longer than a move takes. */
bool deputy_path_is_lost(const struct deputy *d);
void deputy_path_send_ack(struct deputy *d);
/* Through the daemon, for when the link is down; false if there is none. */
bool deputy_path_signal(struct deputy *d, int sig);

enum { DEPUTY_STREAMS = 5 };

struct deputy_poll {
	short events[DEPUTY_STREAMS]; /* in: to wait for; later: what there is; by link_stream */
	int fd[DEPUTY_STREAMS];       /* -1 = nothing to wait for */
};

void deputy_stream_init(struct deputy *d);
void deputy_stream_want(struct deputy *d, struct deputy_poll *p);
void deputy_stream_move(struct deputy *d, const struct deputy_poll *p);
/* Writes what has arrived as far as nothing blocks. */
void deputy_stream_flush(struct deputy *d);
/* Closes outputs whose end has come; true if there was one. */
bool deputy_stream_ends(struct deputy *d);
/* The user ended the job by a signal, and nobody takes the rest of its output. */
bool deputy_stream_abandoned(struct deputy *d);
/* Everything that the job wrote is with the user. */
bool deputy_stream_delivered(struct deputy *d);
/* Nothing that has arrived is left. */
bool deputy_stream_idle(struct deputy *d);

int deputy_signal_init(struct deputy *d);
void deputy_signal_read(struct deputy *d);
/* The job's stops, and ours that are due; true if there was one. */
bool deputy_signal_stops(struct deputy *d);
/* Raw or cooked, as it should be now. */
void deputy_signal_terminal(struct deputy *d);
/* The user wants his shell, now. */
void deputy_signal_stop_now(struct deputy *d, int sig, bool group);

#endif
