/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on open files and directories.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "mfsfuse/srv.h"

/* Smaller answers are copied: one packet with the header. */
#define SENDFILE_MIN (32u << 10)
#define COPY_MAX (64u << 20)

static int file_get(struct request *rq, bool dir, struct file_ref *ret)
{
	int r;

	ret->s = rq->s;
	r = sfile_get(rq->s, rq->h.file, &ret->f);
	if (r < 0)
		return r;
	if (ret->f->dir != dir)
		return dir ? -ENOTDIR : -EISDIR;
	return 0;
}

/* ------------------------------------------------------------------ data */

/* How much is there to read; 0 at or behind the end. */
static int available(int fd, uint64_t off, uint64_t size, size_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size <= off)
		size = 0;
	else if (size > (uint64_t)st.st_size - off)
		size = (uint64_t)st.st_size - off;
	*ret = size;
	return 0;
}

static int read_all(int fd, uint8_t *buf, size_t len, off_t off, size_t *ret)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done, off + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	*ret = done;
	return 0;
}

int op_read(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	size_t len = 0;
	int r;

	if (rq->h.a > INT64_MAX - MFS_DATA_MAX || rq->h.b > MFS_DATA_MAX)
		return -EINVAL;
	r = file_get(rq, false, &file);
	if (r < 0)
		return r;
	if ((file.f->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	r = available(file.f->fd, rq->h.a, rq->h.b, &len);
	if (r < 0)
		return r;
	if (len >= SENDFILE_MIN && !atomic_load(&file.f->no_sendfile) && conn_is_plain(rq->s)) {
		rp->file = steal_ptr(file.f);
		rp->off = (off_t)rq->h.a;
		rp->len = len;
		return 0;
	}
	return read_all(file.f->fd, rp->out.buf, len, (off_t)rq->h.a, &rp->out.len);
}

/* Was it appended, by a server that died before it could say so? Then it is where its writer saw
 * the end of the file. (If others have appended in between, it cannot be told, and is done again.)
 */
static bool was_appended(const struct request *rq, int fd)
{
	_cleanup_fd_ int file = -1;
	_cleanup_free_ uint8_t *there = NULL;
	int flags;

	if (!(rq->h.flags & MFS_FLAG_REPLAY) || !rq->h.len)
		return false;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || !(flags & O_APPEND))
		return false;
	/* It may be open for writing alone. */
	file = srv_reopen(fd, O_RDONLY | O_NONBLOCK);
	there = malloc(rq->h.len);
	return file >= 0 && there &&
	       pread(file, there, rq->h.len, (off_t)rq->h.a) == (ssize_t)rq->h.len &&
	       memcmp(there, rq->body, rq->h.len) == 0;
}

int op_write(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	size_t done = 0;
	int r;

	if (rq->h.a > INT64_MAX - MFS_BODY_MAX)
		return -EFBIG;
	r = file_get(rq, false, &file);
	if (r == 0 && was_appended(rq, file.f->fd)) {
		rp->h.a = rq->h.len;
		return 0;
	}
	if (r == 0)
		r = request_become(rq);
	if (r < 0)
		return r;
	while (done < rq->h.len) {
		ssize_t n = pwrite(file.f->fd, rq->body + done, rq->h.len - done,
				   (off_t)(rq->h.a + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	rp->h.a = done;
	FAIL_POINT("mfsfuse/server/written");
	return 0;
}

int op_fsync(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {.s = rq->s};
	int r;

	(void)rp;
	r = sfile_get(rq->s, rq->h.file, &file.f);
	if (r < 0)
		return r;
	r = rq->h.a ? fdatasync(file.f->fd) : fsync(file.f->fd);
	return r < 0 ? -errno : 0;
}

int op_fallocate(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	int r;

	(void)rp;
	if (rq->h.a > INT32_MAX || rq->h.b > INT64_MAX || rq->h.c > INT64_MAX)
		return -EINVAL;
	r = file_get(rq, false, &file);
	if (r == 0)
		r = request_become(rq);
	if (r < 0)
		return r;
	r = fallocate(file.f->fd, (int)rq->h.a, (off_t)rq->h.b, (off_t)rq->h.c);
	return r < 0 ? -errno : 0;
}

int op_lseek(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	off_t off;
	int r;

	if ((rq->h.b != SEEK_DATA && rq->h.b != SEEK_HOLE) || rq->h.a > INT64_MAX)
		return -EINVAL;
	r = file_get(rq, false, &file);
	if (r < 0)
		return r;
	off = lseek(file.f->fd, (off_t)rq->h.a, (int)rq->h.b);
	if (off < 0)
		return -errno;
	rp->h.a = (uint64_t)off;
	return 0;
}

int op_copy(struct request *rq, struct reply *rp)
{
	_cleanup_file_ref_ struct file_ref from = {0}, to = {.s = rq->s};
	struct mfs_in in = {.buf = rq->body, .len = rq->h.len};
	uint64_t id = mfs_get_u64(&in);
	off_t off, off_to;
	ssize_t n;
	int r;

	if (in.bad || rq->h.a > INT64_MAX || rq->h.c > INT64_MAX)
		return -EINVAL;
	r = file_get(rq, false, &from);
	if (r == 0)
		r = sfile_get(rq->s, id, &to.f);
	if (r == 0)
		r = request_become(rq);
	if (r < 0)
		return r;
	off = (off_t)rq->h.a;
	off_to = (off_t)rq->h.c;
	n = copy_file_range(from.f->fd, &off, to.f->fd, &off_to,
			    rq->h.b < COPY_MAX ? rq->h.b : COPY_MAX, 0);
	if (n < 0)
		return -errno;
	rp->h.a = (uint64_t)n;
	return 0;
}

/* ------------------------------------------------------------------ directories */

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

/* Passes on what the kernel gave. False: no room for an entry, *pos is where it starts. */
static bool put_entries(uint64_t *pos, const uint8_t *buf, size_t len, struct mfs_out *out)
{
	for (size_t at = 0; at < len;) {
		const struct linux_dirent64 *e = (const void *)(buf + at);
		struct mfs_dirent d = {
			.ino = e->d_ino,
			.off = (uint64_t)e->d_off,
			.type = e->d_type,
			.name_len = (uint16_t)strlen(e->d_name),
			.name = e->d_name,
		};

		if (!mfs_put_dirent(out, &d))
			return false;
		*pos = d.off;
		at += e->d_reclen;
	}
	return true;
}

/* Entries from @off on; *pos is where the descriptor stands. 1: those were the last. */
static int read_dir(int fd, uint64_t *pos, uint64_t off, struct mfs_out *out)
{
	_Alignas(8) uint8_t buf[32768];

	if (off != *pos && lseek(fd, (off_t)off, SEEK_SET) < 0)
		return -errno;
	*pos = off;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, buf, sizeof(buf));

		if (n < 0)
			return out->len ? 0 : -errno;
		if (n == 0)
			return 1;
		if (!put_entries(pos, buf, (size_t)n, out)) {
			/* The descriptor stands behind what was passed on. */
			*pos = UINT64_MAX;
			return 0;
		}
		if (out->cap - out->len < sizeof(buf))
			return 0;
	}
}

/* The client has opened it without asking. */
static int read_closed_dir(struct request *rq, struct mfs_out *out)
{
	_cleanup_fd_ int fd = request_opendir(rq);
	uint64_t pos = 0;

	return fd < 0 ? fd : read_dir(fd, &pos, rq->h.a, out);
}

static int read_open_dir(struct request *rq, struct mfs_out *out)
{
	_cleanup_file_ref_ struct file_ref file = {0};
	int r = file_get(rq, true, &file);

	if (r < 0)
		return r;
	pthread_mutex_lock(&file.f->lock);
	r = read_dir(file.f->fd, &file.f->pos, rq->h.a, out);
	pthread_mutex_unlock(&file.f->lock);
	return r;
}

int op_readdir(struct request *rq, struct reply *rp)
{
	int r;

	if (rq->h.a > INT64_MAX || rq->h.b > MFS_DATA_MAX)
		return -EINVAL;
	rp->out.cap = rq->h.b;
	r = rq->h.file ? read_open_dir(rq, &rp->out) : read_closed_dir(rq, &rp->out);
	rp->h.a = r > 0;
	return r < 0 ? r : 0;
}
