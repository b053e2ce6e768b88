/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delegations: what clients may keep of this node's files without asking again, until it is
 * recalled.
 *
 * A session may hold a directory (then names in it, also that there is no such name, and the
 * directory's attributes may be kept as they are granted with each reply), or a file (contents,
 * attributes, and that anybody may open it). Only what everybody may search or read is given away,
 * so that keeping it says nothing about who is asking. fanotify and leases tell of changes that
 * local processes make, and of our own as well: whoever changes something for a client drains the
 * queue before it answers (struct mutation), and waits until the other clients have obeyed.
 */
#ifndef MOSIX_MFSFUSE_SRV_DELEG_H
#define MOSIX_MFSFUSE_SRV_DELEG_H

#include "mfsfuse/srv.h"

/* Starts to watch. Nothing is delegated if that is not possible here, which is logged. */
void deleg_start(void);
/* Before any thread: blocks the signal of leases. */
void deleg_block_signals(void);
/* What HELLO may offer. */
uint64_t deleg_features(void);

/* The session has another connection: no grants until its client says that it keeps nothing. */
void deleg_pause(struct session *s);
/* It is over. */
void deleg_end(struct session *s);

/* These note in the reply what is granted. The server's own capabilities are needed. */

/* Before @name is looked for in the directory that the request is about. */
void grant_name(const struct request *rq, int dir, const char *name, struct reply *rp);
/* Before the attributes of the request's own directory are read. */
void grant_attr(const struct request *rq, int dir, struct reply *rp);
/* The attributes of a directory that the session may have already, which were read just now. */
void grant_attr_known(const struct request *rq, const struct mfs_attr *a, struct reply *rp);
/* When a directory was opened. */
void grant_list(const struct request *rq, int dir, struct reply *rp);
/* Before the attributes of a file are read that was opened for reading. */
void grant_file(const struct request *rq, int fd, struct reply *rp);

/* A descriptor of a file that the session holds, opened anew: works without a name. -ESTALE. */
int deleg_reopen(struct session *s, const struct mfs_fh *fh);

/* ------------------------------------------------------------------ changes */

#define OBJECT_HANDLE_MAX 24u

/* Names a directory or file as fanotify does. Canonical: a hash key. */
struct object_key {
	uint64_t fsid;
	int32_t type;
	uint32_t len;
	uint8_t data[OBJECT_HANDLE_MAX];
};

#define MUTATION_DIRS 4

/* A change that a request makes to names, attributes or files. */
struct mutation {
	struct mutation *prev, *next;
	struct session *s;
	int tid;
	bool on, brief;
	struct object_key dirs[MUTATION_DIRS];
	unsigned int dir_count;
	unsigned int left; /* recalls that it has caused and that are not obeyed yet */
};

/* A directory that the client's kernel keeps locked until it has the reply. */
void mutation_dir(struct mutation *m, int fd);
/* The same for what is there under a name, if that is a directory. */
void mutation_child(struct mutation *m, int dir, const char *name);
/*
 * Begins the change, after mutation_dir(). Of several changes in one directory only one is made at
 * a time: while its recalls are out, another client may have its kernel's directory locked for a
 * change that waits here, and could not obey. That change is sent back with -ESTALE, at which the
 * kernel looks again and repeats it. @brief: no such thing can be done for this change; so it waits
 * for nobody, and not long for those that it has recalled from.
 */
int mutation_begin(struct mutation *m, const struct request *rq, bool brief);
/* A change of what @fd is itself: brief if that is a directory. */
void mutation_begin_inode(struct mutation *m, const struct request *rq, int fd);
/* Waits until others have obeyed, those that do not are fenced off. Without effect if not begun. */
void mutation_end(struct mutation *m);
#define _cleanup_mutation_ _cleanup_(mutation_end)

/* ------------------------------------------------------------------ barrier */

/* Takes in all that has happened. 0: nothing is being recalled; otherwise for deleg_is_settled().
 */
uint64_t deleg_settle(void);
/* What deleg_settle() saw has been obeyed. */
bool deleg_is_settled(uint64_t mark);
/* @fd (an eventfd) is written to whenever something was obeyed, as long as somebody waits. */
void deleg_wake(int fd, bool waiting);

#endif
