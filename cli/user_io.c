/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorts the standard descriptors into nothing, pipes and the terminal. */
#include "cli/user_io.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* The first terminal is the job's; another one is carried like any other file. */
static bool take_terminal(struct user_io *io, int fd)
{
	unsigned int dev;

	if (ioctl(fd, TIOCGDEV, &dev) < 0)
		return false;
	term_take(&io->term, fd, dev);
	return term_exists(&io->term) && io->term.dev == dev;
}

static Mosix__StdioKind init_one(struct user_io *io, int fd, bool terminal)
{
	struct stat st;

	io->std[fd] = UFD_NULL;
	if (fstat(fd, &st) < 0) {
		/* The lowest free number is this one: the ones below are open. */
		(void)!open("/dev/null", O_RDWR);
		return MOSIX__STDIO_KIND__STDIO_NULL;
	}
	if (is_null(&st))
		return MOSIX__STDIO_KIND__STDIO_NULL;
	if (terminal && S_ISCHR(st.st_mode) && take_terminal(io, fd))
		return MOSIX__STDIO_KIND__STDIO_TTY;
	/* Its keys are somebody else's then. */
	if (!terminal && fd == STDIN_FILENO && isatty(fd))
		return MOSIX__STDIO_KIND__STDIO_NULL;
	ufd_init(&io->std[fd], fd, fd != 0);
	return MOSIX__STDIO_KIND__STDIO_PIPE;
}

/* Where the kernel does not tell, one pipe or socket is as good as one description of it; two
 * descriptions of a regular file have an offset each. */
static bool same_open_file(int a, int b)
{
	struct stat sa, sb;
	long r;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0 || sa.st_dev != sb.st_dev ||
	    sa.st_ino != sb.st_ino)
		return false;
	r = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b);
	return r < 0 ? !S_ISREG(sa.st_mode) : r == 0;
}

void user_io_init(struct user_io *ret, bool terminal)
{
	struct user_io io = {0};

	term_init(&io.term);
	for (int fd = 0; fd < 3; fd++)
		io.kind[fd] = init_one(&io, fd, terminal);
	io.err_to_out = io.kind[1] == MOSIX__STDIO_KIND__STDIO_PIPE &&
			io.kind[2] == MOSIX__STDIO_KIND__STDIO_PIPE && same_open_file(1, 2);
	io.background = term_exists(&io.term) && term_background(&io.term);
	io.piped_out = io.kind[1] == MOSIX__STDIO_KIND__STDIO_PIPE && io.std[1].way != UFD_PLAIN;
	*ret = io;
}

void user_io_init_null(struct user_io *ret)
{
	struct user_io io = {0};

	term_init(&io.term);
	for (int fd = 0; fd < 3; fd++)
		io.std[fd] = UFD_NULL;
	*ret = io;
}

bool user_io_owns_keys(const struct user_io *io)
{
	if (!term_exists(&io->term) || io->piped_out)
		return false;
	if (io->kind[0] == MOSIX__STDIO_KIND__STDIO_TTY)
		return true;
	/* "... | mosix-run less": once nothing more comes through the pipe. */
	return io->kind[0] == MOSIX__STDIO_KIND__STDIO_PIPE && io->in_ended &&
	       io->kind[1] == MOSIX__STDIO_KIND__STDIO_TTY;
}
