/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts jobs while there are slots, and notes how they end. */
#include "cli/batch.h"
#include "cli/deputy.h"
#include "common/clock.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 200
/* What does not end by SIGTERM within that time is killed. */
#define KILL_MS 5000

/* ------------------------------------------------------------------------- in the child */

static int open_as(const char *path, int fd, int flags)
{
	int f = open(path, flags | O_CLOEXEC, 0666);

	if (f < 0)
		return -errno;
	if (dup2(f, fd) < 0)
		return -errno;
	close(f);
	return 0;
}

static int set_stdio(const struct batch *b, const struct batch_line *l)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
	char path[PATH_MAX];
	int r;

	r = open_as("/dev/null", STDIN_FILENO, O_RDONLY);
	if (r < 0)
		return r;
	batch_output_path(b, l, "out", path);
	r = open_as(path, STDOUT_FILENO, flags);
	if (r < 0)
		return r;
	batch_output_path(b, l, "err", path);
	return open_as(path, STDERR_FILENO, flags);
}

/* A group of its own: ^C is for us, and tells jobs nothing by itself. */
static void leave_terminal(pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		raise(SIGKILL);
}

static int stand_for(struct deputy *d, struct batch_report *report)
{
	struct deputy_end end;
	struct err e = {0};
	int status;

	status = deputy_start(d, &e);
	if (status) {
		report->lost = true;
		snprintf(report->text, sizeof(report->text), "%s", e.text);
		return status;
	}
	report->job = d->job;
	report->node = d->node;
	end = deputy_run(d);
	report->node = d->node;
	report->lost = d->lost || d->broken;
	snprintf(report->text, sizeof(report->text), "%s",
		 d->lost && d->text ? d->text : "its deputy could not go on");
	deputy_done(d);
	return deputy_end(&end);
}

static int child(const struct batch *b, const struct batch_line *l, struct batch_report *report)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", l->text, NULL};
	struct run_opts opts = {
		.self = "mosix-batch",
		.best = true,
		.or_home = true,
		.no_terminal = true,
		.verbose = b->opts.verbose,
		.argv = argv,
		.argc = 3,
	};
	struct deputy d;
	int r = set_stdio(b, l);

	if (r < 0) {
		report->lost = true;
		snprintf(report->text, sizeof(report->text), "cannot write to %.256s: %s", b->dir,
			 strerror(-r));
		return RUN_EXIT_FAILED;
	}
	deputy_init(&d, &opts);
	if (b->nodes.count) {
		d.allowed.nodes = calloc(b->nodes.count, sizeof(*d.allowed.nodes));
		if (!d.allowed.nodes)
			return RUN_EXIT_FAILED;
		memcpy(d.allowed.nodes, b->nodes.nodes, b->nodes.count * sizeof(*b->nodes.nodes));
		d.allowed.count = b->nodes.count;
	}
	return stand_for(&d, report);
}

/* ------------------------------------------------------------------------ in the parent */

static int start_line(struct batch *b, struct batch_slot *s, struct batch_line *l)
{
	struct batch_report *report = &b->reports[s - b->slots];
	pid_t parent = getpid(), pid;

	*report = (struct batch_report){0};
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		leave_terminal(parent);
		/* Its lock ends with the parent: who runs us again after a kill need not wait. */
		fd_close(b->state_fd);
		_exit(child(b, l, report));
	}
	s->pid = pid;
	s->line = l;
	l->state = LINE_RUNNING;
	l->tries++;
	b->running++;
	return 0;
}

static struct batch_line *next_line(struct batch *b)
{
	while (b->next < b->count && b->lines[b->next].state != LINE_WAITING)
		b->next++;
	return b->next < b->count ? &b->lines[b->next] : NULL;
}

static int start_some(struct batch *b, struct err *e)
{
	for (unsigned int i = 0; i < b->at_once && !b->stop; i++) {
		struct batch_line *l;
		int r;

		if (b->slots[i].pid)
			continue;
		l = next_line(b);
		if (!l)
			break;
		r = start_line(b, &b->slots[i], l);
		/* Those that run may leave room for it. */
		if (r == -EAGAIN && b->running)
			break;
		if (r < 0)
			return err_sys(e, r, "cannot start line %zu", l->number);
	}
	return 0;
}

