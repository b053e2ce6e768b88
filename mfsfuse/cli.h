/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of mosix-mfs, the FUSE client.
 *
 * A FUSE thread turns the kernel's request into a call (struct call), sends it and takes the next
 * request. Each peer (another node, or this one) has a thread that connects, receives replies and
 * gives the kernel its answer. When a connection breaks, calls wait for the next one and are sent
 * again; when none comes in time they fail with EHOSTUNREACH. One more thread watches over waiting
 * calls: deadlines, and callers that were killed (cli_watch.c).
 *
 * Locks, in this order: a peer's, the inode table's.
 */
#ifndef MOSIX_MFSFUSE_CLI_H
#define MOSIX_MFSFUSE_CLI_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
#include <fuse3/fuse_lowlevel.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/stream.h"
#include "mfsfuse/cli_state.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define NODE_MAX 65535u
#define NODE_NAME_MAX 64

/* Numbers of inodes that are ours; those of files begin at CLI_INO_FIRST. */
#define CLI_INO_PEER 0x10000u /* + node: its "/" */
#define CLI_INO_LINK 0x20000u /* + node: the symbolic link with its name */
#define CLI_INO_FIRST 0x40000u

struct cli {
	struct fuse_session *se;
	unsigned int timeout_ms; /* how long a call may wait for an unreachable node */
	uint32_t self;           /* our own number, 0 = not known */
	bool plain;
	const char *server_sock; /* of our own node */
};
extern struct cli cli;

uint64_t cli_now_ms(void);

/* ------------------------------------------------------------------ peers */

struct peer {
	uint32_t number;
	pthread_mutex_t lock;
	pthread_cond_t cond;

	/* Configuration. */
	char name[NODE_NAME_MAX];
	struct sockaddr_in addr;
	bool self;
	bool listed; /* still in the table of nodes */

	/* The connection. Only the peer's thread reads from, makes and frees the stream. */
	struct stream *stream; /* NULL: not connected */
	int wake;              /* eventfd: the thread shall look at its queue */
	bool broken;           /* the connection is to be closed */
	bool wanted;           /* somebody has a call for it */
	bool refused;          /* the last error was logged */
	uint64_t down_since;   /* milliseconds */
	uint64_t last_try;     /* end of the last attempt to connect */
	uint64_t epoch;
	bool reopen; /* the server has lost our open files */

	/* Delegations (cli_deleg.c). */
	uint64_t features;      /* of the server */
	bool deleg_can;         /* the server has them */
	bool deleg_asked;       /* we have asked to be given some */
	bool deleg_on;          /* and are */
	uint64_t deleg_age;     /* of the oldest answer that may be kept */
	uint64_t deleg_life;    /* how often they were lost */
	uint64_t dir_changes;   /* beginnings and ends of our own changes of directories */
	unsigned int drops;     /* inodes of which the kernel is being told to keep nothing */
	unsigned int reopening; /* files that are being opened at the server */

	struct call *calls; /* all that wait for a reply, by xid, oldest first */
	struct call *
		queue; /* to be sent when the socket takes more; the first one may be partly sent */
	struct file *files; /* open ones, by number */
	UT_hash_handle hh;
};

/* Table of peers. They are never freed. */
struct peer *peer_find(uint32_t number);
/* Makes it, without an address, if there is none. */
struct peer *peer_get(uint32_t number);
struct peer *peer_by_name(const char *name);
/* Listed ones in ascending order: the first with a number above @number, or NULL. */
struct peer *peer_after(uint32_t number);
void peers_each(void (*fn)(struct peer *p));
struct node_config {
	uint32_t number;
	const char *name;
	struct sockaddr_in addr;
	bool self;
};
int peer_configure(const struct node_config *c);
/* All that peer_configure() has not named since the last call are no longer listed. */
void peers_sweep(void);
void peers_set_key(const uint8_t key[32]);
bool peers_key(uint8_t ret[32]);

