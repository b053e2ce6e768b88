/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of sampling share among themselves. */
#ifndef MOSIX_DAEMON_SAMPLE_PRIV_H
#define MOSIX_DAEMON_SAMPLE_PRIV_H

#include "daemon/cgroups.h"
#include "daemon/process.h"
#include "daemon/sample.h"
#include "daemon/sample_node.h"
#include "daemon/tcp_bytes.h"
#include "policy/load.h"
#include <ev.h>

struct sample_speed {
	struct mosixd *d;
	uint32_t measured, set; /* 0 = not */
	struct process process; /* that measures */
	int fd;                 /* what it writes */
	struct ev_io died;
};

struct sample_of_net {
	struct tcp_bytes *tcp; /* NULL = not known */
	int64_t at_ms;         /* of the last look */
	unsigned int retry;    /* ticks */
	bool failed;           /* said so */
};

/* What a copy sends and receives. */
struct net_use {
	uint64_t group;                 /* number of its group; 0 = not known yet */
	uint64_t bytes, rate;           /* since its start; bytes/s, smoothed */
	uint64_t told_bytes, told_rate; /* to its guest; KiB/s */
	bool looked;
	bool heard; /* what the guest had from the daemon before this one */
};

struct sample {
	struct ev_periodic beat;
	struct ev_timer quick;
	int64_t looked_ns;
	struct sample_node node;
	struct sample_of_net net;
	char jobs[CGROUP_PATH_MAX + 8]; /* group of all jobs */
	uint64_t jobs_usec;             /* that it had used at the last tick */
	struct load_views views;
	struct node_facts facts;
	struct sample_more more;
	uint32_t stalled; /* pressure.memory, smoothed */
	struct sample_speed speed;
	uint32_t flags; /* as others set them */
};

/* sample_speed.c */
void sample_speed_init(struct mosixd *d);
void sample_speed_free(struct mosixd *d);
uint32_t sample_speed(const struct mosixd *d);

/* sample_job.c: once a second */
void sample_jobs_tick(struct mosixd *d, struct sample_of_jobs *ret);
void sample_jobs_log(struct mosixd *d);
/* NULL: no memory. */
struct net_use *sample_job_net(struct guest *g);

/* sample_net.c: once a second */
void sample_net_tick(struct mosixd *d, int64_t now_ms);
void sample_net_heard(struct guest *g, const Mosix__GuestStats *m);
void sample_net_free(struct mosixd *d);

#endif
