/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands' end of the daemon's control socket: connecting, and asking one question at a
 * time.
 */
#ifndef MOSIX_CLI_CLIENT_H
#define MOSIX_CLI_CLIENT_H

#include "common/chan.h"
#include "common/err.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>

#define CLIENT_QUEUE_MAX (8u << 20)

/* Where the daemon listens: $MOSIX_CONTROL, or the usual place. */
const char *client_path(void);

/* Connects to the local daemon. -ENOENT or -ECONNREFUSED when none runs; @e says what to do. */
int client_connect(struct chan **ret, struct err *e);

/* Takes an answer with `more` set; false: that is enough, it becomes the answer. No other question
 * may then be asked on that connection. */
typedef bool client_progress_fn(const Mosix__Reply *r, void *data);

/* Sends @q and waits for the final answer, which the caller frees with msg_free(). Answers with
 * `more` set are given to @progress (may be NULL) as they come. 0, -ECONNRESET, -EPROTO, or the
 * negative of the answer's own error, whose sentence is then in @e; *ret is set only on 0. */
int client_ask(struct chan *c, const Mosix__Request *q, client_progress_fn *progress, void *data,
	       Mosix__Reply **ret, struct err *e);
/* The sentence of an answer that is an error: negative errno, 0 if it is none. */
int client_error(const Mosix__Reply *m, struct err *e);

/* The name of a node by an answer to OP_NODES (or NULL), else its number in @buf. */
const char *client_node_name(const Mosix__Reply *nodes, uint32_t node, char *buf, size_t size);

#endif
