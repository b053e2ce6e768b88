/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: what its parts share. One thread, one loop; every part keeps its own state behind
 * a pointer here and is reached through its own header.
 */
#ifndef MOSIX_DAEMON_MOSIXD_H
#define MOSIX_DAEMON_MOSIXD_H

#include "daemon/cgroups.h"
#include "daemon/config.h"
#include "proto/mosix.pb-c.h"
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct balancer;
struct control;
struct controls;
struct gossip_io;
struct guests;
struct jobs;
struct listener;
struct local;
struct metrics;
struct mfs;
struct moves;
struct nodes;
struct peer;
struct requests;
struct sample;
struct settle;
struct spare;

struct mosixd {
	struct ev_loop *loop;
	const char *config_path;
	struct config config;
	Mosix__NodeInfo *info; /* of this node */
	int64_t started_usec;  /* by clock_usec() */
	bool was_running;      /* an earlier daemon may have left processes here */
	bool restart;          /* it ends to be started again, with another number */
	bool mesh;             /* so few nodes that all have links to all: daemon/links.h */
	bool stopping;         /* what happens now is no news to anybody */
	/* The delegated subtree, in which main, guests and jobs/ are. */
	char cgroup[CGROUP_PATH_MAX];      /* in the file system */
	char cgroup_name[CGROUP_PATH_MAX]; /* as /proc/PID/cgroup has it */

	struct nodes *nodes;
	struct peer *waiting_peers; /* links that are not up yet */
	struct gossip_io *gossip;
	struct local *local;
	struct listener *listener;
	struct control *control;
	struct guests *guests;
	struct spare *spare;
	struct jobs *jobs;
	struct moves *moves;
	struct requests *requests;
	struct sample *sample;
	struct balancer *balancer;
	struct controls *controls;
	struct mfs *mfs;
	struct settle *settling;
	struct metrics *metrics;
};

/* With loop and config_path set. 0 or negative; then the process is to end. */
int mosixd_new(struct mosixd *d, struct err *e);
/* Jobs, guests and file systems stay. */
void mosixd_free(struct mosixd *d);
void mosixd_reload(struct mosixd *d);

/* Monotonic microseconds. */
int64_t clock_usec(void);

#endif
