/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of the kernel's that a node full of jobs would meet. */
#include "daemon/kernel_limits.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Each guest process has one; the kernel's default of 128 is for all processes of root. */
#define INOTIFY_INSTANCES "/proc/sys/fs/inotify/max_user_instances"
#define INOTIFY_WANTED 32768ul

static int write_number(const char *path, unsigned long n)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return dprintf(fd, "%lu\n", n) < 0 ? -errno : 0;
}

/* Each job holds some descriptors here. */
static void raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static void raise_inotify(void)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = file_read_at(AT_FDCWD, INOTIFY_INSTANCES, 32, &text, NULL);
	if (r >= 0 && strtoul(text, NULL, 10) >= INOTIFY_WANTED)
		return;
	if (r >= 0)
		r = write_number(INOTIFY_INSTANCES, INOTIFY_WANTED);
	if (r < 0)
		log_warn("Cannot raise %s, of which each job needs one: %s", INOTIFY_INSTANCES,
			 strerror(-r));
}

void kernel_limits_raise(void)
{
	raise_descriptors();
	raise_inotify();
}
