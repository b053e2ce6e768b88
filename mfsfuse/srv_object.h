/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of delegations: watched directories and files, who holds them, recalls. All of it is
 * protected by one lock.
 */
#ifndef MOSIX_MFSFUSE_SRV_OBJECT_H
#define MOSIX_MFSFUSE_SRV_OBJECT_H

#include "mfsfuse/srv_deleg.h"
#include "mfsfuse/srv_nameset.h"

#define RECALL_MS 2000u
/* What was changed so lately is likely to be changed again, and what local processes do is told
 * behind their backs: nothing is granted of it. */
#define RESTLESS_SECONDS 10

struct object {
	struct object_key key;
	bool dir;
	bool marked;
	bool leased;      /* files: with fd */
	int fd;           /* files: keeps the file; directories: -1 */
	uint64_t changed; /* when it was seen to change, as of deleg.age */
	/* Directories: no names are granted before, in milliseconds; and none that were changed in
	 * the time of these two, each of which is filled for as long as the second one is old. */
	uint64_t restless_until;
	struct nameset recent[2];
	uint64_t recent_since;
	struct hold *holds;
	UT_hash_handle hh, by_fd;
};

enum hold_state {
	HOLD_LIVE,
	HOLD_GOING,  /* all of it is being recalled */
	HOLD_FENCED, /* a file: not delegated any more, but the client may have it open */
};

struct hold {
	struct object *o;
	struct session *s;
	struct mfs_fh fh; /* as the session knows it */
	enum hold_state state;
	struct nameset names; /* that were granted */
	bool attr;            /* attributes were granted */
	bool list;            /* a directory that everybody may read */
	bool sent_back;       /* a change was answered with ESTALE */
	unsigned int out;     /* recalls */
	struct hold *prev, *next;
	UT_hash_handle hh;
};

struct recall {
	uint64_t number;
	struct session *s;
	struct hold *h; /* NULL: it is over */
	struct mutation *m;
	uint64_t deadline; /* milliseconds */
	bool all;
	struct recall *prev, *next;     /* of all, oldest first */
	struct recall *s_prev, *s_next; /* of the session */
};

struct deleg {
	pthread_mutex_t lock;
	pthread_cond_t cond; /* a recall was obeyed, a mutation has ended */
	int fan;             /* -1: nothing is delegated */
	uint64_t age;        /* goes up with everything that happens */
	struct object *objects, *by_fd;
	unsigned int files, files_max;
	struct recall *recalls;
	struct mutation *mutations;
};
extern struct deleg deleg;

uint64_t deleg_now(void);

/* 0, or negative: nothing of this file system can be delegated. */
int object_key(int fd, struct object_key *ret);
struct object *object_find(const struct object_key *key);
/* Frees it if nobody holds it; gives the lease back if it serves nobody. */
void object_check(struct object *o);

struct hold *hold_find(struct session *s, const struct mfs_fh *fh);
/* NULL: no memory. */
struct hold *hold_new(struct session *s, const struct mfs_fh *fh, struct object *o);

/* Does anybody hold it now? */
bool object_is_used(const struct object *o);
/* Of a directory nobody knows who changed what, or local processes change names that were granted:
 * for a while none is. */
void object_is_restless(struct object *o);
/* Has the name been changed, as far as is known, so that it is likely to be changed again? */
bool object_has_recent(struct object *o, const char *name);

void recall_all(struct hold *h, struct mutation *m);
void object_name_changed(struct object *o, const char *name, struct mutation *m);
/* Everything that anybody holds of it, or of all. */
void object_recall(struct object *o, struct mutation *m);
void objects_recall(void);
/* Ends sessions' holds whose recalls are overdue; the milliseconds until the next will be, or -1.
 */
int recalls_expire(uint64_t now);
/* It has not obeyed in time: what it keeps is worth nothing, and it will learn that. */
void session_fence(struct session *s);
/* Nothing of the session is delegated any more. @all: its descriptors neither. */
void session_forget(struct session *s, bool all);

/* Without the lock: ends the holds of those that have been away too long. */
void deleg_forget_away(void);

/* Takes the kernel's events in. */
void watch_drain(void);
bool watch_object(struct object *o, int fd);
void watch_stop(struct object *o);

/* The lease of a file's object. False: somebody writes. */
bool lease_take(struct object *o);
void lease_drop(struct object *o);
/* The kernel wants the lease on @fd back; -1: any. */
void lease_broken(int fd);

#endif
