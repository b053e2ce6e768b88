/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of mosix-mfsd: the server process, sessions and their open files, requests.
 *
 * A session is one client for as long as it lives; it outlasts its connection by a grace time so
 * that a broken connection costs nothing: open files, locks and pinned inodes are still there.
 * Threads belong to a connection: one of them reads a request and carries it out itself while
 * the next one reads (session.c, conn.c).
 */
#ifndef MOSIX_MFSFUSE_SRV_H
#define MOSIX_MFSFUSE_SRV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/stream.h"
#include "mfsfuse/wire.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct srv {
	int root;        /* O_PATH of the served "/" */
	int proc;        /* /proc/self; the working directory of all threads is its fd/ */
	uint64_t epoch;  /* of this process: tells clients that a restart lost their open files */
	bool fine_times; /* every change of a file gives it another time of modification */
	unsigned int pins_max;
	atomic_uint pins;
};
extern struct srv srv;

/* ------------------------------------------------------------------ sessions */

struct conn;
struct sfile;
struct lowner;
struct pin;
struct hold;
struct recall;

/* What is remembered of a request that must not be done twice. */
#define REPLAY_SLOTS 128
#define REPLAY_BODY 256

struct replay {
	uint64_t xid;
	struct mfs_hdr hdr;
	uint8_t body[REPLAY_BODY];
};

struct session {
	struct session *next;
	uint8_t id[MFS_SESSION_SIZE];
	uint32_t node;
	pthread_mutex_t lock;
	unsigned int refs;    /* protected by the table's lock */
	struct conn *conn;    /* the current one, or NULL; a counted reference */
	uint64_t lost;        /* milliseconds: when conn became NULL */
	struct request *busy; /* being carried out, by xid */
	struct sfile *files;
	struct lowner *owners;
	unsigned int waiting; /* requests that wait for a lock */
	struct pin *pins, *pins_by_use;

	/* Protected by the lock of all delegations (srv_deleg.c). */
	bool delegating; /* it may be given delegations */
	struct hold *holds;
	struct recall *recalls;

	struct replay replay[REPLAY_SLOTS];
	unsigned int replay_next;
};

/* Finds or makes the session; *ret_resumed says which. 0, -ENOMEM, -EUSERS. */
int session_get(const uint8_t id[MFS_SESSION_SIZE], struct session **ret, bool *ret_resumed);
void session_put(struct session *s);
/* Makes @c the connection that replies go to; the one before is shut down. */
void session_attach(struct session *s, struct conn *c);
void session_detach(struct session *s, struct conn *c);
/* Ends sessions whose client has been away too long; to be called every few seconds. */
void sessions_expire(void);
void sessions_each(void (*fn)(struct session *s));
/* Milliseconds for which it has had no connection; 0 if it has one. */
uint64_t session_away(struct session *s);
/* Its client must connect anew. */
void session_shut(struct session *s);

/* ------------------------------------------------------------------ requests */

struct request {
	struct session *s;
	struct mfs_hdr h;
	uint8_t *body;  /* h.len bytes, malloc()ed */
	bool cancelled; /* protected by the session's lock */
	bool waiting;   /* in a lock's queue: lock_wake() is allowed */
	pthread_t thread;
	UT_hash_handle hh;
};

/* Data to be sent behind the header straight from a file. */
struct reply {
	struct mfs_hdr h;
	struct mfs_out out; /* room for MFS_BODY_MAX bytes */
	struct sfile *file; /* NULL, or send `len` bytes from `off` of it instead of `out` */
	off_t off;
	size_t len;
};

/* Carries @rq out. The result is the request's outcome: 0 or a negative errno for the client. */
int request_run(struct request *rq, struct reply *rp);
/* What a request that is in no table of conn.c gets. */
bool op_has_reply(uint16_t op);
/* For statistics; NULL: there is no such request. */
const char *op_name(uint16_t op);
uint64_t op_count(uint16_t op);
/* May not be carried out twice. */
bool op_once(uint16_t op);

/* The whole life of a connection's threads. Takes the stream. */
int conn_start(struct stream *st);
void conn_put(struct conn *c);
void conn_get(struct conn *c);
/* Shuts the socket down, so that its threads end. */
void conn_shut(struct conn *c);
/* Sends a reply on the session's connection, if there is one. */
void conn_reply(struct session *s, struct reply *rp);
/* A frame that nobody has asked for: goes out when it can. False: there is no connection, or no
 * memory. */
bool conn_callback(struct session *s, const struct mfs_hdr *h, const char *name);
/* Files may go through conn_reply() without passing through our memory. */
bool conn_is_plain(struct session *s);

/* ------------------------------------------------------------------ inodes */

/* An O_PATH descriptor of the inode that a handle names. */
struct node {
	int fd; /* -1: a directory that is shown empty */
	bool owned;
	struct pin *pin;
	struct session *s;
};
#define NODE_NULL {.fd = -1}

