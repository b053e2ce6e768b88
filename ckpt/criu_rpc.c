/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting criu in service mode, and its requests and answers. */
#include "ckpt/criu_rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ckpt/preload.h"
#include "ckpt/spawn.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define KNOWN "/run/criu.kdat"
#define MESSAGE_MAX (512u << 10) /* requests name all mounts */
#define ENV_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct criu {
	int sk;
	int pidfd;
	pid_t pid; /* 0 once reaped */
	bool paused;
};

struct environment {
	char tty[PATH_MAX], cgroup[PATH_MAX], preload[PATH_MAX];
	char *list[6];
};

static char *const *environment(struct environment *e, const struct criu_spawn *s)
{
	size_t n = 0;

	/* No HOME: criu would read the user's configuration. */
	e->list[n++] = (char *)ENV_PATH;
	e->list[n++] = (char *)"LC_ALL=C";
	if (s->cgroup) {
		snprintf(e->preload, sizeof(e->preload), "LD_PRELOAD=%s/" PRELOAD_LIBRARY,
			 spawn_dir());
		snprintf(e->cgroup, sizeof(e->cgroup), "%s=%s", GUARD_ENV, s->cgroup);
		e->list[n++] = e->preload;
		e->list[n++] = e->cgroup;
	}
	if (s->cgroup && getenv(CTTY_ENV)) {
		snprintf(e->tty, sizeof(e->tty), "%s=%s", CTTY_ENV, getenv(CTTY_ENV));
		e->list[n++] = e->tty;
	}
	e->list[n] = NULL;
	return e->list;
}

static void child_exec(const struct criu_spawn *s, int sk, pid_t parent)
{
	char arg[16];
	char *argv[] = {(char *)"criu", (char *)"swrk", arg, NULL};
	struct environment env;
	static const char *const paths[] = {"/usr/local/sbin/criu", "/usr/sbin/criu",
					    "/usr/bin/criu", "/sbin/criu"};
	sigset_t none;
	int null;

	if (s->die_with_parent) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
	}
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < s->keep_count; i++)
		fd_set_cloexec(s->keep[i], false);
	fd_set_cloexec(sk, false);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (chdir("/") < 0)
		_exit(127);
	snprintf(arg, sizeof(arg), "%d", sk);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		execve(paths[i], argv, environment(&env, s));
	_exit(127);
}

/* Where it is missing criu would start all the same. */
static int check_preload(const struct criu_spawn *s, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" PRELOAD_LIBRARY, spawn_dir());
	if (!s->cgroup || access(path, R_OK) == 0)
		return 0;
	return err_sys(e, -errno, "Cannot restore a job without %s", path);
}

int criu_spawn(struct criu **ret, const struct criu_spawn *s, struct err *e)
{
	_cleanup_fd_ int mine = -1, theirs = -1;
	pid_t parent = getpid();
	struct criu *c;
	int sk[2], r;
	pid_t pid;

	r = check_preload(s, e);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->sk = c->pidfd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sk) < 0) {
		free(c);
		return err_sys(e, -errno, "Cannot make a socket pair for criu");
	}
	mine = sk[0];
	theirs = sk[1];
	setsockopt(mine, SOL_SOCKET, SO_SNDBUFFORCE, &(int){MESSAGE_MAX}, sizeof(int));
	pid = cgroup_fork(s->cgroup, 0, &c->pidfd);
	if (pid == 0)
		child_exec(s, theirs, parent);
	if (pid < 0) {
		free(c);
		return err_sys(e, pid, "Cannot start criu");
	}
	c->pid = pid;
	c->sk = steal_fd(&mine);
	*ret = c;
	return 0;
}

int criu_fd(const struct criu *c)
{
	return c->sk;
}

pid_t criu_pid(const struct criu *c)
{
	return c->pid;
}

int criu_pidfd(const struct criu *c)
{
	return c->pidfd;
}

static int wait_fd(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int r;

	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

int criu_reap(struct criu *c, int timeout_ms)
{
	siginfo_t si;
	int r;

	if (!c->pid)
		return 0;
	r = wait_fd(c->pidfd, POLLIN, timeout_ms);
	if (r < 0)
		return r;
	while (waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED) < 0 && errno == EINTR)
		;
	c->pid = 0;
	return 0;
}

void criu_pause(struct criu *c, bool on)
{
	if (c->paused == on || !c->pid)
		return;
	if (syscall(SYS_pidfd_send_signal, c->pidfd, on ? SIGSTOP : SIGCONT, NULL, 0) == 0)
		c->paused = on;
}

bool criu_paused(const struct criu *c)
{
	return c->paused;
}

