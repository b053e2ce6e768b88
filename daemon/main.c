/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixd: the node daemon of MOSIX. */
#include "common/conf.h"
#include "common/log.h"
#include "daemon/gossip_io.h"
#include "daemon/instance.h"
#include "daemon/mosixd.h"
#include "daemon/node_info.h"
#include "daemon/notify.h"
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

const char *argp_program_version = "mosixd " MOSIX_VERSION;

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "Read FILE instead of " CONF_FILE, 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct mosixd *d = state->input;

	switch (key) {
	case 'c':
		d->config_path = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.doc = "The node daemon of MOSIX. Started by the service manager.",
};

static void on_stop(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void on_reload(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	mosixd_reload(w->data);
}

static void on_leave(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	gossip_io_leave(w->data);
}

static void watch_signals(struct mosixd *d)
{
	static struct ev_signal term, intr, hup, pwr;

	signal(SIGPIPE, SIG_IGN);
	ev_signal_init(&term, on_stop, SIGTERM);
	ev_signal_init(&intr, on_stop, SIGINT);
	ev_signal_init(&hup, on_reload, SIGHUP);
	/* The machine is shut down, or an administrator takes the node out. */
	ev_signal_init(&pwr, on_leave, SIGPWR);
	hup.data = pwr.data = d;
	ev_signal_start(d->loop, &term);
	ev_signal_start(d->loop, &intr);
	ev_signal_start(d->loop, &hup);
	ev_signal_start(d->loop, &pwr);
}

static int check_machine(struct mosixd *d, struct err *e)
{
	struct utsname u;
	int r;

	r = instance_lock(&d->was_running, e);
	if (r < 0)
		return r;
	if (uname(&u) < 0)
		return err_set(e, -1, "Cannot ask the kernel for its version");
	return node_info_check_kernel(u.release, e);
}

static int run(struct mosixd *d)
{
	struct err e;
	bool restart;

	if (check_machine(d, &e) < 0 || mosixd_new(d, &e) < 0) {
		log_err("%s", e.text);
		/* systemctl status shows no log lines from before the last attempt. */
		notify_status(e.text);
		return EXIT_FAILURE;
	}
	watch_signals(d);
	log_info("MOSIX %s: node %u; %u in the map", MOSIX_VERSION, d->config.self,
		 d->config.map.count);
	notify_ready();
	ev_run(d->loop, 0);
	notify_stopping();
	log_info("mosixd ends; jobs and guests go on");
	restart = d->restart;
	mosixd_free(d);
	return restart ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct mosixd d = {.config_path = CONF_FILE};

	argp_parse(&argp, argc, argv, 0, NULL, &d);
	/* Not libev's default loop: that one reaps every child, and we reap our own. */
	d.loop = ev_loop_new(EVFLAG_AUTO);
	if (!d.loop) {
		log_err("Cannot make an event loop");
		return EXIT_FAILURE;
	}
	return run(&d);
}