/* Once, when srv.root is known. */
int node_init(void);
int node_open(struct session *s, const struct mfs_fh *fh, struct node *ret);
void node_done(struct node *n);
/* The same; @empty (a negative errno) when it is an empty directory. */
int node_open_real(struct session *s, const struct mfs_fh *fh, int empty, struct node *ret);

/* Handle and attributes of what @fd is. @hidden: show it as an
 * empty directory. */
int node_describe(struct session *s, int fd, bool hidden, struct mfs_attr *ret);
/* Attributes alone (ret->fh is all zero). */
int node_stat(int fd, struct mfs_attr *ret);
/* The same for MFS_FH_EMPTY. */
void node_stat_empty(const struct mfs_fh *fh, struct mfs_attr *ret);
/* The client does not know the inode any more. */
void node_forget(struct session *s, const struct mfs_fh *fh);
void pins_free(struct session *s);

/* Opens once more what a descriptor refers to: -errno or a descriptor. As the thread's user. */
int srv_reopen(int fd, int flags);
/* "N" for descriptor N: a path relative to the working directory. */
struct fd_path {
	char s[16];
};
struct fd_path fd_path(int fd);

/* ------------------------------------------------------------------ open files */

struct sfile {
	uint64_t id;
	struct mfs_fh node;
	int fd;
	int flags;
	bool dir;
	unsigned int refs; /* protected by the session's lock */
	atomic_bool no_sendfile;
	pthread_mutex_t lock; /* directories: the position */
	uint64_t pos;
	UT_hash_handle hh;
};

/* Takes the descriptor in any case. -EEXIST when the number is taken. */
int sfile_add(struct session *s, uint64_t id, const struct mfs_fh *node, int fd, int flags);
/* -EBADF. A counted reference. */
int sfile_get(struct session *s, uint64_t id, struct sfile **ret);
void sfile_put(struct session *s, struct sfile *f);
void sfile_release(struct session *s, uint64_t id);
void sfiles_free(struct session *s);

struct file_ref {
	struct session *s;
	struct sfile *f;
};
void file_ref_done(struct file_ref *r);
#define _cleanup_file_ref_ _cleanup_(file_ref_done)
#define _cleanup_node_ _cleanup_(node_done)

/* ------------------------------------------------------------------ operations */

int op_lookup(struct request *rq, struct reply *rp);
int op_parent(struct request *rq, struct reply *rp);
int op_getattr(struct request *rq, struct reply *rp);
int op_setattr(struct request *rq, struct reply *rp);
int op_readlink(struct request *rq, struct reply *rp);
int op_access(struct request *rq, struct reply *rp);
int op_statfs(struct request *rq, struct reply *rp);

int op_mknod(struct request *rq, struct reply *rp);
int op_mkdir(struct request *rq, struct reply *rp);
int op_symlink(struct request *rq, struct reply *rp);
int op_link(struct request *rq, struct reply *rp);
int op_unlink(struct request *rq, struct reply *rp);
int op_rmdir(struct request *rq, struct reply *rp);
int op_rename(struct request *rq, struct reply *rp);

int op_open(struct request *rq, struct reply *rp);
int op_create(struct request *rq, struct reply *rp);
int op_tmpfile(struct request *rq, struct reply *rp);
int op_reopen(struct request *rq, struct reply *rp);
int op_opendir(struct request *rq, struct reply *rp);
int op_release(struct request *rq, struct reply *rp);

int op_read(struct request *rq, struct reply *rp);
int op_write(struct request *rq, struct reply *rp);
int op_readdir(struct request *rq, struct reply *rp);
int op_fsync(struct request *rq, struct reply *rp);
int op_fallocate(struct request *rq, struct reply *rp);
int op_lseek(struct request *rq, struct reply *rp);
int op_copy(struct request *rq, struct reply *rp);

int op_setxattr(struct request *rq, struct reply *rp);
int op_getxattr(struct request *rq, struct reply *rp);
int op_listxattr(struct request *rq, struct reply *rp);
int op_removexattr(struct request *rq, struct reply *rp);

int op_delegate(struct request *rq, struct reply *rp);
int op_recalled(struct request *rq, struct reply *rp);
int op_return(struct request *rq, struct reply *rp);

int op_flush(struct request *rq, struct reply *rp);
int op_getlk(struct request *rq, struct reply *rp);
int op_setlk(struct request *rq, struct reply *rp);
int op_flock(struct request *rq, struct reply *rp);
int op_forget(struct request *rq, struct reply *rp);
int op_cancel(struct request *rq, struct reply *rp);
void lowners_free(struct session *s);
/* The signal that ends a wait for a lock; installed once. */
void lock_signal_init(void);
/* Makes a waiting request look whether it was cancelled. With the session's lock held. */
void lock_wake(struct request *rq);

/* The request's user; raised again by the next node_open(). */
int request_become(const struct request *rq);
/* Opens the directory that the request is about, as who asks. */
int request_opendir(struct request *rq);
/* Answers with the attributes of the request's own inode, which @fd is. */
int request_put_attr(const struct request *rq, int fd, struct reply *rp);
/* The whole body is one name. */
int request_name(const struct request *rq, char ret[MFS_NAME_MAX + 1]);

#endif
