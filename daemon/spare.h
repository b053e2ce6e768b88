/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-guest processes are kept ready, so that no job's start waits for one to be loaded: one, and
 * more while starts come in quick succession.
 */
#ifndef MOSIX_DAEMON_SPARE_H
#define MOSIX_DAEMON_SPARE_H

#include "common/err.h"
#include "daemon/process.h"

struct mosixd;

/* Gets the first one ready. */
int spare_new(struct mosixd *d, struct err *e);
/* They end by themselves. */
void spare_free(struct mosixd *d);

/* A spare one or, when there is none, a new one, and our end of its connection: both are the
 * caller's. 0 or -errno. */
int spare_take(struct mosixd *d, struct process *ret, int *ret_fd);

#endif
