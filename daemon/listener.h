/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The node's TCP port. Reads the preamble of each connection and hands it on: peer links stay
 * here, image connections go to the guest that waits for their token, file-system connections
 * to mosix-mfsd. Anything else is closed without a word.
 */
#ifndef MOSIX_DAEMON_LISTENER_H
#define MOSIX_DAEMON_LISTENER_H

#include "common/err.h"

struct mosixd;

int listener_new(struct mosixd *d, struct err *e);
void listener_free(struct mosixd *d);

#endif
