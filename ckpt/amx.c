/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which extended registers are in use is seen through ptrace alone. */
#include "ckpt/amx.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "ckpt/cpu.h"
#include "ckpt/tasks.h"
#include "common/fd.h"
#include "common/proc.h"

#define AMX_BITS (1ull << 17 | 1ull << 18)
#define XSTATE_BV 512 /* offset of the header in the XSAVE area */
#define XSTATE_SIZE (64u << 10)
#define REST_TICKS 20000 /* of 100 us */

/* Of a stopped thread: which registers are not in their initial state. */
static int read_bits(pid_t tid, uint64_t *ret)
{
	static uint8_t area[XSTATE_SIZE];
	struct iovec iov = {area, sizeof(area)};

	*ret = 0;
	if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &iov) < 0)
		return -errno;
	if (iov.iov_len >= XSTATE_BV + sizeof(*ret))
		memcpy(ret, area + XSTATE_BV, sizeof(*ret));
	return 0;
}

static bool is_stopped(pid_t tid)
{
	struct proc_stat st;

	return proc_stat(tid, &st) == 0 && st.state == 'T';
}

/* A stopped thread that is let go runs until it has stopped once more. When criu seizes one just
 * then, its interrupt and the stop are one event; it waits for the second one, and so for ever. */
static int wait_stopped(pid_t tid)
{
	const struct timespec tick = {.tv_nsec = 100000};
	struct proc_stat st;
	int r;

	for (int i = 0; i < REST_TICKS; i++) {
		r = proc_stat(tid, &st);
		if (r < 0 || st.state == 'T')
			return r;
		nanosleep(&tick, NULL);
	}
	return -ETIMEDOUT;
}

int amx_thread_uses(pid_t tid, uint64_t bits)
{
	bool stopped = is_stopped(tid);
	uint64_t used = 0;
	int status, r;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	r = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 ? -errno : 0;
	while (r == 0 && waitpid(tid, &status, __WALL) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r == 0)
		r = WIFSTOPPED(status) ? read_bits(tid, &used) : -ESRCH;
	ptrace(PTRACE_DETACH, tid, NULL, NULL);
	if (stopped && r == 0)
		r = wait_stopped(tid);
	return r < 0 ? r : (used & bits) != 0;
}

static int check_thread(void *arg, pid_t pid, pid_t tid)
{
	struct err *e = arg;
	pid_t inner = 0;
	int r;

	r = amx_thread_uses(tid, AMX_BITS);
	if (r == 0 || r == -ESRCH)
		return 0;
	proc_ns_pid(pid, &inner);
	if (r < 0)
		return err_sys(e, r, "Cannot look at the registers of process %d of the job",
			       (int)inner);
	return err_set(e, -ENOTSUP,
		       "Process %d of the job uses AMX tile registers, which cannot be moved: try "
		       "again when it has released them.",
		       (int)inner);
}

int amx_check(const char *cgroup, struct err *e)
{
	if (!(cpu_xcr0() & AMX_BITS))
		return 0;
	return tasks_each_thread(cgroup, check_thread, e);
}
