/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a connection to a peer and finding again what was open there.
 */
#ifndef MOSIX_MFSFUSE_CLI_CONNECT_H
#define MOSIX_MFSFUSE_CLI_CONNECT_H

#include "mfsfuse/cli.h"

/* Blocks for some seconds at most. *ret is ready for calls. 0 or a negative errno. */
int peer_connect(struct peer *p, struct stream **ret);

#endif
