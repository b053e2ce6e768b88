/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-init: pid 1 of a job. It leads the session and starts the program in a process group of
 * its own, as a shell would, so that the terminal's job control works; reaps; passes signals on;
 * leaves each change of the program's state in a file. It has no descriptors that a move would
 * have to know about, and little memory.
 */
#include "job/init.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* From linux/close_range.h, which clashes with glibc's unistd.h on some releases. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

static void fail(enum init_stage stage, uint32_t detail, int error)
{
	struct init_error e = {stage, detail, (uint32_t)error};

	if (write(INIT_ERROR_FD, &e, sizeof(e)) != sizeof(e))
		_exit(125);
	_exit(126);
}

static void load_spec(struct init_spec *ret)
{
	struct stat st;
	void *data;
	int r;

	if (fstat(INIT_SPEC_FD, &st) < 0 || st.st_size <= 0 || st.st_size > INIT_SPEC_MAX)
		fail(INIT_STAGE_INIT, 0, EINVAL);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, INIT_SPEC_FD, 0);
	if (data == MAP_FAILED)
		fail(INIT_STAGE_INIT, 0, errno);
	r = init_spec_unpack(ret, data, (size_t)st.st_size);
	if (r < 0)
		fail(INIT_STAGE_INIT, 0, -r);
}

static void reset_signals(uint64_t ignored)
{
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		struct sigaction sa = {.sa_handler = SIG_DFL};

		if (ignored >> (sig - 1) & 1)
			sa.sa_handler = SIG_IGN;
		(void)sigaction(sig, &sa, NULL); /* KILL, STOP and libc's own are refused */
	}
}

/* What the node itself has not got cannot be given: then as much as there is. */
static void set_limit(const struct init_limit *want)
{
	__rlimit_resource_t resource = (__rlimit_resource_t)want->resource;
	struct rlimit l = {want->soft, want->hard}, have;

	if (setrlimit(resource, &l) >= 0)
		return;
	if (errno == EPERM && getrlimit(resource, &have) >= 0) {
		l.rlim_max = l.rlim_max < have.rlim_max ? l.rlim_max : have.rlim_max;
		l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
		if (setrlimit(resource, &l) >= 0)
			return;
	}
	fail(INIT_STAGE_LIMITS, want->resource, errno);
}

static void become_user(const struct init_spec *s)
{
	int r;

	if (setgroups(s->group_count, s->groups) < 0 || setresgid(s->gid, s->gid, s->gid) < 0)
		fail(INIT_STAGE_CREDENTIALS, 0, errno);
	for (size_t i = 0; i < s->limit_count; i++)
		set_limit(&s->limits[i]);
	r = init_filter();
	if (r < 0)
		fail(INIT_STAGE_CREDENTIALS, 1, -r);
	if (setresuid(s->uid, s->uid, s->uid) < 0)
		fail(INIT_STAGE_CREDENTIALS, 0, errno);
}

static int terminal_fd(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return fd;
	return -1;
}

static void run_main(int tty)
{
	struct init_spec s = {0};
	sigset_t none;

	load_spec(&s);
	(void)setpgid(0, 0);
	if (tty >= 0 && !s.background)
		(void)tcsetpgrp(tty, getpid());
	reset_signals(s.ignored);
	umask((mode_t)s.umask);
	become_user(&s);
	if (chdir(s.cwd) < 0)
		fail(INIT_STAGE_CWD, 0, errno);
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		fail(INIT_STAGE_EXEC, 0, errno);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	environ = (char **)s.envp;
	execvp(s.program, (char **)s.argv);
	/* What is below /dev or /run at home is not here. */
	if (errno == ENOENT)
		execvp(s.argv[0], (char **)s.argv);
	fail(INIT_STAGE_EXEC, 0, errno);
}

/* Leaves nothing open but /dev/null. */
static void settle(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		(void)dup2(fd, i);
	(void)close_range(3, ~0U, 0);
}

static void report(int status)
{
	static struct init_state state;
	int fd = open(INIT_STATE_FILE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	state.serial++;
	state.status = (uint32_t)status;
	if (fd < 0)
		return;
	/* The guest takes a job whose init ends without a word as killed. */
	if (pwrite(fd, &state, sizeof(state), 0) < 0)
		_exit(125);
	close(fd);
}

static void reap(pid_t main_pid)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (pid != main_pid)
			continue;
		report(status);
		if (WIFEXITED(status) || WIFSIGNALED(status))
			_exit(0); /* the kernel ends the rest of the container */
	}
}

/* The session's leader may, from whichever group, as it blocks SIGTTOU. */
static void give_terminal(pid_t group)
{
	int fd = open("/dev/tty", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)tcsetpgrp(fd, group);
	close(fd);
}

static void forward(pid_t main_pid, const siginfo_t *si)
{
	int value = si->si_value.sival_int, sig = value & 0xff;

	/* Only a sender outside of the pid namespace has no number in it. */
	if (si->si_code != SI_QUEUE || si->si_pid)
		return;
	if (value & (INIT_FOREGROUND | INIT_BACKGROUND))
		give_terminal(value & INIT_FOREGROUND ? main_pid : getpid());
	if (sig < 1 || sig > SIGRTMAX)
		return;
	if (value & INIT_TO_GROUP)
		(void)kill(-main_pid, sig);
	else
		(void)kill(main_pid, sig);
}

int main(void)
{
	sigset_t set;
	pid_t main_pid;
	int tty, r;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)setsid();
	tty = terminal_fd();
	if (tty >= 0)
		(void)ioctl(tty, TIOCSCTTY, 0);
	r = init_caps();
	if (r < 0)
		fail(INIT_STAGE_CREDENTIALS, 0, -r);
	main_pid = fork();
	if (main_pid < 0)
		fail(INIT_STAGE_INIT, 1, errno);
	if (!main_pid)
		run_main(tty);
	(void)setpgid(main_pid, main_pid);
	settle();

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, INIT_SIGNAL);
	for (;;) {
		siginfo_t si;
		int sig = sigwaitinfo(&set, &si);

		if (sig == SIGCHLD)
			reap(main_pid);
		else if (sig == INIT_SIGNAL)
			forward(main_pid, &si);
	}
}