/* The thread of a peer; @arg is the peer. */
void *peer_thread(void *arg);
/* With the peer's lock held. */
void peer_send(struct peer *p, struct call *c);
void peer_kick(struct peer *p);
/* The time at which a call that waits for a connection gives up; 0 while connected. */
uint64_t peer_deadline(const struct peer *p, const struct call *c);

/* ------------------------------------------------------------------ inodes */

struct inode {
	uint64_t id;
	struct peer *peer; /* NULL: the root. Together with fh a key */
	struct mfs_fh fh;
	uint64_t nlookup;     /* the kernel's references */
	unsigned int refs;    /* calls and files */
	unsigned int locks;   /* record locks were taken: closing must tell the server */
	struct mfs_attr attr; /* as last seen */
	bool attr_known;
	bool racy;        /* the last attributes were MFS_ATTR_RECENT */
	bool stamp_known; /* the kernel's pages are those of `stamp` */
	struct stamp {
		uint64_t size;
		int64_t mtime, ctime;
		uint32_t mtime_ns, ctime_ns;
	} stamp;
	uint64_t parent; /* where it was found last */
	char *name;

	/* Delegations. `recalled` is of the peer's thread, the file is protected by its lock. */
	uint64_t recalled; /* the number of the last recall */
	uint64_t held;     /* a file, or attributes: since which life of the peer's delegations */
	bool held_exec;    /* to be executed, too */
	uint64_t open_to_all; /* a directory that everybody may search: since which life */
	bool list_to_all;     /* … and read */
	bool keeps;           /* the kernel may keep something of it */
	struct mfs_attr held_attr;
	struct kept *kept; /* names in this directory (cli_kept.c) */
	char *target;      /* of a symbolic link; protected by the peer's lock */
	struct inode *next_keeping;

	struct inode_rec *rec; /* what outlives this process */
	UT_hash_handle by_id, by_key;
};

/* A counted reference, or NULL. */
struct inode *inode_get(fuse_ino_t id);
void inode_ref(struct inode *i);
void inode_put(struct inode *i);
void inode_putp(struct inode **i);
#define _cleanup_inode_ _cleanup_(inode_putp)
/* The inode that a reply describes, with a reference of the kernel's and one of the caller's.
 * *ret_known (or NULL): the kernel knew it before. */
struct inode *inode_learn(struct peer *p, const struct mfs_attr *a, uint64_t parent,
			  const char *name, bool *ret_known);
/* True: one that the kernel knows and whose attributes a lookup can be answered with; the
 * references are those of inode_learn(). False: *ret_inode is NULL or has a reference that the
 * caller gives back, once no lock is held: it may be the last. */
bool inode_known(uint64_t id, struct mfs_attr *ret, struct inode **ret_inode);
/* A counted reference, or NULL. */
struct inode *inode_find(struct peer *p, const struct mfs_fh *fh);
/* Those of which the kernel keeps something; the reference is @fn's. */
void inodes_each_keeping(struct peer *p, void (*fn)(struct inode *i));
void inode_forget(fuse_ino_t id, uint64_t count);
/* What we know of @name in @parent, as inode_learn(); NULL if nothing. */
struct inode *inode_remembered(struct peer *p, uint64_t parent, const char *name);
/* Where it was found last: a counted reference of the directory, and the name. NULL: not known. */
struct inode *inode_place(struct inode *i, char ret_name[MFS_NAME_MAX + 1]);
/* Notes new attributes. @opened: a file is being opened. True: the kernel's pages are valid if it
 * does not see by itself (size and time of modification) that they are not. */
bool inode_update(struct inode *i, const struct mfs_attr *a, bool opened);
/* Its contents were or may have been changed by us. */
void inode_changed(struct inode *i);

