/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosixctl: what its subcommands share. Each is a function that returns the exit status.
 */
#ifndef MOSIX_CLI_CTL_H
#define MOSIX_CLI_CTL_H

#include "cli/client.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,    /* refused, or it went wrong; explain: it cannot move */
	CTL_USAGE = 2,     /* wrong command line */
	CTL_NO_DAEMON = 3, /* mosixd does not run here */
};

struct ctl {
	bool json;
	bool quiet;
	bool all;           /* ps, top, bring: every user's */
	bool wide;          /* ps -l */
	bool no_wait;       /* drain, expel, bring */
	bool watch;         /* nodes: again and again */
	bool batch;         /* top: without a screen */
	bool ascii;         /* mon: no other characters */
	const char *file;   /* keygen -f */
	const char *fields; /* ps, top -o */
	const char *sort;   /* ps, top -s */
	const char *count;  /* top -n */
	const char *delay;  /* top, mon -d */
	int argc;           /* what remains behind the subcommand and the options */
	char **argv;
	struct chan *chan; /* once ctl_connect() was called */
};

struct subcommand {
	const char *name;
	int (*run)(struct ctl *ctl);
	const char *options; /* the letters that it takes; j is --json */
	const char *args;
	const char *text;
};

/* Takes the options of @sub out of argv, into @ctl; 0 or CTL_USAGE. */
int ctl_take_options(struct ctl *ctl, const struct subcommand *sub, int argc, char **argv);
/* Prints the part of the help that tells of options. */
void ctl_print_options(FILE *out);

/* Prints "mosixctl: <sentence>" on standard error and returns @status. */
int ctl_fail(int status, const struct err *e);
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* 0, or the exit status after having said why. */
int ctl_connect(struct ctl *ctl);
/* Connects if need be and asks. 0, or the exit status after having said why. */
int ctl_ask(struct ctl *ctl, const Mosix__Request *q, client_progress_fn *progress, void *data,
	    Mosix__Reply **ret);
/* The same for a question that needs no more than its kind. */
int ctl_ask_op(struct ctl *ctl, Mosix__RequestOp op, Mosix__Reply **ret);

/* Reads "PID" or "HOME.SEQ" into @q; 0 or CTL_USAGE. */
int ctl_target(const char *text, Mosix__Request *q);

const Mosix__JobRow *ctl_find_job(const Mosix__Reply *ps, const Mosix__Request *q);

/* Characters in a line of the terminal; 0 when standard output is none. */
size_t ctl_width(void);

/* A JSON string; what is not UTF-8 is replaced. */
json_t *ctl_json_str(const char *text);
/* Prints and frees @o; NULL (out of memory) is said. Returns the exit status. */
int ctl_json_print(json_t *o);

/* Seconds (at least a tenth) of an option or argument into *ret_ms, which stays as it is if @text
 * is NULL; 0 or CTL_USAGE. */
int ctl_seconds(const char *text, int *ret_ms);

/* The line on a terminal that says how far something is. */
struct progress {
	const char *name; /* what stands in front, or NULL */
	bool show;        /* standard error is a terminal, and nobody asked for silence */
	bool shown;       /* there is a line to wipe out */
	bool first_only;  /* do not wait for more */
};

void progress_init(struct progress *p, const struct ctl *ctl, const char *name);
bool progress_show(const Mosix__Reply *m, void *progress);
void progress_wipe(const struct progress *p);

int ctl_status(struct ctl *ctl);
int ctl_nodes(struct ctl *ctl);
/* nodes --watch: on a terminal as a screen, otherwise what @once prints, again and again. */
int ctl_watch_nodes(struct ctl *ctl, int (*once)(struct ctl *ctl));
int ctl_top(struct ctl *ctl);
int ctl_mon(struct ctl *ctl);
int ctl_ps(struct ctl *ctl);
int ctl_migrate(struct ctl *ctl);
int ctl_kill(struct ctl *ctl);
int ctl_lock(struct ctl *ctl);
int ctl_unlock(struct ctl *ctl);
int ctl_freeze(struct ctl *ctl);
int ctl_continue(struct ctl *ctl);
int ctl_drain(struct ctl *ctl);
int ctl_undrain(struct ctl *ctl);
int ctl_block(struct ctl *ctl);
int ctl_unblock(struct ctl *ctl);
int ctl_expel(struct ctl *ctl);
int ctl_bring(struct ctl *ctl);
int ctl_stay(struct ctl *ctl);
int ctl_unstay(struct ctl *ctl);
int ctl_speed(struct ctl *ctl);
int ctl_balance(struct ctl *ctl);
int ctl_explain(struct ctl *ctl);
int ctl_metrics(struct ctl *ctl);
int ctl_keygen(struct ctl *ctl);
int ctl_config(struct ctl *ctl);

#endif
