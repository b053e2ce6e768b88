/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names that the kernel keeps because a server has delegated their directories to us, also
 * those that are not there. Each is written down, beyond our own death, before the kernel hears of
 * it: the kernel cannot be told to ask again about all names of a directory, only about one by one.
 *
 * A name may be kept for good if the kernel has its directory locked until it has the answer: then
 * it is told to ask again after that. It does not lock it when it asks about a name that it knows
 * already, so that it may take note of the answer after it was told to ask again: such a name
 * ("known") is kept for a second only, and in the meantime we answer for the server.
 */
#ifndef MOSIX_MFSFUSE_CLI_KEPT_H
#define MOSIX_MFSFUSE_CLI_KEPT_H

#include "mfsfuse/cli.h"

#define KEPT_SECONDS 3600.0
#define KEPT_KNOWN_SECONDS 1.0

/* Notes a name, to be kept as long as the result says: 0.0 = there is no room. @child is 0 if there
 * is no such name. */
double kept_add(struct inode *dir, const char *name, uint64_t child, bool known);
/* It is not kept any more; the kernel knows. */
void kept_remove(struct inode *dir, const char *name);
/* True if it was kept: we do not answer for it any more, but the kernel does. */
bool kept_revoke(struct inode *dir, const char *name);
void kept_revoke_all(struct inode *dir);
/* Has the kernel ask again; returns when it does. Not for threads that answer the kernel. */
void kept_expire(struct inode *dir, const char *name);
/* ... about all that were revoked. */
void kept_expire_revoked(struct inode *dir);
bool kept_any(const struct inode *dir);
/* The directory is not known to the kernel any more. */
void kept_forget(struct inode *dir);
/* Answers a lookup. False: the server must be asked. */
bool kept_answer(fuse_req_t req, struct inode *dir, const char *name);
/* Those that an earlier process left, as revoked. */
int kept_restore(void);

#endif
