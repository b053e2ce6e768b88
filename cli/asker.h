/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the daemon without waiting for it, for programs that also look after a terminal. One
 * question at a time; a daemon that went away is dialled again with the next one.
 */
#ifndef MOSIX_CLI_ASKER_H
#define MOSIX_CLI_ASKER_H

#include "cli/client.h"
#include <poll.h>

struct asker {
	struct chan *chan; /* NULL: not connected */
	bool busy;         /* a question waits for its answer */
};

void asker_done(struct asker *a);
/* 0; -EBUSY if it is; or what client_connect() returns. */
int asker_ask(struct asker *a, const Mosix__Request *q, struct err *e);
/* Leaves the answer to nobody: what was asked for is done all the same. */
void asker_forget(struct asker *a);
struct pollfd asker_poll(const struct asker *a);
/* 1: *ret is an answer (msg_free()), the last one unless its `more` is set; 0: none yet; negative:
 * there will be none, @e says why. The daemon's errors are answers. */
int asker_step(struct asker *a, Mosix__Reply **ret, struct err *e);

#endif