void inode_lock_taken(struct inode *i);
/* No locks are held, if none was taken since i->locks was that. */
void inode_locks_over(struct inode *i, unsigned int locks);
/* One more reference of the kernel's. */
void inode_ref_kernel(struct inode *i);
/* The "/" of a peer, as inode_learn(). */
struct inode *inode_of_peer(struct peer *p);
/* Its attributes as last seen. */
struct mfs_attr inode_attr(struct inode *i);

void attr_to_stat(const struct mfs_attr *a, struct stat *st);

/* Those that an earlier process left; then, after the files, those that nobody needs go. */
int inodes_restore(void);
void inodes_sweep(void);

/* ------------------------------------------------------------------ open files */

struct file {
	uint64_t id; /* also its number at the server */
	struct inode *inode;
	struct peer *peer;
	int flags;
	uint32_t uid, gid; /* who opened it: for what the kernel does on its own */
	bool dir;
	bool local;           /* the server does not know it; with the next ones the peer's lock */
	unsigned int opening; /* calls under way so that it will */
	bool gone;            /* the kernel has closed it meanwhile */
	_Atomic uint64_t end; /* a directory: there was nothing after that; 0: not known */
	int err;              /* the server could not open it again, or its locks are lost */
	struct held *held;    /* record locks taken through it */
	struct file_rec *rec; /* what outlives this process */
	UT_hash_handle hh;
};

struct file *file_new(fuse_req_t req, struct inode *i, int flags, bool dir);
/* Known to the server from now on. False: no memory. */
bool file_opened(struct file *f, struct inode *i);
/* The first half of that: what outlives us knows it. */
bool file_record(struct file *f, struct inode *i);
/* What the kernel calls it, and back. */
uint64_t file_handle(const struct file *f);
struct file *file_of(const struct fuse_file_info *fi);
int files_restore(void);
/* Tells the server if @told. */
void file_free(struct file *f, bool told);
/* An open file of the inode, or 0: stands for an inode that has no name any more. */
uint64_t file_hint(struct inode *i);

/* ------------------------------------------------------------------ calls */

struct result {
	int err; /* 0 or a positive errno */
	const struct mfs_hdr *h;
	struct mfs_in in;
};

typedef void call_fn(struct call *c, struct result *r);

struct call {
	struct peer *peer;
	struct mfs_hdr h; /* h.xid names it */
	uint8_t *msg;     /* header and body */
	struct mfs_out out;
	size_t len, sent;
	bool in_calls, held, sent_once, queued, no_reply;
	bool is_lock;  /* waits for a lock: any signal ends it */
	bool of_locks; /* takes or ends locks */
	bool interrupted, cancel_sent;
	bool repeated;  /* ESTALE is final */
	uint64_t start; /* milliseconds */
	fuse_req_t req; /* NULL: nobody waits (any more) */
	pid_t pid;
	call_fn *done;

	/* What done() needs. References are released with the call. */
	struct inode *inode, *inode2;
	struct file *file;
	char *name;
	struct fuse_file_info fi;
	size_t size;
	uint64_t off;
	uint64_t dir_changes; /* the peer's, when it was sent */
	struct call *then;    /* waits for this one */

	UT_hash_handle hh;
	struct call *prev, *next; /* in peer->queue */
};

/* A call for the kernel's request @req (may be NULL) about @i, with room for a body of @room
 * bytes in c->out. Takes a reference of its own. On failure @req is answered. */
struct call *call_new(fuse_req_t req, enum mfs_op op, struct inode *i, size_t room);
/* The kernel's number of the request that this thread has received last; the same when it is sent
 * to the next process again. */
uint64_t request_number(void);
/* It was received by an earlier process, which may have carried it out. */
bool request_is_resent(void);
/* The same without a request and an inode. */
struct call *call_new_plain(struct peer *p, enum mfs_op op, const struct mfs_fh *fh, size_t room);
/* A number that no call of this client had before, nor of an earlier process in its place. */
uint64_t call_next_xid(void);
/* The open file that it is about. */
void call_set_file(struct call *c, struct file *f);
/* The same call once more, to be sent instead of answering. NULL: no memory, nothing changed. */
struct call *call_again(struct call *c);
int call_set_name(struct call *c, const char *name);
/* Sends it. @done is called exactly once, from any thread, perhaps before this returns, with or
 * without c->req: then it undoes what the server did. */
