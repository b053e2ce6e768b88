/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the cluster file system speaks between a client (mosix-mfs) and a server (mosix-mfsd).
 *
 * Both sides send frames: a header of MFS_HDR_SIZE bytes, then `len` bytes of body. Integers are
 * little-endian. A request carries the identity of the process that asks and a number (xid) that
 * its reply repeats; replies come in any order. File data is the whole body of a WRITE request
 * and of a READ reply, so that it can go from file to socket without being touched. The first
 * request of a connection is HELLO. Operations from MFS_OP_CALLBACK on go from server to client.
 *
 * An inode is named by a handle (struct mfs_fh) that says all the server needs to find it again,
 * even after a restart. An open file is named by a number that the client chose when it opened
 * it, for the same reason: the client can open it again under the same number.
 */
#ifndef MOSIX_MFSFUSE_WIRE_H
#define MOSIX_MFSFUSE_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MFS_VERSION_MIN 1
#define MFS_VERSION_MAX 1

#define MFS_HDR_SIZE 104
#define MFS_FH_SIZE 40
#define MFS_FH_DATA 24
#define MFS_ATTR_SIZE 144
#define MFS_SESSION_SIZE 16

#define MFS_NAME_MAX 255u
#define MFS_TARGET_MAX 4095u    /* of a symbolic link */
#define MFS_XATTR_MAX 65536u    /* a value, or a list of names */
#define MFS_DATA_MAX (1u << 20) /* of one READ, WRITE or READDIR */
#define MFS_BODY_MAX (MFS_DATA_MAX + 4096u)

enum mfs_op {
	MFS_OP_NONE = 0,
	MFS_OP_HELLO = 1,
	MFS_OP_PING = 2,
	MFS_OP_CANCEL = 3, /* a: xid of a waiting lock request; no reply of its own */
	MFS_OP_FORGET = 4, /* body: fh… */

	MFS_OP_LOOKUP = 10,   /* node: directory; body: name -> attr */
	MFS_OP_PARENT = 11,   /* node: directory -> attr of ".." */
	MFS_OP_GETATTR = 12,  /* node, file if open -> attr */
	MFS_OP_SETATTR = 13,  /* node, file, body: struct mfs_setattr -> attr */
	MFS_OP_READLINK = 14, /* -> target */
	MFS_OP_ACCESS = 15,   /* a: R_OK… */
	MFS_OP_STATFS = 16,   /* -> struct mfs_statfs */

	MFS_OP_MKNOD = 20,   /* a: mode, b: makedev() of Linux's new encoding; name -> attr */
	MFS_OP_MKDIR = 21,   /* a: mode; name -> attr */
	MFS_OP_SYMLINK = 22, /* body: string name, string target -> attr */
	MFS_OP_LINK = 23,    /* node, file; body: fh of the directory, string name -> attr */
	MFS_OP_UNLINK = 24,  /* name */
	MFS_OP_RMDIR = 25,   /* name */
	MFS_OP_RENAME = 26,  /* a: flags; body: fh of new directory, string old, string new */

	MFS_OP_OPEN = 30,      /* file: new number, a: flags -> attr */
	MFS_OP_CREATE = 31,    /* file, a: flags, b: mode; name -> attr */
	MFS_OP_TMPFILE = 32,   /* file, a: flags, b: mode -> attr */
	MFS_OP_REOPEN = 33,    /* like OPEN, for a file that was open before the server's restart */
	MFS_OP_OPENDIR = 34,   /* file: new number */
	MFS_OP_RELEASE = 35,   /* file */
	MFS_OP_READ = 36,      /* file, a: offset, b: size -> data */
	MFS_OP_WRITE = 37,     /* file, a: offset; data -> a: bytes written */
	MFS_OP_READDIR = 38,   /* file or 0, a: offset, b: size -> a: 1 = no more; entries */
	MFS_OP_FSYNC = 39,     /* file, a: 1 = data only */
	MFS_OP_FALLOCATE = 40, /* file, a: mode, b: offset, c: length */
	MFS_OP_LSEEK = 41,     /* file, a: offset, b: whence -> a: offset */
	MFS_OP_COPY = 42,  /* file, a: offset, b: length, c: offset out; body: u64 file out -> a */
	MFS_OP_FLUSH = 43, /* a: lock owner whose record locks on the node end */

