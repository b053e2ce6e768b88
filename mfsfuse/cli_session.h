/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to the kernel, which may be older than this process: the daemon keeps its
 * descriptor and that of the state (cli_state.h), and whoever is started with both goes on.
 */
#ifndef MOSIX_MFSFUSE_CLI_SESSION_H
#define MOSIX_MFSFUSE_CLI_SESSION_H

#include <stdbool.h>

#include "common/err.h"

/* Opens both files, or takes those that were kept. */
int session_open(bool kept, struct err *e);
/* An earlier process has served on this connection. */
bool session_is_resumed(void);
/* Mounts on @mountpoint; or goes on with all that the kernel knows: the nodes must be known then.
 */
int session_start(const char *mountpoint, struct err *e);
/* Until it is unmounted. 0 or negative. */
int session_run(void);

#endif
