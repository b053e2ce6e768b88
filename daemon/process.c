/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identities of processes. */
#include "daemon/process.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/proc.h"
#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* The pidfd is open: if it can still be signalled, what /proc says is of that process. */
static int process_fill(struct process *ret, pid_t pid, uint64_t start, int pidfd)
{
	struct proc_stat st;
	int r;

	r = proc_stat(pid, &st);
	if (r < 0)
		return r;
	if (pidfd_send_signal(pidfd, 0, NULL, 0) < 0 && errno == ESRCH)
		return -ESRCH;
	if (start && st.start != start)
		return -ESRCH;
	ret->pid = pid;
	ret->start = st.start;
	return 0;
}

int process_open(struct process *ret, pid_t pid, uint64_t start)
{
	_cleanup_fd_ int pidfd = -1;
	int r;

	if (pid <= 0)
		return -ESRCH;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return -errno;
	r = process_fill(ret, pid, start, pidfd);
	if (r < 0)
		return r;
	ret->pidfd = steal_fd(&pidfd);
	return 0;
}

int process_open_peer(struct process *ret, int sock)
{
	_cleanup_fd_ int pidfd = -1;
	struct ucred cred;
	socklen_t len;
	int r;

	len = sizeof(pidfd);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return -errno;
	len = sizeof(cred);
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	r = process_fill(ret, cred.pid, 0, pidfd);
	if (r < 0)
		return r;
	ret->pidfd = steal_fd(&pidfd);
	return 0;
}

void process_close(struct process *p)
{
	p->pidfd = fd_close(p->pidfd);
}

void process_kill(const struct process *p)
{
	if (p->pidfd >= 0)
		(void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
}

void process_reap(const struct process *p)
{
	siginfo_t si;

	if (p->pidfd >= 0)
		(void)waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED | WNOHANG);
}
