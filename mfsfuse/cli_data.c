/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FUSE operations on open files and directories.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_usage.h"

/* NULL: answered. */
static struct call *file_call(fuse_req_t req, enum mfs_op op, const struct fuse_file_info *fi,
			      size_t room)
{
	struct file *f = file_of(fi);
	struct call *c;

	if (!f || f->err) {
		fuse_reply_err(req, f ? f->err : EBADF);
		return NULL;
	}
	c = call_new(req, op, f->inode, room);
	if (c)
		call_set_file(c, f);
	return c;
}

/* ------------------------------------------------------------------ data */

static void done_read(struct call *c, struct result *r)
{
	if (r->err == 0 && r->in.len > c->size)
		r->err = EIO;
	if (r->err || !c->req) {
		done_err(c, r);
		return;
	}
	usage_count(c->pid, c->peer->number, r->in.len, 0);
	fuse_reply_buf(c->req, (const char *)r->in.buf, r->in.len);
}

void cli_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct call *c = file_call(req, MFS_OP_READ, fi, 0);

	(void)ino;
	if (!c)
		return;
	c->size = size < MFS_DATA_MAX ? size : MFS_DATA_MAX;
	c->h.a = (uint64_t)off;
	c->h.b = c->size;
	local_call(c, done_read);
}

static void done_write(struct call *c, struct result *r)
{
	inode_changed(c->inode);
	if (r->err == 0 && r->h->a > c->size)
		r->err = EIO;
	if (r->err || !c->req) {
		done_err(c, r);
		return;
	}
	/* What is copied within a node does not come here. */
	if (c->h.op == MFS_OP_WRITE)
		usage_count(c->pid, c->peer->number, 0, r->h->a);
	fuse_reply_write(c->req, r->h->a);
}

void cli_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	struct call *c = file_call(req, MFS_OP_WRITE, fi, size);

	(void)ino;
	if (!c)
		return;
	c->size = size;
	c->h.a = (uint64_t)off;
	mfs_put_bytes(&c->out, buf, size);
	local_call(c, done_write);
}

static void done_changed(struct call *c, struct result *r)
{
	inode_changed(c->inode);
	done_err(c, r);
}

void cli_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct call *c;

	(void)ino;
	if (!fi->fh) {
		fuse_reply_err(req, 0); /* the root */
		return;
	}
	c = file_call(req, MFS_OP_FSYNC, fi, 0);
	if (!c)
		return;
	c->h.a = datasync != 0;
	local_call(c, done_err);
}

void cli_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		   struct fuse_file_info *fi)
{
	struct call *c = file_call(req, MFS_OP_FALLOCATE, fi, 0);

	(void)ino;
	if (!c)
		return;
	c->h.a = (uint32_t)mode;
	c->h.b = (uint64_t)off;
	c->h.c = (uint64_t)len;
	local_call(c, done_changed);
}

static void done_lseek(struct call *c, struct result *r)
{
	if (r->err || !c->req)
		done_err(c, r);
	else
		fuse_reply_lseek(c->req, (off_t)r->h->a);
}

void cli_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct call *c = file_call(req, MFS_OP_LSEEK, fi, 0);

	(void)ino;
	if (!c)
		return;
	c->h.a = (uint64_t)off;
	c->h.b = (uint64_t)whence;
	local_call(c, done_lseek);
}

void cli_copy(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
	      fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
	      int flags)
{
	struct file *to = file_of(fi_out);
	struct call *c;

	(void)ino_in;
	(void)ino_out;
	if (flags || !to || to->err) {
		fuse_reply_err(req, flags || !to ? EINVAL : to->err);
		return;
	}
	c = file_call(req, MFS_OP_COPY, fi_in, 8);
	if (!c)
		return;
	if (to->peer != c->peer) {
		fuse_reply_err(req, EXDEV);
		call_free(c);
		return;
	}
	/* What changes is the other one. */
	inode_ref(to->inode);
	c->inode2 = c->inode;
	c->inode = to->inode;
	c->size = len;
	c->h.a = (uint64_t)off_in;
	c->h.b = len;
	c->h.c = (uint64_t)off_out;
	mfs_put_u64(&c->out, to->id);
	local_call(c, done_write);
}

/* ------------------------------------------------------------------ directories */

/* Passes on as many entries as fit; the kernel asks for the rest, and to know that there is none.
 */
static size_t fill(struct call *c, struct result *r, char *buf)
{
	struct mfs_in *in = &r->in;
	struct mfs_dirent d;
	size_t used = 0;
	uint64_t end = 0;

	while (mfs_get_dirent(in, &d) > 0) {
		const struct stat st = {.st_ino = d.ino, .st_mode = (mode_t)d.type << 12};
		char name[MFS_NAME_MAX + 1];
		size_t n;

		memcpy(name, d.name, d.name_len);
		name[d.name_len] = '\0';
		n = fuse_add_direntry(c->req, buf + used, c->size - used, name, &st, (off_t)d.off);
		if (n > c->size - used)
			return used;
		used += n;
		end = d.off;
	}
	if (r->h->a)
		atomic_store(&c->file->end, end);
	return used;
}

static void done_readdir(struct call *c, struct result *r)
{
	_cleanup_free_ char *buf = NULL;

	if (r->err == 0 && c->req) {
		buf = malloc(c->size);
		if (!buf)
			r->err = ENOMEM;
	}
	/* One that is not open there has been removed. */
	if (r->err == ESTALE && !c->h.file)
		r->err = ENOENT;
	if (r->err || !c->req)
		done_err(c, r);
	else
		fuse_reply_buf(c->req, buf, fill(c, r, buf));
}

/* As who has opened it, and may have given up his rights since. */
static void read_closed(struct call *c)
{
	c->h.file = 0;
	c->h.uid = c->file->uid;
	c->h.gid = c->file->gid;
}

void cli_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct call *c;

	if (!fi->fh) {
		root_readdir(req, ino, size, off);
		return;
	}
	c = file_call(req, MFS_OP_READDIR, fi, 0);
	if (!c)
		return;
	/* What was added since is seen by who asks once more. */
	if (off && atomic_exchange(&c->file->end, 0) == (uint64_t)off) {
		fuse_reply_buf(req, NULL, 0);
		call_free(c);
		return;
	}
	if (local_is(c->file))
		read_closed(c);
	c->size = size;
	c->h.a = (uint64_t)off;
	/* Our entries are shorter than the kernel's: do not fetch what will not fit, but at least
	 * one of the longest. */
	c->h.b = size < MFS_DATA_MAX ? size : MFS_DATA_MAX;
	c->h.b = c->h.b * 3 / 4 < 1024 ? 1024 : c->h.b * 3 / 4;
	call_send(c, done_readdir);
}
