/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other nodes keep of this node's files what was delegated to them. What local processes change is
 * recalled, but they do not wait for that. Before a job goes to another node all that was changed
 * here before must be known there: the job was started because of it.
 */
#ifndef MOSIX_DAEMON_MFS_SETTLE_H
#define MOSIX_DAEMON_MFS_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

struct mosixd;
struct chan_frame;

/* What is to be done then; @a and @b say with what, which may be gone by then. */
typedef void mfs_settled_fn(struct mosixd *d, uint64_t a, uint64_t b);

/* Calls @fn when mosix-mfsd has answered, or not within two seconds. False: it cannot be asked (and
 * so serves nobody); @fn is not called. */
bool mfs_settle(struct mosixd *d, mfs_settled_fn *fn, uint64_t a, uint64_t b);

/* For mfs.c: an answer, 0 or -EPROTO; and that none will come any more. */
int mfs_on_settled(struct mosixd *d, const struct chan_frame *f);
void mfs_settle_all(struct mosixd *d);
/* Without calling anything. */
void mfs_settle_free(struct mosixd *d);

#endif
