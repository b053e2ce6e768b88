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
	bool all;         /* ps: every user's */
	const char *file; /* -f */
	int argc;         /* what remains behind the subcommand and the options */
	char **argv;
	struct chan *chan; /* once ctl_connect() was called */
};

/* Prints "mosixctl: <sentence>" on standard error and returns @status. */
int ctl_fail(int status, const struct err *e);
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* 0, or the exit status after having said why. */
int ctl_connect(struct ctl *ctl);
/* Connects if need be and asks. 0, or the exit status after having said why. */
int ctl_ask(struct ctl *ctl, const Mosix__Request *q,
	    void (*progress)(const Mosix__Reply *r, void *data), void *data, Mosix__Reply **ret);
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

int ctl_status(struct ctl *ctl);
int ctl_nodes(struct ctl *ctl);
int ctl_ps(struct ctl *ctl);
int ctl_migrate(struct ctl *ctl);
int ctl_kill(struct ctl *ctl);
int ctl_explain(struct ctl *ctl);
int ctl_keygen(struct ctl *ctl);
int ctl_config(struct ctl *ctl);

#endif
