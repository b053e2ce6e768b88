/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job's standard input and output: creating and closing them. See stdio_move.c for moves and
 * terminal.c for the terminal's own business.
 */
#include "job/stdio_ends.h"

#include "common/fd.h"
#include "job/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void stdio_init(struct stdio *s)
{
	*s = (struct stdio){.pipes = {-1, -1, -1}, .master = -1, .slave = -1};
}

void stdio_done(struct stdio *s)
{
	for (int i = 0; i < 3; i++)
		fd_close(s->pipes[i]);
	fd_close(s->master);
	fd_close(s->slave);
	fifo_clear(&s->typed);
	stdio_init(s);
}

bool stdio_has_tty(const struct stdio *s)
{
	for (int i = 0; i < 3; i++)
		if (s->kinds[i] == STDIO_KIND_TTY)
			return true;
	return false;
}

int stdio_own_pipe(struct stdio *s, int i, int *ret_guest, int *ret_job)
{
	struct stat st;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ret_guest = fds[i == 0];
	*ret_job = fds[i != 0];
	if (fstat(fds[0], &st) < 0 || fd_set_nonblock(*ret_guest, true) < 0) {
		fd_close(fds[0]);
		fd_close(fds[1]);
		return -errno;
	}
	snprintf(s->pipe_keys[i], STDIO_KEY_MAX, "pipe:[%lu]", (unsigned long)st.st_ino);
	return 0;
}

static int create_all(struct stdio *s, const struct stdio_spec *spec, const struct container *c,
		      int child[3], struct err *e)
{
	int r = 0;

	for (int i = 0; i < 3; i++) {
		s->kinds[i] = spec->kinds[i];
		if (spec->kinds[i] == STDIO_KIND_TTY)
			child[i] = CONTAINER_TTY;
		if (spec->kinds[i] != STDIO_KIND_PIPE)
			continue;
		if (i == 2 && s->err_to_out)
			child[2] = fcntl(child[1], F_DUPFD_CLOEXEC, 3);
		else
			r = stdio_own_pipe(s, i, &s->pipes[i], &child[i]);
		if (r < 0 || child[i] < 0)
			return err_sys(e, r < 0 ? r : -errno, "cannot create a pipe for the job");
	}
	if (!stdio_has_tty(s))
		return 0;
	r = terminal_open(s, c, spec->owner);
	if (r >= 0 && spec->termios && tcsetattr(s->slave, TCSANOW, spec->termios) < 0)
		r = -errno;
	if (r >= 0 && spec->winsize && ioctl(s->master, TIOCSWINSZ, spec->winsize) < 0)
		r = -errno;
	return r < 0 ? err_sys(e, r, "cannot create the job's terminal") : 0;
}

int stdio_create(struct stdio *ret, const struct stdio_spec *spec, const struct container *c,
		 int ret_child[3], struct err *e)
{
	int child[3] = {-1, -1, -1}, r;
	struct stdio s;

	stdio_init(&s);
	s.err_to_out = spec->err_to_out && spec->kinds[1] == STDIO_KIND_PIPE &&
		       spec->kinds[2] == STDIO_KIND_PIPE;
	r = create_all(&s, spec, c, child, e);
	if (r < 0) {
		for (int i = 0; i < 3; i++)
			if (child[i] >= 0)
				fd_close(child[i]);
		stdio_done(&s);
		return r;
	}
	*ret = s;
	memcpy(ret_child, child, sizeof(child));
	return 0;
}

size_t stdio_inodes(const struct stdio *s, ino_t ret[3])
{
	struct stat st;
	size_t n = 0;

	for (int i = 0; i < 3; i++)
		if (s->pipes[i] >= 0 && fstat(s->pipes[i], &st) >= 0)
			ret[n++] = st.st_ino;
	return n;
}

int stdio_end_input(struct stdio *s)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->pipes[0]);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fd_close(s->pipes[0]);
	s->pipes[0] = fd;
	s->input_ended = true;
	return fd < 0 ? -errno : 0;
}

uint64_t stdio_unread(const struct stdio *s)
{
	int n = 0;

	if (s->pipes[0] < 0 || ioctl(s->pipes[0], FIONREAD, &n) < 0 || n < 0)
		return 0;
	return (uint64_t)n;
}