struct criu *criu_free(struct criu *c, int timeout_ms)
{
	if (!c)
		return NULL;
	c->sk = fd_close(c->sk);
	criu_pause(c, false);
	if (c->pid && criu_reap(c, timeout_ms) < 0) {
		syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
		criu_reap(c, -1);
	}
	fd_close(c->pidfd);
	free(c);
	return NULL;
}

void criu_freep(struct criu **c)
{
	*c = criu_free(*c, 0);
}

int criu_request(struct criu *c, const CriuReq *req)
{
	size_t len = criu_req__get_packed_size(req);
	_cleanup_free_ uint8_t *buf = NULL;
	ssize_t n;

	if (len > MESSAGE_MAX)
		return -EMSGSIZE;
	buf = malloc(len ? len : 1);
	if (!buf)
		return -ENOMEM;
	criu_req__pack(req, buf);
	n = send(c->sk, buf, len, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return 0;
}

int criu_answer(struct criu *c, bool ok)
{
	CriuReq req = CRIU_REQ__INIT;

	req.type = CRIU_REQ_TYPE__NOTIFY;
	req.has_notify_success = true;
	req.notify_success = ok;
	return criu_request(c, &req);
}

/* Some notifications carry a descriptor; none that this engine asks for. */
static void close_received(struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			fd_close(fd);
		}
	}
}

static ssize_t receive(struct criu *c, void *buf, size_t size)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} ctl;
	struct iovec iov = {buf, size};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &ctl,
			   .msg_controllen = sizeof(ctl)};
	ssize_t n;

	do
		n = recvmsg(c->sk, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	close_received(&m);
	if (n == 0)
		return -ECONNRESET;
	return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static uint32_t version_number(const CriuVersion *v)
{
	return (uint32_t)v->major_number * 10000u + (uint32_t)v->minor_number * 100u +
	       (v->has_sublevel ? (uint32_t)v->sublevel : 0);
}

static void event_from(const CriuResp *resp, struct criu_event *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (resp->type == CRIU_REQ_TYPE__NOTIFY) {
		ret->kind = CRIU_NOTIFY;
		if (resp->notify && resp->notify->script)
			snprintf(ret->script, sizeof(ret->script), "%s", resp->notify->script);
		if (resp->notify && resp->notify->has_pid)
			ret->pid = resp->notify->pid;
		return;
	}
	ret->kind = CRIU_DONE;
	ret->success = resp->success;
	if (resp->restore)
		ret->pid = resp->restore->pid;
	if (resp->version)
		ret->version = version_number(resp->version);
	if (resp->cr_errmsg)
		snprintf(ret->errmsg, sizeof(ret->errmsg), "%s", resp->cr_errmsg);
}

int criu_next(struct criu *c, struct criu_event *ret)
{
	_cleanup_free_ uint8_t *buf = malloc(MESSAGE_MAX);
	CriuResp *resp;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = receive(c, buf, MESSAGE_MAX);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return (int)n;
	resp = criu_resp__unpack(NULL, (size_t)n, buf);
	if (!resp)
		return -EPROTO;
	event_from(resp, ret);
	criu_resp__free_unpacked(resp, NULL);
	return 1;
}

int criu_wait(struct criu *c, struct criu_event *ret, int timeout_ms)
{
	int r;

	r = wait_fd(c->sk, POLLIN, timeout_ms);
	if (r < 0)
		return r;
	r = criu_next(c, ret);
	return r ? r : -EPROTO;
}

int criu_ask_version(struct criu *c, uint32_t *ret, int timeout_ms)
{
	CriuReq req = CRIU_REQ__INIT;
	struct criu_event ev;
	int r;

	req.type = CRIU_REQ_TYPE__VERSION;
	req.has_keep_open = true;
	req.keep_open = true;
	r = criu_request(c, &req);
	if (r < 0)
		return r;
	r = criu_wait(c, &ev, timeout_ms);
	if (r < 0)
		return r;
	if (ev.kind != CRIU_DONE || !ev.success || !ev.version)
		return -EPROTO;
	*ret = ev.version;
	return 0;
}

int criu_learn(struct criu *c, int timeout_ms)
{
	CriuFeatures features = CRIU_FEATURES__INIT;
	CriuReq req = CRIU_REQ__INIT;
	struct criu_event ev;
	int r;

	if (access(KNOWN, F_OK) == 0)
		return 0;
	req.type = CRIU_REQ_TYPE__FEATURE_CHECK;
	req.features = &features;
	req.has_keep_open = true;
	req.keep_open = true;
	r = criu_request(c, &req);
	return r < 0 ? r : criu_wait(c, &ev, timeout_ms);
}
