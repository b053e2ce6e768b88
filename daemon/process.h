/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which process: a number alone may be reused, so it goes with the time at which the process
 * started, and with a pidfd while we watch it.
 */
#ifndef MOSIX_DAEMON_PROCESS_H
#define MOSIX_DAEMON_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	uint64_t start; /* clock ticks since boot, as /proc/PID/stat has it */
	int pidfd;      /* -1 = none */
};

#define PROCESS_NULL         \
	{                    \
		.pidfd = -1, \
	}

/* Opens the running process @pid. If @start is not 0 it must have started then: -ESRCH. */
int process_open(struct process *ret, pid_t pid, uint64_t start);
/* The process at the other end of an AF_UNIX connection; -ESRCH when it has ended. */
int process_open_peer(struct process *ret, int sock);
void process_close(struct process *p);
/* SIGKILL, if it is still that process. */
void process_kill(const struct process *p);
/* Takes the exit status of a child of ours that ended; nothing for others. */
void process_reap(const struct process *p);

#endif
