/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be shown of a node.
 */
#ifndef MOSIX_CLI_NODE_TEXT_H
#define MOSIX_CLI_NODE_TEXT_H

#include "cli/human.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>

/* Never NULL: empty ones where nothing is known. */
const Mosix__NodeInfo *node_info_of(const Mosix__NodeRow *row);
const Mosix__Load *node_load_of(const Mosix__NodeRow *row);

/* Alive or suspected, so that its numbers mean something. */
bool node_is_there(const Mosix__NodeRow *row);
/* "alive", "suspect", "dead", "left", "unknown"; "unlinked": alive, but this node has no link. */
const char *node_state_text(const Mosix__NodeRow *row);
/* "draining, no guests: …": its flags and its problem. */
const char *node_notes(const Mosix__NodeRow *row, char *buf, size_t size);
/* Of enum node_flag, by its number; NULL behind the last. */
const char *node_flag_name(unsigned int bit);
/* CPUs that it may use, in 1/1000. */
uint32_t node_cpus(const Mosix__NodeRow *row);
uint64_t node_memory(const Mosix__NodeRow *row);

/* The state, or what is more to say of a node that is there: its first flag. */
const char *node_short_state(const Mosix__NodeRow *row);

/* @wide: with all columns, else without those that make it too wide for a screen. NULL when out
 * of memory. */
struct table *node_table(const Mosix__Reply *nodes, bool wide);

#endif
