/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children in cgroups. */
#include "ckpt/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

pid_t spawn_into(const char *cgroup, int *ret_pidfd)
{
	struct clone_args args = {.flags = CLONE_PIDFD, .exit_signal = SIGCHLD};
	_cleanup_fd_ int cg = -1;
	int pidfd = -1;
	pid_t pid;

	args.pidfd = (uintptr_t)&pidfd;
	if (cgroup) {
		cg = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (cg < 0)
			return -errno;
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned int)cg;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

const char *spawn_dir(void)
{
	const char *dir = secure_getenv("MOSIX_LIBEXECDIR");

	return dir ? dir : MOSIX_LIBEXECDIR;
}
