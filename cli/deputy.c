/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The deputy's loop, its start and its end. */
#include "cli/deputy.h"
#include "cli/client.h"
#include "cli/human.h"
#include "cli/job_start.h"
#include "cli/node_list.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 250
#define ACK_FLUSH_MS 1000
/* So long we wait for another daemon when one went away while it started the job. */
#define AWAY_MS 10000

int64_t deputy_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void deputy_say(struct deputy *d, const char *fmt, ...)
{
	_cleanup_free_ char *safe = NULL;
	va_list ap;

	/* Parts of it may come from another node. */
	va_start(ap, fmt);
	safe = human_vsafe(fmt, ap);
	va_end(ap);
	if (safe)
		dprintf(STDERR_FILENO, "%s: %s%s", d->opts->self ? d->opts->self : "mosix-run",
			safe, d->io.term.raw ? "\r\n" : "\n");
}

void deputy_init(struct deputy *d, const struct run_opts *opts)
{
	*d = (struct deputy){.opts = opts, .sigfd = -1, .down_at = deputy_now()};
	if (opts->detach)
		user_io_init_null(&d->io);
	else
		user_io_init(&d->io, !opts->no_terminal);
	deputy_stream_init(d);
}

void deputy_done(struct deputy *d)
{
	term_done(&d->io.term);
	d->control = chan_free(d->control);
	d->direct = chan_free(d->direct);
	d->ep = endpoint_free(d->ep);
	d->sigfd = fd_close(d->sigfd);
	free(steal_ptr(d->text));
	msg_free(steal_ptr(d->names));
	free(steal_ptr(d->allowed.nodes));
}

static int start_failed(const struct deputy *d, struct err *e)
{
	uint32_t status = d->start_error < 256 ? d->start_error : RUN_EXIT_FAILED;

	if (d->text && *d->text)
		err_set(e, 0, "%s", d->text);
	else
		err_set(e, 0, "mosixd could not start %s", d->opts->argv[0]);
	return (int)status;
}

/* The next daemon knows whether it has the job. */
static bool ask_again(struct deputy *d, int64_t *until)
{
	if (!*until)
		*until = deputy_now() + AWAY_MS;
	d->control = chan_free(d->control);
	while (!d->control && deputy_now() < *until) {
		poll(NULL, 0, TICK_MS);
		deputy_path_redial(d);
	}
	return d->control;
}

/* Signals are at their defaults here: our end is the job's. */
static int wait_started(struct deputy *d, struct err *e)
{
	int64_t until = 0;

	while (!d->started) {
		struct chan_frame f;
		int r = chan_recv(d->control, &f, -1);

		if (r >= 0) {
			deputy_path_message(d, &f);
			continue;
		}
		/* Reset: it was closed before all that we sent was read. */
		d->unsure = until || r != -ECONNRESET;
		/* Of a detached job nobody is the deputy. */
		if (!d->unsure || d->opts->detach || !ask_again(d, &until)) {
			err_sys(e, r == -EPIPE ? -ECONNRESET : r,
				"mosixd went away while it started the job");
			return RUN_EXIT_FAILED;
		}
	}
	d->unsure = false;
	return d->start_error ? start_failed(d, e) : 0;
}

/* Asked on a connection of its own, since the other one may carry anything by now. */
static Mosix__Reply *ask_names(struct err *e)
{
	_cleanup_(chan_freep) struct chan *c = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	Mosix__Reply *names = NULL;

	q.has_op = true;
	q.op = MOSIX__REQUEST_OP__OP_NODES;
	if (client_connect(&c, e) < 0 || client_ask(c, &q, NULL, NULL, &names, e) < 0)
		return NULL;
	return names;
}

static void say_start(struct deputy *d)
{
	char buf[16];

	if (!d->names)
		d->names = ask_names(NULL);
	deputy_say(d, "job %s runs on %s", jobid_str(d->job).s,
		   client_node_name(d->names, d->node, buf, sizeof(buf)));
}

/* Only --on costs a question before the start: who the nodes are that it names. */
static int find_allowed(struct deputy *d, struct err *e)
{
	const struct run_opts *o = d->opts;
	const Mosix__NodeRow *row;
	int r;

	if (!o->on)
		return 0;
	d->names = ask_names(e);
	if (!d->names)
		return -EPROTO;
	r = node_list_parse(o->on, d->names, &d->allowed.nodes, &d->allowed.count, e);
	if (r < 0 || !o->node)
		return r;
	row = node_find(d->names, o->node);
	for (size_t i = 0; row && i < d->allowed.count; i++)
		if (d->allowed.nodes[i] == row->node)
			return 0;
	return err_set(e, -EINVAL,
		       row ? "node %s is not among those of --on %s"
			   : "there is no node %s in this cluster (--on %s)",
		       o->node, o->on);
}

int deputy_start(struct deputy *d, struct err *e)
{
	int r;

	r = client_connect(&d->control, e);
	if (r < 0)
		return RUN_EXIT_CANNOT_RUN;
	if (find_allowed(d, e) < 0)
		return RUN_EXIT_FAILED;
	r = endpoint_new(&d->ep, ENDPOINT_DEPUTY);
	if (r < 0)
		err_sys(e, r, "cannot start a job");
	else
		r = job_start_send(d->control, d->opts, &d->allowed, &d->io, e);
	if (r == -E2BIG)
		return RUN_EXIT_CANNOT_RUN;
	if (r < 0)
		return RUN_EXIT_FAILED;
	r = wait_started(d, e);
	if (!r && d->opts->verbose)
		say_start(d);
	return r;
}

