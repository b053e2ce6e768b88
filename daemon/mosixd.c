/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Setting up and taking down the daemon's parts, and reloading its configuration. */
#include "daemon/mosixd.h"

#include "common/log.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/control.h"
#include "daemon/controls.h"
#include "daemon/dispatch.h"
#include "daemon/gossip_io.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/journal.h"
#include "daemon/kernel_limits.h"
#include "daemon/listener.h"
#include "daemon/metrics.h"
#include "daemon/mfs.h"
#include "daemon/move.h"
#include "daemon/node_info.h"
#include "daemon/nodes.h"
#include "daemon/notify.h"
#include "daemon/requests.h"
#include "daemon/sample.h"
#include "daemon/spare.h"
#include <errno.h>
#include <time.h>

int64_t clock_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int describe(struct mosixd *d, struct err *e)
{
	const struct map_node *self = config_self(&d->config);
	int r;

	r = node_info_read(&d->info, self->number, self->name, e);
	if (r < 0)
		return r;
	if (d->info->criu_problem)
		log_warn("Jobs cannot move to or from this node: %s", d->info->criu_problem);
	return 0;
}

static int tables_new(struct mosixd *d, struct err *e)
{
	int r;

	r = nodes_new(d);
	if (r == 0)
		r = metrics_new(d);
	if (r == 0)
		r = local_new(d);
	if (r == 0)
		r = requests_new(d);
	if (r == 0)
		r = moves_new(d);
	if (r == 0)
		r = nodes_sync(d);
	return r < 0 ? err_sys(e, r, "Cannot start") : 0;
}

/* What an earlier daemon on this node left is taken over before anybody can ask about it. */
static int take_over(struct mosixd *d, struct err *e)
{
	int r;

	r = journal_init();
	if (r < 0)
		return err_sys(e, r, "Cannot make the journal's folders");
	r = jobs_new(d, e);
	if (r == 0)
		r = guests_new(d, e);
	if (r < 0)
		return r;
	jobs_recover(d);
	guests_recovered(d);
	return 0;
}

int mosixd_new(struct mosixd *d, struct err *e)
{
	int r;

	kernel_limits_raise();
	d->started_usec = clock_usec();
	r = config_load(&d->config, d->config_path, e);
	if (r < 0)
		return r;
	log_level = (int)d->config.conf.log_level;
	r = cgroups_init(d, e);
	if (r == 0)
		r = describe(d, e);
	if (r == 0)
		r = sample_new(d, e);
	if (r == 0)
		r = tables_new(d, e);
	if (r == 0)
		r = controls_new(d, e);
	if (r == 0)
		r = take_over(d, e);
	if (r == 0)
		r = balance_daemon_new(d, e);
	if (r == 0)
		r = mfs_new(d, e);
	if (r == 0)
		r = spare_new(d, e);
	if (r == 0)
		r = listener_new(d, e);
	if (r == 0)
		r = gossip_io_new(d, e);
	if (r == 0)
		r = control_new(d, e);
	if (r == 0)
		metrics_listen(d);
	return r;
}

void mosixd_free(struct mosixd *d)
{
	d->stopping = true;
	listener_free(d);
	gossip_io_free(d);
	control_free(d);
	mfs_free(d);
	moves_free(d);
	jobs_free(d);
	guests_free(d);
	spare_free(d);
	nodes_free(d);
	requests_free(d);
	controls_free(d);
	balance_daemon_free(d);
	local_free(d);
	sample_free(d);
	metrics_free(d);
	msg_free(d->info);
	config_done(&d->config);
}

static int reload(struct mosixd *d, struct err *e)
{
	struct config c;
	int r;

	r = config_load(&c, d->config_path, e);
	if (r < 0)
		return r;
	r = config_check_reload(&d->config, &c, e);
	if (r < 0) {
		config_done(&c);
		return r;
	}
	config_done(&d->config);
	d->config = c;
	log_level = (int)c.conf.log_level;
	r = nodes_sync(d);
	if (r < 0)
		return err_sys(e, r, "Cannot take over all of the map");
	mfs_reload(d);
	metrics_listen(d);
	balance_reload(d);
	return 0;
}

void mosixd_reload(struct mosixd *d)
{
	struct err e;

	notify_reloading();
	if (reload(d, &e) < 0)
		log_err("The configuration was not reloaded: %s", e.text);
	else
		log_info("The configuration was reloaded: %u nodes", d->config.map.count);
	notify_ready();
}