	MFS_OP_SETXATTR = 50,    /* a: flags; body: string name, value */
	MFS_OP_GETXATTR = 51,    /* a: size, 0 = ask; name -> a: size, value */
	MFS_OP_LISTXATTR = 52,   /* a: size, 0 = ask -> a: size, names */
	MFS_OP_REMOVEXATTR = 53, /* name */

	MFS_OP_GETLK = 60, /* file, a: owner; body: struct mfs_lock -> struct mfs_lock */
	MFS_OP_SETLK = 61, /* file, a: owner, b: 1 = wait; body: struct mfs_lock */
	MFS_OP_FLOCK = 62, /* file, a: LOCK_SH, …, b: 1 = wait */

	/* Delegations, with MFS_FEATURE_DELEGATIONS. */
	MFS_OP_DELEGATE = 70, /* the client keeps nothing, and may be given some from now on */
	MFS_OP_RECALLED = 71, /* a: number of a recall that was obeyed; no reply */
	MFS_OP_RETURN = 72,   /* node: is to be recalled; no reply */

	MFS_OP_END,
	MFS_OP_CALLBACK = 0x8000, /* server to client, from here on; they have no reply */
	MFS_OP_RECALL = 0x8000,   /* node, a: number, b: enum mfs_recall; name */
};

enum mfs_feature {
	MFS_FEATURE_DELEGATIONS = 1,
};

/* In `b` of a reply: what the client may keep until it is recalled. `c` is then the age of the
 * answer: it is not to be kept if a recall for the same inode with a higher number came before. */
enum mfs_grant {
	MFS_GRANT_NAME = 1, /* the name that the request was about: what it is, or that it is not */
	MFS_GRANT_ATTR = 2, /* the attributes in the reply, of a directory */
	MFS_GRANT_FILE = 4, /* contents and attributes; and whoever wants to read it may open it */
	MFS_GRANT_EXEC = 8, /* with MFS_GRANT_FILE: whoever wants to execute it may open it */
	MFS_GRANT_LIST = 16, /* the request's directory: whoever wants to read it may open it */
};

enum mfs_recall {
	MFS_RECALL_NAME = 1, /* the name in the body, in this directory */
	MFS_RECALL_ATTR = 2, /* the directory's attributes */
	MFS_RECALL_ALL = 4,  /* everything about this directory, or this file */
};

enum mfs_flag {
	MFS_FLAG_REPLY = 1,
	MFS_FLAG_REPLAY = 2, /* sent before on a connection that broke: may have been done */
};

enum mfs_fh_kind {
	MFS_FH_ROOT = 0,   /* the server's "/" */
	MFS_FH_HANDLE = 1, /* a persistent file handle of the file system */
	MFS_FH_PIN = 2,    /* found only as long as the server holds a descriptor of it */
	MFS_FH_EMPTY = 3,  /* a directory that is shown empty */
	_MFS_FH_N,
};

/* Canonical: unused bytes are zero, so that equal handles are equal bytes. */
struct mfs_fh {
	uint64_t mount;
	uint8_t kind;
	uint8_t len;   /* of data */
	uint16_t type; /* of the file system's handle */
	uint32_t pad;
	uint8_t data[MFS_FH_DATA];
};

struct mfs_hdr {
	uint32_t len; /* of the body */
	uint16_t op;
	uint16_t flags;
	uint64_t xid;
	uint32_t err; /* replies: 0 or a positive errno */
	uint32_t uid; /* requests: who asks */
	uint32_t gid;
	uint32_t umask;
	uint64_t file;
	uint64_t a, b, c;
	struct mfs_fh node;
};

enum mfs_attr_flag {
	MFS_ATTR_FIXED = 1, /* never changes: may be kept for long */
	/* Changed so lately that a further change need not show in the time of modification. */
	MFS_ATTR_RECENT = 2,
};

struct mfs_attr {
	struct mfs_fh fh;
	uint64_t ino, size, blocks;
	int64_t atime, mtime, ctime;
	uint32_t atime_ns, mtime_ns, ctime_ns;
	uint32_t mode, nlink, uid, gid, rdev;
	uint32_t flags;
};

enum mfs_setattr_valid {
	MFS_SET_MODE = 1,
	MFS_SET_UID = 2,
	MFS_SET_GID = 4,
	MFS_SET_SIZE = 8,
	MFS_SET_ATIME = 16,
	MFS_SET_MTIME = 32,
	MFS_SET_ATIME_NOW = 64,
	MFS_SET_MTIME_NOW = 128,
};

