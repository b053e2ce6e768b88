/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts one of MOSIX's own programs. */
#ifndef MOSIX_DAEMON_SPAWN_H
#define MOSIX_DAEMON_SPAWN_H

#include "daemon/process.h"

struct spawn {
	const char *const *argv; /* argv[0] is the path */
	const char *cgroup;
	int fd; /* becomes descriptor 3; -1 = none (borrowed) */
};

int spawn_process(struct process *ret, const struct spawn *s);

#endif
