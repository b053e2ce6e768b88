/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes as users name them: one by number, name or address, several as "n1,3-5,name".
 */
#ifndef MOSIX_CLI_NODE_LIST_H
#define MOSIX_CLI_NODE_LIST_H

#include "common/err.h"
#include "proto/mosix.pb-c.h"
#include <stddef.h>
#include <stdint.h>

#define NODE_LIST_MAX 4096

/* The row of @text in an answer to OP_NODES: a number, a name, an address, or "home" for the
 * asking node. NULL if there is none. */
const Mosix__NodeRow *node_find(const Mosix__Reply *nodes, const char *text);

/* Reads elements separated by commas, each as node_find() takes it or FIRST-LAST by numbers, of
 * which some may be missing. *ret: sorted, each once, free(); never empty. -EINVAL or -ENOENT with
 * a sentence that names the element; -ENOMEM. */
int node_list_parse(const char *text, const Mosix__Reply *nodes, uint32_t **ret, size_t *ret_count,
		    struct err *e);

#endif
