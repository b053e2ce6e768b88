/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts a program in a control group, with one descriptor and a clean slate of signals. */
#include "daemon/spawn.h"

#include "common/cgroup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPAWN_FD 3

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Beyond all that the numbers to be given may be in use for. */
#define AWAY_FD 64

static int move_fd(int fd, int to)
{
	int r;

	if (dup2(fd, to) < 0)
		return -errno;
	r = fd_set_cloexec(to, false);
	return r;
}

static int move_fds(const struct spawn *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), given = 0, r = 0;
	int away[1 + SPAWN_MORE_MAX];

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -errno;
	if (s->fd >= 0) {
		given = 1 + (int)s->more_count;
		for (int i = 0; i < given; i++) {
			away[i] = fcntl(i ? s->more[i - 1] : s->fd, F_DUPFD_CLOEXEC, AWAY_FD);
			if (away[i] < 0)
				return -errno;
		}
	}
	for (int i = 0; i < given && r == 0; i++)
		r = move_fd(away[i], SPAWN_FD + i);
	if (r == 0 && close_range((unsigned int)(SPAWN_FD + given), ~0u, 0) < 0)
		r = -errno;
	return r;
}

static _Noreturn void child(const struct spawn *s)
{
	int r;

	reset_signals();
	setsid();
	unsetenv("NOTIFY_SOCKET");
	r = move_fds(s);
	if (r == 0) {
		execv(s->argv[0], (char *const *)s->argv);
		r = -errno;
	}
	log_err("Cannot start %s: %s", s->argv[0], strerror(-r));
	_exit(127);
}

int spawn_process(struct process *ret, const struct spawn *s)
{
	struct proc_stat st = {0};
	int fd = -1;
	pid_t pid;

	pid = cgroup_fork(s->cgroup, 0, &fd);
	if (pid < 0)
		return pid;
	if (pid == 0)
		child(s);
	/* It is our child and not yet reaped: its number is its own. */
	(void)proc_stat(pid, &st);
	ret->pid = pid;
	ret->start = st.start;
	ret->pidfd = fd;
	return 0;
}
