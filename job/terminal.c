/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's terminal.
 */
#include "job/terminal.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* The line discipline holds 4095 bytes, the driver's buffers below it 64 KiB. */
#define TYPED_MAX (128u << 10)
#define LDISC_MAX 4095

static int open_master(const struct container *c)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int fd = -1;
	int unlock = 0;

	if (asprintf(&path, "%s/ext/pts/ptmx", c->dir) < 0)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int open_slave(const struct container *c, int number)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/ext/pts/%d", c->dir, number) < 0)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int terminal_open(struct stdio *s, const struct container *c, uid_t owner)
{
	_cleanup_fd_ int master = open_master(c), slave = -1;
	struct stat st;
	int number;

	if (master < 0)
		return master;
	if (ioctl(master, TIOCGPTN, &number) < 0)
		return -errno;
	slave = open_slave(c, number);
	if (slave < 0)
		return slave;
	if (fchown(slave, owner, CONTAINER_TTY_GROUP) < 0 || fstat(slave, &st) < 0)
		return -errno;
	snprintf(s->tty_key, sizeof(s->tty_key), "tty[%lx:%lx]", (unsigned long)st.st_rdev,
		 (unsigned long)st.st_dev);
	snprintf(s->slave_path, sizeof(s->slave_path), "/dev/pts/%d", number);
	s->master = steal_fd(&master);
	s->slave = steal_fd(&slave);
	return 0;
}

int terminal_reopen(const struct stdio *s)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->slave);
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int terminal_take_output(struct stdio *s, struct endpoint *ep)
{
	uint8_t buf[16384];
	ssize_t n;
	int r;

	for (;;) {
		n = read(s->master, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		r = endpoint_put(ep, LINK_TTY_OUT, buf, (size_t)n);
		if (r < 0)
			return r == -EPIPE ? 0 : r;
	}
}

/* In a line discipline that edits lines, a key for the end of file waits as a NUL. */
static void restore_eof(uint8_t *buf, size_t len, const struct termios *t)
{
	if (!(t->c_lflag & ICANON) || t->c_cc[VEOF] == _POSIX_VDISABLE)
		return;
	for (size_t i = 0; i < len; i++)
		if (!buf[i])
			buf[i] = t->c_cc[VEOF];
}

int terminal_take_input(struct stdio *s)
{
	struct termios saved, raw;
	uint8_t buf[4096];
	ssize_t n;
	int r = 0;

	if (tcgetattr(s->slave, &saved) < 0)
		return -errno;
	raw = saved;
	/* Without line editing, half a line can be read as well. */
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ECHONL | ISIG);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(s->slave, TCSANOW, &raw) < 0)
		return -errno;
	while (r >= 0 && (n = read(s->slave, buf, sizeof(buf))) > 0) {
		restore_eof(buf, (size_t)n, &saved);
		r = fifo_put(&s->typed, buf, (size_t)n, TYPED_MAX);
	}
	if (tcsetattr(s->slave, TCSANOW, &saved) < 0)
		return -errno;
	return r;
}

/* Keeps the line's end and the end of file as what they are, and takes all else literally. */
static void make_literal(struct termios *t)
{
	t->c_iflag &= (tcflag_t) ~(ICRNL | INLCR | IGNCR | IXON | ISTRIP | IUCLC | PARMRK);
	t->c_lflag &= (tcflag_t) ~(ECHO | ECHONL | ISIG | IEXTEN);
	t->c_cc[VERASE] = t->c_cc[VKILL] = _POSIX_VDISABLE;
}

int terminal_put_input(struct stdio *s)
{
	struct termios saved, literal;
	size_t done = 0;

	if (!s->typed.len)
		return 0;
	if (tcgetattr(s->slave, &saved) < 0)
		return -errno;
	literal = saved;
	make_literal(&literal);
	if (tcsetattr(s->slave, TCSANOW, &literal) < 0)
		return -errno;
	/* Not through the master: that is asynchronous, and nobody tells when the bytes have
	 * passed the line discipline. What has no room goes that way later. */
	while (done < s->typed.len && done < LDISC_MAX &&
	       ioctl(s->slave, TIOCSTI, fifo_data(&s->typed) + done) >= 0)
		done++;
	fifo_drop(&s->typed, done);
	if (tcsetattr(s->slave, TCSANOW, &saved) < 0)
		return -errno;
	return 0;
}
