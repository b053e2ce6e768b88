/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing the user's descriptors without blocking and without O_NONBLOCK on them. */
#include "cli/ufd.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A terminal with room for one byte may block on a whole line. */
#define SMALL_WRITE 512

/* Opens what @u is once more: a description of our own, whose flags concern nobody else. Does
 * not work on another user's terminal (su), and on a FIFO without a reader. */
static bool open_own(struct ufd *u)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", u->fd);
	fd = open(path, (u->write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	u->io = fd;
	u->way = UFD_OWN;
	return true;
}

static void init_char_device(struct ufd *u)
{
	u->way = UFD_SMALL;
	/* Other devices may do more than one wants when they are opened. */
	if (isatty(u->fd))
		open_own(u);
}

void ufd_init(struct ufd *ret, int fd, bool write)
{
	struct ufd u = {.fd = fd, .io = fd, .way = UFD_SMALL, .write = write};
	struct stat st;

	if (fstat(fd, &st) < 0) {
		*ret = UFD_NULL;
		return;
	}
	if (S_ISREG(st.st_mode)) {
		u.way = UFD_PLAIN;
		u.start = lseek(fd, 0, SEEK_CUR);
		u.seekable = u.start >= 0;
	} else if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) {
		u.way = UFD_NOWAIT;
	} else if (S_ISCHR(st.st_mode)) {
		init_char_device(&u);
	}
	*ret = u;
}

void ufd_close(struct ufd *u)
{
	int null;

	if (u->io != u->fd)
		fd_close(u->io);
	if (u->fd >= 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, u->fd) < 0)
			close(u->fd);
		fd_close(null);
	}
	*u = UFD_NULL;
}

/* Some FIFOs know no RWF_NOWAIT. */
static void other_way(struct ufd *u)
{
	if (!open_own(u))
		u->way = UFD_SMALL;
}

static ssize_t nowait(struct ufd *u, struct iovec *v)
{
	return u->write ? pwritev2(u->io, v, 1, -1, RWF_NOWAIT)
			: preadv2(u->io, v, 1, -1, RWF_NOWAIT);
}

static ssize_t transfer(struct ufd *u, void *buf, size_t len)
{
	struct iovec v = {.iov_base = buf, .iov_len = len};
	ssize_t n;

	if (u->way == UFD_NOWAIT) {
		n = nowait(u, &v);
		if (n >= 0 || (errno != EOPNOTSUPP && errno != EINVAL))
			return n;
		/* poll() shall say first whether it may be tried the other way. */
		other_way(u);
		errno = EAGAIN;
		return -1;
	}
	if (u->way == UFD_SMALL && u->write && len > SMALL_WRITE)
		len = SMALL_WRITE;
	return u->write ? write(u->io, buf, len) : read(u->io, buf, len);
}

static ssize_t result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t ufd_read(struct ufd *u, void *buf, size_t len)
{
	return result(transfer(u, buf, len));
}

ssize_t ufd_write(struct ufd *u, const void *buf, size_t len)
{
	return result(transfer(u, (void *)buf, len));
}

void ufd_give_back(const struct ufd *u, off_t got, off_t used)
{
	if (!u->seekable || used > got)
		return;
	if (lseek(u->fd, 0, SEEK_CUR) == u->start + got)
		lseek(u->fd, u->start + used, SEEK_SET);
}
