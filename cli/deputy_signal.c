/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals and job control. What the user's terminal or anybody else sends to the deputy is meant
 * for the job; what stops the job stops the deputy, so that the shell notices.
 */
#include "cli/deputy.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* How long a job may take to say that it stopped before the user gets the shell anyway. */
#define STOP_WAIT_MS 300
/* How late a STOPPED may come that was meant for a stop of ours that is over. */
#define STALE_STOP_MS 1000
/* The same of one by SIGSTOP, which goes by way of the daemon that looks at us once a second. */
#define STALE_SIGSTOP_MS 5000

static bool is_ignored(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

/* Crashes are our own, stops by the terminal are the kernel's to do, and what the caller ignores
 * (nohup) stays ignored: blocked, it would be queued. */
static void passed_on(sigset_t *ret)
{
	static const int not[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGSYS,
				  SIGTRAP, SIGCHLD, SIGTTIN, SIGTTOU, SIGPIPE, SIGXFSZ};

	sigfillset(ret);
	for (size_t i = 0; i < sizeof(not) / sizeof(*not); i++)
		sigdelset(ret, not[i]);
	for (int sig = 1; sig <= SIGSYS; sig++)
		if (is_ignored(sig))
			sigdelset(ret, sig);
}

int deputy_signal_init(struct deputy *d)
{
	sigset_t set;

	passed_on(&set);
	/* Both come as errors of a write. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	d->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->sigfd < 0)
		return -errno;
	if (term_exists(&d->io.term))
		term_restore_on_crash(&d->io.term);
	return 0;
}

/* ---------------------------------------------------------------------------- stopping */

static void tell_ground(struct deputy *d, bool background)
{
	if (endpoint_control_put(d->ep, LINK_GROUND, !background, NULL, 0) >= 0)
		d->io.background = background;
}

static bool in_background(const struct deputy *d)
{
	return !d->no_stop && term_exists(&d->io.term) && term_background(&d->io.term);
}

static void follow_ground(struct deputy *d)
{
	bool background = in_background(d);

	if (background != d->io.background)
		tell_ground(d, background);
}

static void continue_job(struct deputy *d)
{
	struct winsize w;

	follow_ground(d);
	endpoint_control_put(d->ep, LINK_CONT, 0, NULL, 0);
	if (term_exists(&d->io.term) && term_size(&d->io.term, &w))
		endpoint_control_put(d->ep, LINK_WINSIZE, 0, &w, sizeof(w));
}

static bool is_pending(int sig)
{
	sigset_t set;

	return sigpending(&set) == 0 && sigismember(&set, sig) == 1;
}

static void stop_self(int sig, bool group)
{
	sigset_t one, before;

	signal(sig, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	kill(group ? 0 : getpid(), sig);
	/* Here we stop, and go on when we are continued. */
	sigprocmask(SIG_UNBLOCK, &one, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void deputy_signal_stop_now(struct deputy *d, int sig, bool group)
{
	deputy_path_run(d);
	deputy_stream_flush(d);
	d->stop_by = 0;
	/* Continued already: a stop now would wipe that signal out, and nobody would repeat it. */
	if (is_pending(SIGCONT))
		return;
	term_set_cooked(&d->io.term);
	/* A shell waits for its whole job: a script that started us, a "time", … */
	if (group && sig == SIGTSTP)
		group = term_exists(&d->io.term) && term_foreground(&d->io.term);
	stop_self(sig, group);
	/* The kernel does not stop a group that no shell looks after: the job shall not be then. */
	d->stopped_self = is_pending(SIGCONT);
	if (d->stopped_self)
		return;
	d->no_stop |= sig == SIGTTIN || sig == SIGTTOU;
	continue_job(d);
}

static void job_stopped(struct deputy *d, int sig)
{
	bool ours = d->stop_by != 0;

	if (deputy_now() < d->stale_stop || (sig == SIGSTOP && deputy_now() < d->stale_sigstop)) {
		d->stale_stop = 0; /* of the others there may be more */
		continue_job(d);
		return;
	}
	if ((sig == SIGTTIN || sig == SIGTTOU) && !in_background(d)) {
		/* Now it may. */
		tell_ground(d, false);
		continue_job(d);
		return;
	}
	if (sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
		sig = SIGSTOP;
	deputy_signal_stop_now(d, sig, sig != SIGSTOP && !ours);
}

static void main_ended(struct deputy *d, int status)
{
	d->main_ended = true;
	d->main_status = (uint32_t)status;
	d->output_at = deputy_now();
}

bool deputy_signal_stops(struct deputy *d)
{
	struct link_frame f;
	bool any = false;

	while (endpoint_control_next(d->ep, &f)) {
		int kind = f.kind, arg = f.arg;

		endpoint_control_done(d->ep);
		any = true;
		if (kind == LINK_STOPPED && !d->ended)
			job_stopped(d, arg);
		if (kind == LINK_ENDED)
			main_ended(d, arg);
	}
	if (d->stop_by && deputy_now() >= d->stop_by) {
		deputy_signal_stop_now(d, SIGTSTP, false);
		d->stale_stop = deputy_now() + STALE_STOP_MS;
		any = true;
	}
	return any;
}

/* ----------------------------------------------------------------------------- signals */

/* What the user typed on a cooked terminal goes to the job's own terminal as the same key: there
 * it reaches all processes that it would have reached here. */
static bool send_as_key(struct deputy *d, int sig)
{
	unsigned int which = sig == SIGINT ? VINTR : sig == SIGQUIT ? VQUIT : VSUSP;
	struct termios m;

	if (d->tty_in.io < 0 || (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP))
		return false;
	if (!term_modes(&d->io.term, &m) || m.c_cc[which] == _POSIX_VDISABLE)
		return false;
	/* Without a path it waits for the next one, like anything typed. */
	if (!endpoint_space(d->ep, LINK_TTY_IN))
		return false;
	return endpoint_put(d->ep, LINK_TTY_IN, &m.c_cc[which], 1) >= 0;
}

/* Without a path it waits for the next one; home has no better way to the job either. */
static void pass_on(struct deputy *d, int sig, bool group)
{
	unsigned int arg = (unsigned int)sig | (group ? LINK_SIGNAL_GROUP : 0);

	d->fatal |= 1ull << (sig - 1);
	if (endpoint_control_put(d->ep, LINK_SIGNAL, (uint16_t)arg, NULL, 0) < 0)
		deputy_path_signal(d, sig);
}

static void die_by(struct deputy *d, int sig)
{
	sigset_t one;

	term_set_cooked(&d->io.term);
	signal(sig, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void on_signal(struct deputy *d, const struct signalfd_siginfo *info)
{
	int sig = (int)info->ssi_signo;
	bool typed = info->ssi_code == SI_KERNEL;
	struct winsize w;

	if (sig == SIGCONT) {
		/* Others of our group stopped and were continued before the job said anything. */
		if (d->stop_by)
			d->stale_stop = deputy_now() + STALE_STOP_MS;
		/* We did not stop ourselves: by SIGSTOP then, with which home stopped the job. */
		if (!d->stopped_self)
			d->stale_sigstop = deputy_now() + STALE_SIGSTOP_MS;
		d->stopped_self = false;
		d->stop_by = 0;
		continue_job(d);
		return;
	}
	if (sig == SIGWINCH) {
		if (term_exists(&d->io.term) && term_size(&d->io.term, &w))
			endpoint_control_put(d->ep, LINK_WINSIZE, 0, &w, sizeof(w));
		return;
	}
	/* Only what the user's descriptors do not take is left of the job. */
	if (d->ended) {
		die_by(d, sig);
		return;
	}
	if (!typed || !send_as_key(d, sig))
		pass_on(d, sig, typed);
	if (sig == SIGTSTP)
		d->stop_by = deputy_now() + (deputy_path_is_lost(d) ? 1 : STOP_WAIT_MS);
}

void deputy_signal_read(struct deputy *d)
{
	struct signalfd_siginfo info;

	while (read(d->sigfd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		on_signal(d, &info);
}

void deputy_signal_terminal(struct deputy *d)
{
	if (d->ended)
		return;
	/* As long as the terminal is raw it is ours. */
	if (!d->io.term.raw)
		follow_ground(d);
	if (user_io_owns_keys(&d->io))
		term_set_raw(&d->io.term);
}
