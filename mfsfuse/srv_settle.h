/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the server tells its daemon: that changes are known to all clients, and what it has done. */
#ifndef MOSIX_MFSFUSE_SRV_SETTLE_H
#define MOSIX_MFSFUSE_SRV_SETTLE_H

#include <stdint.h>

struct chan;

/* An eventfd for struct dlink_ops, or negative. */
int settle_init(void);
int settle_begin(struct chan *c, uint64_t number);
int settle_woken(struct chan *c);
/* Counters of requests. */
int settle_tick(struct chan *c);

#endif
