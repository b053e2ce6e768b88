/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file-system processes' line to the daemon: descriptor 3 at first, then, when the daemon has
 * gone, its socket again and again. Nothing else in these processes depends on the daemon.
 */
#ifndef MOSIX_MFSFUSE_DLINK_H
#define MOSIX_MFSFUSE_DLINK_H

#include <stdbool.h>

#include "proto/mosix.pb-c.h"

struct chan;

struct dlink_ops {
	/* All are called from the link's own thread. */
	void (*config)(const Mosix__MfsConfig *c);
	void (*accept)(int fd); /* takes the descriptor; NULL: not a server */
	/* About once a second, to say something; NULL: nothing. Negative: the line is broken. */
	int (*tick)(struct chan *c);
	/* The daemon wants to hear when all changes of before are known to the clients; NULL: not a
	 * server. */
	int (*settle)(struct chan *c, uint64_t number);
	/* @wake (an eventfd, or -1) was written to. */
	int (*woken)(struct chan *c);
	int wake;
};

/* Starts the thread. 0 or a negative errno. @ops stays the caller's and must live on. */
int dlink_start(const struct dlink_ops *ops);

#endif
