/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into criu when it restores a job: not one instruction of the job may run before its
 * cgroup is frozen. By itself criu would let the processes run if it was killed late in a restore
 * (their tracer would be gone), or if the worker was (nobody would say no): two copies. Here the
 * processes die with criu for as long as it traces them, and it lets go of none that is not
 * frozen.
 */
#include "ckpt/preload.h"
#include "common/fail.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* criu also traces children of its own, to see what the kernel can do. */
static bool is_of_job(pid_t pid)
{
	struct stat own, other;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat("/proc/self/ns/pid", &own) < 0 || stat(path, &other) < 0 ||
	       own.st_ino != other.st_ino;
}

/* A process that is stopped in a frozen cgroup goes from one stop to the other. */
static bool is_frozen(void)
{
	const char *cgroup = getenv(GUARD_ENV);
	char path[512], c = '0';
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup ? cgroup : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, &c, 1);
	if (fd >= 0)
		close(fd);
	return n == 1 && c == '1';
}

static void before_detach(pid_t pid)
{
	static bool frozen;

	if (frozen || !is_of_job(pid))
		return;
	FAIL_POINT("ckpt/detach");
	if (!is_frozen())
		raise(SIGKILL);
	frozen = true;
}

/* The late part of a restore, in which criu says nothing to the worker. */
static void before_step(pid_t pid)
{
	static bool seen;

	if (seen || !is_of_job(pid))
		return;
	seen = true;
	FAIL_POINT("ckpt/traced");
}

/* As in the C library: what is looked at is the result. */
static long peek(enum __ptrace_request request, pid_t pid, void *addr)
{
	long value;

	if (syscall(SYS_ptrace, request, pid, addr, &value) < 0)
		return -1;
	errno = 0;
	return value;
}

long ptrace(enum __ptrace_request request, ...)
{
	uintptr_t data;
	void *addr;
	va_list ap;
	pid_t pid;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	addr = va_arg(ap, void *);
	data = (uintptr_t)va_arg(ap, void *);
	va_end(ap);
	switch ((int)request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_PEEKUSER:
		return peek(request, pid, addr);
	case PTRACE_SEIZE:
	case PTRACE_SETOPTIONS:
		data |= PTRACE_O_EXITKILL;
		break;
	case PTRACE_SYSCALL:
		before_step(pid);
		break;
	case PTRACE_DETACH:
		before_detach(pid);
		break;
	default:
		break;
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}
