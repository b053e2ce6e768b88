/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the administrator wrote: mosixd.conf, mosix.map and the cluster key, read together so
 * that a reload either takes all of it or leaves the old as it was.
 */
#ifndef MOSIX_DAEMON_CONFIG_H
#define MOSIX_DAEMON_CONFIG_H

#include "common/conf.h"
#include "common/err.h"
#include "common/key.h"
#include <stdint.h>

struct config {
	struct conf conf;
	struct map map;
	uint8_t peer_key[KEY_SIZE];
	uint8_t mfs_key[KEY_SIZE];
	uint8_t gossip_key[KEY_SIZE];
	uint32_t self;       /* own node number */
	bool fixed;          /* … which the administrator has set, by the map or by [node] number */
	struct map_node own; /* this node, in the map or not */
};

/* 0 or negative with a sentence in @e; @ret is then untouched. */
int config_load(struct config *ret, const char *path, struct err *e);
/* Refuses what cannot change while the daemon runs: the node's number and port. */
int config_check_reload(const struct config *old, const struct config *new, struct err *e);
void config_done(struct config *c);

const struct map_node *config_self(const struct config *c);

#endif