/* ------------------------------------------------------------------------------ the loop */

static int64_t earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* What was due before and did not lead to anything is looked at again a little later. */
static int64_t due(int64_t at, int64_t now)
{
	return at && at <= now ? now + TICK_MS : at;
}

/* Milliseconds until something is due, -1 = nothing is. */
static int timeout(const struct deputy *d)
{
	int64_t now = deputy_now(), at = 0;

	if (!d->control)
		at = earlier(at, d->redial_at);
	at = earlier(at, d->stop_by);
	/* Nobody tells us that we were brought to the foreground without a stop before. */
	if (term_exists(&d->io.term) && !d->io.term.raw &&
	    (d->io.background || user_io_owns_keys(&d->io)))
		at = earlier(at, now + TICK_MS);
	at = earlier(at, due(d->keys_at, now));
	if (d->main_ended && d->fatal)
		at = earlier(at, due(d->output_at + DEPUTY_ABANDON_MS, now));
	if (!at)
		return -1;
	return at > now ? (int)(at - now) : 0;
}

enum {
	SLOT_SIGNAL,
	SLOT_CONTROL,
	SLOT_DIRECT,
	SLOT_STREAMS,
	SLOTS = SLOT_STREAMS + DEPUTY_STREAMS
};

static void set_chan(struct pollfd *p, const struct chan *c)
{
	*p = (struct pollfd){.fd = -1};
	if (c)
		*p = (struct pollfd){.fd = chan_fd(c), .events = chan_events(c)};
}

/* What arrives may end a stream or stop us, and that may leave something to send. */
static void settle(struct deputy *d)
{
	bool again;

	deputy_signal_terminal(d);
	do {
		deputy_path_run(d);
		again = deputy_stream_ends(d);
		again |= deputy_signal_stops(d);
	} while (again);
}

static void step(struct deputy *d)
{
	struct pollfd p[SLOTS];
	struct deputy_poll streams;

	p[SLOT_SIGNAL] = (struct pollfd){.fd = d->sigfd, .events = POLLIN};
	set_chan(&p[SLOT_CONTROL], d->control);
	set_chan(&p[SLOT_DIRECT], d->direct);
	deputy_stream_want(d, &streams);
	for (int i = 0; i < DEPUTY_STREAMS; i++)
		p[SLOT_STREAMS + i] =
			(struct pollfd){.fd = streams.fd[i], .events = streams.events[i]};

	if (poll(p, SLOTS, timeout(d)) < 0) {
		if (errno != EINTR)
			d->broken = -errno;
		return;
	}
	for (int i = 0; i < DEPUTY_STREAMS; i++)
		streams.events[i] = p[SLOT_STREAMS + i].revents;
	if (p[SLOT_SIGNAL].revents)
		deputy_signal_read(d);
	deputy_stream_move(d, &streams);
	if (!d->control && deputy_now() >= d->redial_at)
		deputy_path_redial(d);
	settle(d);
}

static bool finished(struct deputy *d)
{
	if (d->broken)
		return true;
	if (deputy_stream_abandoned(d))
		return true;
	if (!d->ended)
		return false;
	/* Of a lost job comes nothing more than what is here already. */
	return d->lost ? deputy_stream_idle(d) : deputy_stream_delivered(d);
}

static void give_back_stdin(struct deputy *d)
{
	uint64_t taken = endpoint_taken(d->ep, LINK_IN);

	if (taken <= d->stdin_read)
		ufd_give_back(&d->io.std[0], (off_t)d->stdin_read, (off_t)taken);
}

static struct deputy_end end_of_job(struct deputy *d)
{
	struct deputy_end end = {.exit_status = RUN_EXIT_FAILED};
	int status = (int)(d->ended ? d->status : d->main_status);

	if (d->broken)
		deputy_say(d, "cannot go on: %s", strerror(-d->broken));
	else if (d->lost)
		deputy_say(d, "job %s is lost: %s", jobid_str(d->job).s,
			   d->text ? d->text : "its node does not answer");
	else if (WIFSIGNALED(status))
		end.signal = WTERMSIG(status);
	else
		end.exit_status = WEXITSTATUS(status);
	return end;
}

struct deputy_end deputy_run(struct deputy *d)
{
	struct deputy_end end;

	d->broken = deputy_signal_init(d);
	if (!d->broken)
		settle(d);
	while (!finished(d))
		step(d);

	term_set_cooked(&d->io.term);
	end = end_of_job(d);
	if (d->ended && d->control) {
		deputy_path_send_ack(d);
		chan_flush(d->control, ACK_FLUSH_MS);
	}
	give_back_stdin(d);
	return end;
}

void deputy_set_title(const char *program)
{
	const char *slash = strrchr(program, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : program);
}

/* Without a core dump: the job has its own. */
static void die_by(int sig)
{
	struct rlimit none = {0};
	sigset_t all;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	sigfillset(&all);
	sigdelset(&all, sig);
	sigprocmask(SIG_SETMASK, &all, NULL);
	kill(getpid(), sig);
}

int deputy_end(const struct deputy_end *end)
{
	if (!end->signal)
		return end->exit_status;
	die_by(end->signal);
	return 128 + end->signal;
}
