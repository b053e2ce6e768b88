/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this node is and can run, as told to the others. */
#ifndef MOSIX_DAEMON_NODE_INFO_H
#define MOSIX_DAEMON_NODE_INFO_H

#include "common/err.h"
#include "proto/mosix.pb-c.h"

/* Refuses kernels that lack what MOSIX needs: -ENOTSUP. */
int node_info_check_kernel(const char *release, struct err *e);
/* Asks kernel, processor and criu. A missing criu is no error: criu_problem says it. */
int node_info_read(Mosix__NodeInfo **ret, uint32_t node, const char *name, struct err *e);

#endif
