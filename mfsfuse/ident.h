/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acting as somebody else, one thread at a time: file system user and group, supplementary
 * groups and capabilities of the calling thread alone. A user gets the groups that this node's
 * user database gives, and no capability at all: clearing the fsuid would leave CAP_SYS_ADMIN,
 * CAP_SETFCAP and CAP_SYS_RESOURCE behind, which also open doors in file systems.
 */
#ifndef MOSIX_MFSFUSE_IDENT_H
#define MOSIX_MFSFUSE_IDENT_H

#include <sys/types.h>

/* Once, before any thread: notes the capabilities of the process. 0 or a negative errno. */
int ident_init(void);

/* For each thread that will act for others: it gets a umask of its own. */
int ident_thread_init(void);

/* From now on the thread acts as @uid. @gid is used if the user database agrees that @uid is in
 * it (or knows neither), otherwise the user's own group. 0, -EPERM, -ENOMEM. */
int ident_become(uid_t uid, gid_t gid);

/* All capabilities, for what the server does on its own account; ident_become() ends it. The
 * owner of files made meanwhile would still be the last user. */
void ident_raise(void);

/* Forgets what the user database said more than a minute ago. */
void ident_expire(void);

#endif
