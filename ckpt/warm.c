/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the kernel's lock of all forks and cgroup changes in the state that writers need. */
#include "ckpt/warm.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cgroup.h"

#define STEP_NS (2 * 1000 * 1000)
#define STEPS 5000 /* nobody needs it for longer than this */

pid_t warm_start(const char *cgroup)
{
	static const struct timespec step = {.tv_nsec = STEP_NS};
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < STEPS && getppid() == parent; i++) {
		if (cgroup_enter(cgroup, 0) < 0)
			break;
		nanosleep(&step, NULL);
	}
	_exit(0);
}

void warm_stop(pid_t pid)
{
	if (pid > 0)
		kill(pid, SIGKILL);
}

void warm_reap(pid_t pid)
{
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
