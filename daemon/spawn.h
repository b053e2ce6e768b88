/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starts one of MOSIX's own programs. */
#ifndef MOSIX_DAEMON_SPAWN_H
#define MOSIX_DAEMON_SPAWN_H

#include "daemon/process.h"
#include <stddef.h>

#define SPAWN_MORE_MAX 2

struct spawn {
	const char *const *argv; /* argv[0] is the path */
	const char *cgroup;
	int fd; /* becomes descriptor 3; -1 = none (borrowed) */
	/* With fd: these become 4 and so on (borrowed). */
	const int *more;
	size_t more_count;
};

int spawn_process(struct process *ret, const struct spawn *s);

#endif
