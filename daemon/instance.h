/* SPDX-License-Identifier: GPL-2.0-or-later */
/* There is one mosixd on a node, and it is root's. */
#ifndef MOSIX_DAEMON_INSTANCE_H
#define MOSIX_DAEMON_INSTANCE_H

#include "common/err.h"
#include <stdbool.h>

/* Takes the lock for as long as the process lives. *ret_again: since the node has booted there
 * was an earlier one. -EPERM, -EBUSY, … */
int instance_lock(bool *ret_again, struct err *e);

#endif
