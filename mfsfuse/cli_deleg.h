/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delegations, the client's side: what servers have granted, and giving it back. What the kernel
 * keeps is dropped by threads of their own, as the kernel may wait for an answer of ours before it
 * lets go.
 *
 * Functions "of the peer's thread" are called from there alone: what is granted and what is
 * recalled comes to it in order.
 */
#ifndef MOSIX_MFSFUSE_CLI_DELEG_H
#define MOSIX_MFSFUSE_CLI_DELEG_H

#include "mfsfuse/cli.h"

/* The kernel can do what is needed. */
void deleg_allow(bool allowed);
int deleg_start(void);
/* Drops what an earlier process has had the kernel keep; from then on there may be delegations. */
void deleg_take_over(void);

/* Of the peer's thread. */

/* A connection is up; what the server offers. */
void deleg_up(struct peer *p, uint64_t features);
/* The server is not heard, or gone: nothing is delegated any more. Not with the peer's lock. */
void deleg_lost(struct peer *p);
/* -EPROTO. @h is MFS_OP_RECALL. */
int deleg_recall(struct peer *p, const struct mfs_hdr *h, const uint8_t *body);

/* The answer is young enough to be kept, as what is asked for (one of enum mfs_grant). */
bool deleg_granted(const struct call *c, const struct result *r, const struct inode *i,
		   uint64_t what);
/* The kernel is told to keep something of the inode. */
void deleg_keep(struct inode *i);
/* Names in it are, which is only so where everybody may search; or that it may be opened here. */
void deleg_take_dir(const struct call *c, const struct result *r, struct inode *dir);
/* How long attributes of @i may be kept that came with that reply. */
double deleg_attr_seconds(const struct call *c, const struct result *r, struct inode *i);
/* The file is ours, if that is granted. */
void deleg_take_file(const struct call *c, const struct result *r, struct inode *i,
		     const struct mfs_attr *a);

/* Of any thread. */

/* The file, or a directory as far as its attributes go, is held: those. */
bool deleg_holds(struct inode *i, struct mfs_attr *ret_attr, bool *ret_exec);
/* A directory: everybody may search it. */
bool deleg_may_search(struct inode *dir);
/* With the peer's lock: it may be opened without asking. */
bool deleg_may_open(const struct inode *i);
/* A call is sent, or ends: of our own changes of directories the server tells us nothing. */
void deleg_call_begins(struct call *c);
void deleg_call_ends(struct call *c);
/* Names in directories have changed places in the kernel, perhaps with the time they are kept. */
void deleg_renamed(struct inode *dir, const char *name, struct inode *dir2, const char *name2);
/* The kernel does not know the inode any more. */
void deleg_forget(struct inode *i);

/* Asks for delegations, if nothing of before the connection is left. */
void deleg_ask(struct peer *p);

/* ------------------------------------------------------------------ files opened here alone */

/* Answers, if the file is held, or everybody may read the directory. */
bool local_open(fuse_req_t req, struct inode *i, struct fuse_file_info *fi);
bool local_opendir(fuse_req_t req, struct inode *i, struct fuse_file_info *fi);
bool local_is(const struct file *f);
/* True: the server does not know the file, or is about to; it is done with, or will be. */
bool local_release(struct file *f);
/* Sends a call about an open file that the server must know. */
void local_call(struct call *c, call_fn *done);
/* Opens at the server what was opened here alone. @wait: returns when that is done. */
void local_end(struct inode *i, bool wait);

#endif
