/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination's half of a move: what its parts share.
 */
#ifndef MOSIX_CKPT_WORKER_DESTINATION_H
#define MOSIX_CKPT_WORKER_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ckpt/worker.h"
#include "ckpt/xfer.h"

struct destination {
	struct worker *w;
	int images;
	struct stream *net;
	struct xfer_receiver *rx;
	bool shaken, complete;
	short net_events;
	uint64_t told;
	int inherit[ENGINE_INHERIT_MAX];
	char *inherit_key[ENGINE_INHERIT_MAX];
	size_t inherit_count;
	Worker__Restore *cmd;
	struct criu *criu;
	char *ghosts; /* see ckpt/ghosts.h */
	size_t ghosts_len;
	bool started; /* criu is at work */
	pid_t init;
	pid_t warm; /* goes ahead of criu's change of cgroup; 0 = none */
	struct err err;
};

/* Something happened on the image connection. 0 or negative with the reason in d->err. */
int destination_on_net(struct destination *d);

#endif
