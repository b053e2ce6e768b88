/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into criu when it restores a job: gives the job's first process its terminal as soon as
 * it leads the session. A process has a controlling terminal only from its parent at fork(), and
 * criu sets that of the session leader after all others were forked: they would have lost
 * /dev/tty, and shells their job control.
 */
#include "ckpt/preload.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t setsid(void)
{
	pid_t sid = (pid_t)syscall(SYS_setsid);
	const char *path = getenv(CTTY_ENV);
	int fd;

	/* Only the restored job's pid 1: criu itself is in another pid namespace. */
	if (sid != 1 || !path)
		return sid;
	/* There is none if the job has no terminal. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return sid;
}