struct mfs_setattr {
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	int64_t atime, mtime;
	uint32_t atime_ns, mtime_ns;
};

struct mfs_statfs {
	uint64_t bsize, frsize, blocks, bfree, bavail, files, ffree, favail, namemax, flag;
};

struct mfs_lock {
	uint32_t type; /* F_RDLCK, F_WRLCK, F_UNLCK */
	uint32_t pid;
	uint64_t start, len; /* len 0 = to the end of the file */
};

struct mfs_hello {
	uint32_t version_min, version_max;
	uint64_t features;
	uint64_t epoch; /* of the server: 0 = not known yet. A reply of another one: all is lost */
	uint8_t session[MFS_SESSION_SIZE];
	uint32_t node;    /* the sender's number, for the log */
	uint32_t resumed; /* replies: the session was still there */
};

/* Builds a body; `bad` is set instead of writing past the end. */
struct mfs_out {
	uint8_t *buf;
	size_t len, cap;
	bool bad;
};

/* Takes a body apart; `bad` is set, and zeros come, when it is too short. */
struct mfs_in {
	const uint8_t *buf;
	size_t len;
	bool bad;
};

void mfs_put_u32(struct mfs_out *o, uint32_t v);
void mfs_put_u64(struct mfs_out *o, uint64_t v);
void mfs_put_bytes(struct mfs_out *o, const void *p, size_t len);
/* u16 length, then the bytes: at most 65535 of them. */
void mfs_put_string(struct mfs_out *o, const char *s, size_t len);
uint32_t mfs_get_u32(struct mfs_in *in);
uint64_t mfs_get_u64(struct mfs_in *in);
void mfs_get_bytes(struct mfs_in *in, void *p, size_t len);
/* Points into the body. */
const char *mfs_get_string(struct mfs_in *in, size_t *ret_len);

void mfs_hdr_pack(const struct mfs_hdr *h, uint8_t ret[MFS_HDR_SIZE]);
/* 0; -EPROTO if the length is over MFS_BODY_MAX or the handle is not canonical. */
int mfs_hdr_unpack(const uint8_t buf[MFS_HDR_SIZE], struct mfs_hdr *ret);

void mfs_put_fh(struct mfs_out *o, const struct mfs_fh *fh);
void mfs_get_fh(struct mfs_in *in, struct mfs_fh *fh);
void mfs_put_attr(struct mfs_out *o, const struct mfs_attr *a);
void mfs_get_attr(struct mfs_in *in, struct mfs_attr *a);
void mfs_put_setattr(struct mfs_out *o, const struct mfs_setattr *s);
void mfs_get_setattr(struct mfs_in *in, struct mfs_setattr *s);
void mfs_put_statfs(struct mfs_out *o, const struct mfs_statfs *s);
void mfs_get_statfs(struct mfs_in *in, struct mfs_statfs *s);
void mfs_put_lock(struct mfs_out *o, const struct mfs_lock *l);
void mfs_get_lock(struct mfs_in *in, struct mfs_lock *l);
void mfs_put_hello(struct mfs_out *o, const struct mfs_hello *h);
void mfs_get_hello(struct mfs_in *in, struct mfs_hello *h);

/* The one check of names that come from a peer: a single component of a path, not "." or "..".
 * Copies it with a NUL to @ret (MFS_NAME_MAX + 1 bytes). 0, -EINVAL, -ENAMETOOLONG. */
int mfs_name(const char *p, size_t len, char *ret);

/* A recall: @h and its body. ret_name (MFS_NAME_MAX + 1 bytes) is "" if it is not about a name.
 * 0 or -EPROTO. */
int mfs_recall(const struct mfs_hdr *h, const uint8_t *body, char *ret_name);

/* Directory entries: {u64 ino, u64 next offset, u16 length, u8 type, name}. */
#define MFS_DIRENT_SIZE 19u
struct mfs_dirent {
	uint64_t ino, off;
	uint16_t name_len;
	uint8_t type;
	const char *name; /* not terminated */
};
/* False when there is no room. */
bool mfs_put_dirent(struct mfs_out *o, const struct mfs_dirent *d);
/* 1 = one entry; 0 = end; -EPROTO. */
int mfs_get_dirent(struct mfs_in *in, struct mfs_dirent *ret);

static inline bool mfs_fh_equal(const struct mfs_fh *a, const struct mfs_fh *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
