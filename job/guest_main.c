/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-guest: arguments, event loop and the end.
 */
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "job/guest.h"
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct argp argp = {
	.doc = "Holds one copy of a MOSIX job. Started by mosixd, not by hand: descriptor 3 is the "
	       "connection to it, on which it says what job that is. Until then it is called "
	       "mosix-spare.",
};

void guest_io(struct guest *g, ev_io *io, int fd, int events)
{
	bool wanted = fd >= 0 && events;

	if (ev_is_active(io) && wanted && io->fd == fd &&
	    (io->events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(g->loop, io);
	if (!wanted)
		return;
	ev_io_set(io, fd, events);
	ev_io_start(g->loop, io);
}

void guest_close(struct guest *g, ev_io *io, int *fd)
{
	ev_io_stop(g->loop, io);
	*fd = fd_close(*fd);
}

/* Before the loop waits: whatever the last events made possible. */
static void settle(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct guest *g = w->data;

	(void)revents;
	guest_job_settle(g);
	guest_relay_settle(g);
	guest_daemon_settle(g);
	if (g->over)
		ev_break(loop, EVBREAK_ALL);
}

static void do_nothing(int sig)
{
	(void)sig;
}

/* The daemon's unit may be stopped, the terminal may go away: the job stays. Only the daemon's
 * word ends it. Not SIG_IGN: that would be passed on to criu, which needs SIGTERM. */
static void survive_signals(void)
{
	static const int survived[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGTSTP, SIGTTOU};

	struct sigaction sa = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};

	for (size_t i = 0; i < sizeof(survived) / sizeof(*survived); i++)
		sigaction(survived[i], &sa, NULL);
}

/* A restored job sets its hard limits again without the right to raise them: it must start from
 * higher ones, which it inherits from here. */
static void raise_hard_limits(void)
{
	_cleanup_free_ char *nr_open = NULL;
	rlim_t files = 0;

	if (file_read_at(AT_FDCWD, "/proc/sys/fs/nr_open", 64, &nr_open, NULL) >= 0)
		files = strtoul(nr_open, NULL, 10);
	for (unsigned int i = 0; i < RLIM_NLIMITS; i++) {
		__rlimit_resource_t resource = (__rlimit_resource_t)i;
		struct rlimit l;

		if (getrlimit(resource, &l) < 0)
			continue;
		l.rlim_max = i == RLIMIT_NOFILE && files ? files : RLIM_INFINITY;
		(void)setrlimit(resource, &l); /* not allowed in a confined node */
	}
}

static int setup(struct guest *g, struct err *e)
{
	int r;

	(void)prctl(PR_SET_NAME, "mosix-spare");
	survive_signals();
	raise_hard_limits();
	/* A guest that the kernel picks would take its whole job along. */
	(void)file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "-900");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return err_sys(e, -errno, "cannot become a subreaper");
	r = container_private(e);
	if (r < 0)
		return r;
	g->loop = ev_loop_new(EVFLAG_AUTO);
	if (!g->loop)
		return err_set(e, -ENOMEM, "cannot create an event loop");
	r = endpoint_new(&g->ep, ENDPOINT_GUEST);
	if (r < 0)
		return err_sys(e, r, "cannot create the job link");
	stdio_init(&g->stdio);
	guest_job_init(g);
	guest_relay_init(g);
	guest_move_init(g);
	ev_prepare_init(&g->prepare, settle);
	g->prepare.data = g;
	ev_prepare_start(g->loop, &g->prepare);
	r = guest_daemon_init(g);
	return r < 0 ? err_sys(e, r, "descriptor 3 is no connection to mosixd") : 0;
}

int main(int argc, char **argv)
{
	static struct guest g = {.init_fd = -1, .error_fd = -1, .watch_fd = -1, .mounts_fd = -1};
	struct err e;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (setup(&g, &e) < 0) {
		log_err("mosix-guest: %s", e.text);
		return 1;
	}
	ev_run(g.loop, 0);

	if (g.job)
		guest_kill_all(&g);
	return 0;
}
