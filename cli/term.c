/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's terminal and its modes. */
#include "cli/term.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void term_init(struct term *t)
{
	*t = (struct term){.fd = -1};
}

/* /dev/tty can be opened even if the terminal belongs to somebody else (su); /proc works for
 * terminals that are not our controlling one. */
static int open_same(int fd, unsigned int dev)
{
	_cleanup_fd_ int tty = -1;
	unsigned int n;
	char path[32];

	tty = open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (tty >= 0 && ioctl(tty, TIOCGDEV, &n) >= 0 && n == dev)
		return steal_fd(&tty);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void term_take(struct term *t, int fd, unsigned int dev)
{
	if (t->fd >= 0)
		return;
	t->dev = dev;
	t->fd = open_same(fd, dev);
	if (t->fd < 0) {
		t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		t->shared = true;
	}
}

void term_done(struct term *t)
{
	term_set_cooked(t);
	t->fd = fd_close(t->fd);
}

bool term_foreground(const struct term *t)
{
	/* Not our controlling terminal: no job control there, nobody would stop us. */
	pid_t pgrp = tcgetpgrp(t->fd);

	return pgrp == getpgrp() || (pgrp < 0 && errno == ENOTTY);
}

bool term_background(const struct term *t)
{
	pid_t pgrp = tcgetpgrp(t->fd);

	return pgrp > 0 && pgrp != getpgrp();
}

bool term_canonical(const struct term *t)
{
	struct termios m;

	return tcgetattr(t->fd, &m) == 0 && (m.c_lflag & ICANON);
}

static void make_sane(struct termios *m)
{
	m->c_iflag &= (tcflag_t) ~(IGNBRK | INLCR | IGNCR | IXOFF);
	m->c_iflag |= BRKINT | ICRNL | IXON | IMAXBEL;
	m->c_oflag |= OPOST | ONLCR;
	m->c_lflag |= ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
	m->c_lflag &= (tcflag_t) ~(ECHONL | NOFLSH | TOSTOP | ECHOPRT);
}

bool term_modes(const struct term *t, struct termios *ret)
{
	if (tcgetattr(t->fd, ret) < 0)
		return false;
	if (!term_foreground(t))
		make_sane(ret);
	return true;
}

bool term_size(const struct term *t, struct winsize *ret)
{
	return ioctl(t->fd, TIOCGWINSZ, ret) >= 0;
}

/* Setting modes from the background stops the caller; should we have been put there just now,
 * this makes it fail or pass instead. */
static bool set_modes(int fd, const struct termios *m)
{
	sigset_t ttou, before;
	int r;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &before);
	r = tcsetattr(fd, TCSANOW, m);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r == 0;
}

void term_set_raw(struct term *t)
{
	struct termios m;

	if (t->raw || !term_exists(t) || !term_foreground(t) || tcgetattr(t->fd, &m) < 0)
		return;
	t->saved = m;
	cfmakeraw(&m);
	t->raw = set_modes(t->fd, &m);
}

void term_set_cooked(struct term *t)
{
	if (!t->raw)
		return;
	t->raw = false;
	/* In the background the shell has long set what it wants. */
	if (term_foreground(t))
		set_modes(t->fd, &t->saved);
}

static const struct term *crash_term;

static void on_crash(int sig)
{
	if (crash_term->raw && term_foreground(crash_term))
		tcsetattr(crash_term->fd, TCSANOW, &crash_term->saved);
	/* SA_RESETHAND: now it kills. */
	raise(sig);
}

void term_restore_on_crash(const struct term *t)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	struct sigaction sa = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

	crash_term = t;
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		sigaction(fatal[i], &sa, NULL);
}
