/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-batch: one job per line of a file. The parts:
 *
 *	batch.c         the command line, and the whole in order
 *	batch_input.c   the lines
 *	batch_state.c   what an earlier run has done (--state)
 *	batch_run.c     starting and ending jobs
 *	batch_output.c  what jobs wrote, progress, the summary
 *
 * Each job has a deputy process, a child of ours that is forked and not executed.
 */
#ifndef MOSIX_CLI_BATCH_H
#define MOSIX_CLI_BATCH_H

#include "cli/job_start.h"
#include "common/err.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BATCH_LINES_MAX 10000000u
#define BATCH_AT_ONCE_MAX 1024u

struct batch_opts {
	const char *file; /* NULL: standard input */
	const char *nodes;
	const char *output; /* directory, or NULL */
	const char *state;  /* file, or NULL */
	unsigned int jobs;  /* 0: as many as the cluster can take */
	unsigned int retry;
	bool keep_order;
	bool fail_fast;
	bool dry_run;
	bool json;
	bool verbose;
};

enum batch_line_state {
	LINE_WAITING,
	LINE_SKIPPED, /* an earlier run has done it */
	LINE_RUNNING,
	LINE_ENDED,
};

struct batch_line {
	char *text;
	size_t number; /* in the file, from 1 */
	uint64_t hash; /* of the text and of how often it has come before */
	uint64_t job;  /* 0: was not started */
	int status;    /* as wait(2) gives it */
	unsigned char state;
	bool lost; /* with its node, or could not be started */
	unsigned int tries;
};

/* What a deputy tells us of its job; shared memory. */
struct batch_report {
	uint64_t job;
	uint32_t node;
	bool lost;
	char text[ERR_MAX]; /* why it is lost or was not started */
};

struct batch_slot {
	pid_t pid; /* 0 = free */
	struct batch_line *line;
};

struct batch {
	struct batch_opts opts;
	struct job_nodes nodes; /* of --nodes; count 0: any */

	struct batch_line *lines;
	size_t count;
	size_t next;  /* first that may not have been started */
	size_t shown; /* with --keep-order: those before it */

	struct batch_slot *slots;
	struct batch_report *reports; /* one for each slot */
	unsigned int at_once, running;

	size_t skipped, succeeded, failed;
	int state_fd;
	char dir[PATH_MAX - 64]; /* where outputs are collected */
	bool own_dir;            /* to be removed */
	bool tty;                /* progress is shown */
	bool progress;           /* there is a line of it on the terminal */
	int64_t begun, drawn;    /* ms */
	int stop;   /* no more starts: 1 = by ^C or a failure, 2 = jobs are ended too */
	int signal; /* that stopped it; 0 = none */
};

/* All of @f, without empty lines and those that begin with "#". 0 or -errno with a sentence. */
int batch_read(struct batch *b, FILE *f, struct err *e);
void batch_free_lines(struct batch *b);

/* Opens or makes the file, marks lines that are done. 0 or -errno with a sentence; *ret_gone: so
 * many that are done are not among the lines any more. */
int batch_state_open(struct batch *b, size_t *ret_gone, struct err *e);
/* @l has ended well, and what it wrote is out. */
int batch_state_add(struct batch *b, const struct batch_line *l, struct err *e);
/* What was added is on the disk. */
int batch_state_sync(struct batch *b, struct err *e);

/* Makes room for b->at_once jobs. */
int batch_run_init(struct batch *b, struct err *e);
/* All lines, until nothing runs any more. 0, or -errno of our own trouble. */
int batch_run(struct batch *b, struct err *e);
void batch_run_done(struct batch *b);

/* Where a line's output goes. */
int batch_output_init(struct batch *b, struct err *e);
void batch_output_path(const struct batch *b, const struct batch_line *l, const char *kind,
		       char ret[PATH_MAX]);
bool batch_ended_well(const struct batch_line *l);
/* @l has ended: shows what is to be shown by now, and notes which of it is done. */
int batch_output_line(struct batch *b, struct batch_line *l, struct err *e);
/* Nothing more will end: shows and notes the rest. */
int batch_output_rest(struct batch *b, struct err *e);
void batch_output_done(struct batch *b);
void batch_progress(struct batch *b, bool now);
/* One line on standard error, in place of the progress. */
void batch_say(struct batch *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int batch_summary(struct batch *b, struct err *e);

#endif