void call_send(struct call *c, call_fn *done);
void call_free(struct call *c);
/* Sends a call once more that was answered with ESTALE, as if it was new. */
void call_repeat(struct call *c);
/* Ends a call: for the threads of peers and the watch. Not in the peer's table any more. */
void call_finish(struct call *c, int err, const struct mfs_hdr *h, const uint8_t *body, size_t len);
/* Takes a call out of the tables. With the peer's lock held. */
void call_remove(struct call *c);
/* Answers with the error, or with success if there is none. */
void done_err(struct call *c, struct result *r);

/* Finding again, by their names, inodes that the server does not hold any more. */
int recover_start(void);
/* True: the call, answered with ESTALE, is taken over, and will be repeated if that helps. */
bool recover_take(struct call *c);
/* Looks up @name in @dir as the super-user. 0 or a negative errno. */
typedef int lookup_fn(void *data, struct peer *p, const struct mfs_fh *dir, const char *name,
		      struct mfs_attr *ret);
/* False: it is not there under its name. */
bool recover_inode(struct inode *i, lookup_fn *fn, void *data);

/* Starts the watch. */
int watch_start(void);
/* There may be something to watch: an interrupted call, or a call without a connection. */
void watch_kick(void);
/* The kernel says that the caller of this call was interrupted. */
void watch_interrupt(uint64_t xid);

/* ------------------------------------------------------------------ FUSE operations */

extern const struct fuse_lowlevel_ops cli_ops;

/* The root and the names of nodes. Those that say whether they answered: true = yes. */
void root_lookup(fuse_req_t req, const char *name);
bool root_getattr(fuse_req_t req, fuse_ino_t ino);
bool root_readlink(fuse_req_t req, fuse_ino_t ino);
/* Also of directories that are empty. */
void root_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off);

/* Answers with an entry for @i, whose reference of the kernel's was counted already. */
void reply_entry(fuse_req_t req, struct inode *i, const struct mfs_attr *a);
/* The same; how long it and its attributes may be kept. */
void reply_kept(fuse_req_t req, struct inode *i, const struct mfs_attr *a, double entry_seconds,
		double attr_seconds);

void cli_init(void *data, struct fuse_conn_info *conn);
void cli_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void cli_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void cli_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f);
void cli_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cli_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
		 struct fuse_file_info *fi);
void cli_readlink(fuse_req_t req, fuse_ino_t ino);
void cli_access(fuse_req_t req, fuse_ino_t ino, int mask);
void cli_statfs(fuse_req_t req, fuse_ino_t ino);

void cli_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void cli_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void cli_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void cli_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void cli_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void cli_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void cli_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t parent2,
		const char *name2, unsigned int flags);

void cli_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cli_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_file_info *fi);
void cli_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi);
void cli_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cli_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cli_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void cli_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void cli_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	       struct fuse_file_info *fi);
void cli_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void cli_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void cli_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		   struct fuse_file_info *fi);
void cli_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void cli_copy(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
	      fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
	      int flags);

void cli_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		  int flags);
void cli_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void cli_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void cli_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

void cli_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock);
void cli_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock,
	       int sleep);
void cli_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	       struct fuse_file_info *fi, unsigned int flags, const void *in, size_t in_len,
	       size_t out_len);
void cli_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op);

/* Answers with attributes after the kernel has dropped its pages of the inode. */
int inval_start(void);
void inval_then_attr(fuse_req_t req, struct inode *i, const struct stat *st);

/* An entry or attribute answer from the attributes at the start of the reply. */
void done_entry(struct call *c, struct result *r);
void done_attr(struct call *c, struct result *r);

#endif
