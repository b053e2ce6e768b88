/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the client must remember beyond its own death: the inodes and open files that the kernel
 * knows, the locks taken through them, and the names that the kernel keeps. They are records in a
 * shared memory file, whose descriptor, like that of the connection to the kernel, is kept by the
 * daemon. A record is complete before the kernel hears of it, so that a client that is started on
 * the same file can go on where this one stopped.
 */
#ifndef MOSIX_MFSFUSE_CLI_STATE_H
#define MOSIX_MFSFUSE_CLI_STATE_H

#include "mfsfuse/wire.h"

#define STATE_INIT_MAX 256
#define STATE_NAME_MAX 175u

enum state_kind { STATE_INODES, STATE_FILES, STATE_LOCKS, STATE_NAMES, STATE_KINDS };

/* Every record begins with a number that is 0 while it is free. */
struct inode_rec {
	uint64_t id, parent, nlookup, ino;
	uint32_t peer, mode;
	struct mfs_fh fh;
	bool keeps; /* the kernel may keep attributes, contents, or names in it */
	uint8_t pad[7];
	char name[STATE_NAME_MAX + 1]; /* longer ones are not remembered: "" */
};

/* A name that the kernel keeps. */
struct name_rec {
	uint64_t id, dir;
	char name[STATE_NAME_MAX + 1];
};

struct file_rec {
	uint64_t id;
	struct file *file; /* of this process */
	uint64_t inode;
	int32_t flags, flock;
	uint32_t uid, gid;
	uint32_t peer;
	bool dir;
	bool released; /* the kernel has closed it, but the server need not know */
	bool local;    /* the server does not know it */
	uint8_t pad[15];
};

struct state_head {
	uint64_t magic;
	uint32_t sizes[STATE_KINDS];
	uint32_t used[STATE_KINDS];        /* records that were ever used */
	uint8_t session[MFS_SESSION_SIZE]; /* of this client, for all servers */
	uint64_t last_id;                  /* of inodes */
	uint32_t init_len;                 /* 0: the kernel's INIT was not answered yet */
	uint8_t init[STATE_INIT_MAX];
};

/* Maps the file, and makes it if it is empty. -EINVAL: another version's. */
int state_open(int fd);
struct state_head *state_head(void);
/* A record full of zeros; NULL: no room. */
void *state_take(enum state_kind kind);
/* NULL is ignored. */
void state_put(enum state_kind kind, void *rec);
/* The record of that number; NULL: there never was one. */
void *state_at(enum state_kind kind, uint64_t number);
uint64_t state_number(enum state_kind kind, const void *rec);
/* All that are in use. @fn may put its record. */
void state_each(enum state_kind kind, void (*fn)(void *rec));

#endif