static void say_failure(struct batch *b, const struct batch_line *l, const struct batch_report *rep)
{
	if (l->lost)
		batch_say(b, "line %zu is lost: %s", l->number, rep->text);
	else if (WIFSIGNALED(l->status))
		batch_say(b, "line %zu was ended by signal %d (%s)", l->number, WTERMSIG(l->status),
			  strsignal(WTERMSIG(l->status)));
	else
		batch_say(b, "line %zu failed with status %d", l->number, WEXITSTATUS(l->status));
}

static void end_jobs(struct batch *b, int sig)
{
	for (unsigned int i = 0; i < b->at_once; i++)
		if (b->slots[i].pid)
			kill(b->slots[i].pid, sig);
}

static int line_ended(struct batch *b, struct batch_slot *s, int status, struct err *e)
{
	const struct batch_report *rep = &b->reports[s - b->slots];
	struct batch_line *l = s->line;
	int r;

	s->pid = 0;
	b->running--;
	l->status = status;
	l->job = rep->job;
	l->lost = rep->lost;
	if (l->lost && l->tries <= b->opts.retry && !b->stop) {
		batch_say(b, "line %zu is started again: %s", l->number, rep->text);
		l->state = LINE_WAITING;
		b->next = (size_t)(l - b->lines) < b->next ? (size_t)(l - b->lines) : b->next;
		return 0;
	}
	l->state = LINE_ENDED;
	if (batch_ended_well(l)) {
		b->succeeded++;
		return batch_output_line(b, l, e);
	}
	b->failed++;
	r = batch_output_line(b, l, e);
	if (b->stop < 2)
		say_failure(b, l, rep);
	if (b->opts.fail_fast && b->stop < 2) {
		b->stop = 2;
		end_jobs(b, SIGTERM);
	}
	return r;
}

static int reap(struct batch *b, struct err *e)
{
	int status, r = 0;
	pid_t pid;

	while (r == 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int i = 0; i < b->at_once; i++)
			if (b->slots[i].pid == pid) {
				r = line_ended(b, &b->slots[i], status, e);
				break;
			}
	return r;
}

/* The first ^C lets those that run end, the second one ends them. */
static void interrupted(struct batch *b, int sig)
{
	b->signal = sig;
	b->stop = sig == SIGINT && b->stop == 0 ? 1 : 2;
	if (b->stop == 1 && b->running)
		batch_say(b, "no more lines are started; %u still run (^C again ends them)",
			  b->running);
	if (b->stop == 2)
		end_jobs(b, SIGTERM);
}

static void wait_signals(struct batch *b, const sigset_t *set)
{
	struct timespec t = {.tv_nsec = TICK_MS * 1000000};
	int sig = sigtimedwait(set, NULL, &t);

	if (sig > 0 && sig != SIGCHLD)
		interrupted(b, sig);
}

static int loop(struct batch *b, const sigset_t *set, struct err *e)
{
	int64_t ending = 0;
	int r = 0;

	while (r == 0) {
		r = start_some(b, e);
		if (r < 0 || (!b->running && (b->stop || !next_line(b))))
			break;
		batch_progress(b, false);
		wait_signals(b, set);
		r = reap(b, e);
		if (b->stop == 2 && !ending)
			ending = clock_ms() + KILL_MS;
		if (ending && clock_ms() > ending)
			end_jobs(b, SIGKILL);
	}
	return r;
}

int batch_run(struct batch *b, struct err *e)
{
	static const int asked[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++)
		sigaddset(&set, asked[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r = loop(b, &set, e);
	if (r < 0) {
		/* In trouble of our own; jobs do not outlive their deputies. */
		end_jobs(b, SIGKILL);
		while (wait(NULL) > 0)
			;
		return r;
	}
	return batch_output_rest(b, e);
}

int batch_run_init(struct batch *b, struct err *e)
{
	b->slots = calloc(b->at_once, sizeof(*b->slots));
	b->reports = mmap(NULL, b->at_once * sizeof(*b->reports), PROT_READ | PROT_WRITE,
			  /* cppcheck-suppress invalidFunctionArg ; there is no file */
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!b->slots || b->reports == MAP_FAILED) {
		b->reports = NULL;
		return err_sys(e, -ENOMEM, "cannot prepare for %u jobs", b->at_once);
	}
	return 0;
}

void batch_run_done(struct batch *b)
{
	free(b->slots);
	if (b->reports)
		munmap(b->reports, b->at_once * sizeof(*b->reports));
}
