/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/mosix/mosixd.conf (INI) and /etc/mosix/mosix.map (the classic table of nodes). Errors
 * name file and line. Neither changes its output on failure, so that a bad reload leaves the
 * daemon as it was.
 */
#ifndef MOSIX_COMMON_CONF_H
#define MOSIX_COMMON_CONF_H

#include "common/err.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define CONF_DIR "/etc/mosix"
#define CONF_FILE CONF_DIR "/mosixd.conf"
#define CONF_MAP CONF_DIR "/mosix.map"
#define CONF_KEY CONF_DIR "/cluster.key"
#define CONF_RUN "/run/mosix"
#define CONF_STATE "/var/lib/mosix"
#define CONF_CONTROL_SOCK CONF_RUN "/control.sock"
#define CONF_GUEST_SOCK CONF_RUN "/guest.sock"
#define CONF_MFS_SOCK CONF_RUN "/mfs.sock"
#define CONF_MFS_MOUNT CONF_RUN "/mfs"
#define CONF_JOB_DIR CONF_RUN "/job"

#define CONF_PORT 7250
#define CONF_SEEDS 16

/* Where another node can be asked who is in the cluster. */
struct conf_seed {
	struct in_addr addr;
	uint16_t port;
};

#define CONF_DEFAULT UINT32_MAX /* what the policy thinks best */

struct conf {
	uint32_t node;         /* [node] number: 0 = find own address in the map */
	uint16_t port;         /* [node] port */
	uint32_t guests_max;   /* [guests] max: 0 = none may come */
	bool owner_first;      /* [guests] owner_first: they leave when this node's users need it */
	uint8_t guest_classes; /* [guests] classes: bit c = jobs of class c may come */
	bool balance;          /* [balance] enabled */
	uint32_t home_threshold; /* [balance] home_threshold: load units */
	/* [balance], each CONF_DEFAULT if not set */
	uint32_t residency;      /* seconds */
	uint32_t hysteresis;     /* percent */
	uint32_t memory_reserve; /* MiB */
	uint32_t mesh;           /* [cluster] mesh: up to so many nodes all have links to all */
	uint32_t grace;          /* [cluster] grace: seconds for which jobs outlive a dead node */
	uint32_t seed_count;     /* [cluster] seeds */
	struct conf_seed seeds[CONF_SEEDS];
	uint32_t log_level; /* [log] level: 3 error, 4 warning, 6 info, 7 debug */
	/* [metrics] listen: ADDRESS:PORT; port 0 = off */
	struct sockaddr_in metrics_listen;
	char map_path[256]; /* [node] map */
	char key_path[256]; /* [node] key */
};

void conf_init(struct conf *c); /* the defaults */
/* 0; -ENOENT; -EINVAL with file:line in @e. Unknown sections and keys are errors. */
int conf_load(struct conf *c, const char *path, struct err *e);

struct map_node {
	uint32_t number;   /* 1 … 65535 */
	unsigned int line; /* of the file */
	struct in_addr addr;
	char name[64]; /* from the fourth column, else resolved from /etc/hosts, else "" */
};

struct map {
	struct map_node *nodes; /* sorted by number, none twice */
	uint32_t count;
};

/* Lines: STARTING-NUMBER ADDRESS-OR-HOST COUNT [NAME-PREFIX]; '#' starts a comment. A line with
 * COUNT n > 1 stands for n nodes with consecutive numbers and addresses, named PREFIX<number>; with
 * COUNT 1 the fourth column is the whole name. Numbers, addresses and names are each unique. Hosts
 * are looked up in /etc/hosts alone. 0; -ENOENT, …; -EINVAL with file:line in @e. */
int map_load(struct map *ret, const char *path, struct err *e);
void map_done(struct map *m);
const struct map_node *map_by_number(const struct map *m, uint32_t number);
/* The node that a user named: number, name, or address. */
const struct map_node *map_by_text(const struct map *m, const char *text);

#endif
