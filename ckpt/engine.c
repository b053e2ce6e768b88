/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's side of the engine: starts the worker, passes commands on, and turns the worker's
 * end, orderly or not, into one event that comes when worker and criu have both gone.
 */
#include "ckpt/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ckpt/leftover.h"
#include "ckpt/spawn.h"
#include "ckpt/worker.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/msg.h"
#include "common/preamble.h"

#define PROGRAM "mosix-ckpt"
/* A criu without its worker puts the source's processes back in order; when it takes longer than
 * this it has to be killed. */
#define CRIU_GRACE_S 20
#define FREE_GRACE_MS 3000

struct engine {
	enum engine_role role;
	pid_t pid; /* of the worker; 0 once reaped */
	int pidfd;
	int criu;  /* pidfd, or -1 */
	int timer; /* runs while criu is alone */
	int ep;
	struct chan *chan;             /* NULL once the worker has closed it */
	Worker__Event *msg;            /* what the caller's event points into */
	Worker__Event *last;           /* the final event, kept until all have gone */
	bool over;                     /* the final event is delivered */
	struct engine_restore restore; /* destination: as it was asked for, and what it may leave */
	char *ghosts;
	size_t ghosts_len;
};

/* ------------------------------------------------------------------ start */

static int program_path(char *ret, size_t size)
{
	return (size_t)snprintf(ret, size, "%s/" PROGRAM, spawn_dir()) < size ? 0 : -ENAMETOOLONG;
}

static void child_exec(const char *path, enum engine_role role, int fd, const char *cgroup)
{
	char text[16];
	char *argv[] = {(char *)(uintptr_t)PROGRAM, (char *)(uintptr_t)"source", text,
			(char *)(uintptr_t)cgroup, NULL};
	sigset_t none;

	if (role == ENGINE_DESTINATION)
		argv[1] = (char *)(uintptr_t)"destination";
	else
		argv[3] = NULL;
	snprintf(text, sizeof(text), "%d", fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd_set_cloexec(fd, false);
	execv(path, argv);
	_exit(127);
}

static int watch(struct engine *en, int op, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(en->ep, op, fd, &ev) < 0 ? -errno : 0;
}

static uint32_t to_epoll(short events)
{
	return (events & POLLIN ? EPOLLIN : 0u) | (events & POLLOUT ? EPOLLOUT : 0u);
}

/* The channel may want to write from now on, or no longer. */
static void update(struct engine *en)
{
	if (en->chan)
		watch(en, EPOLL_CTL_MOD, chan_fd(en->chan), to_epoll(chan_events(en->chan)));
}

static int start(struct engine *en, const char *cgroup, const char *worker_cgroup)
{
	struct stream *s;
	char path[512];
	int sk[2], r;

	r = program_path(path, sizeof(path));
	if (r < 0)
		return r;
	if (access(path, X_OK) < 0)
		return -errno;
	en->ep = epoll_create1(EPOLL_CLOEXEC);
	if (en->ep < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sk) < 0)
		return -errno;
	_cleanup_fd_ int theirs = sk[1];
	r = stream_new_plain(&s, sk[0]);
	if (r == 0)
		r = chan_new(&en->chan, s, CHAN_FRAME_MAX, WORKER_QUEUE_MAX);
	if (r < 0)
		return r;
	en->pid = cgroup_fork(worker_cgroup, 0, &en->pidfd);
	if (en->pid == 0)
		child_exec(path, en->role, theirs, cgroup);
	if (en->pid < 0) {
		r = en->pid;
		en->pid = 0;
		return r;
	}
	return watch(en, EPOLL_CTL_ADD, chan_fd(en->chan), EPOLLIN);
}

int engine_spawn(struct engine **ret, enum engine_role role, const char *cgroup,
		 const char *worker_cgroup, struct err *e)
{
	struct engine *en;
	int r;

	if (role == ENGINE_DESTINATION && !cgroup)
		return -EINVAL;
	en = calloc(1, sizeof(*en));
	if (!en)
		return -ENOMEM;
	en->role = role;
	en->pidfd = en->criu = en->timer = en->ep = -1;
	r = start(en, cgroup, worker_cgroup);
	if (r < 0) {
		engine_free(en);
		return err_sys(e, r, "Cannot start " PROGRAM);
	}
	*ret = en;
	return 0;
}

/* ------------------------------------------------------------------ the end */

static bool ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return pidfd < 0 || poll(&p, 1, 0) > 0;
}

static void reap(int pidfd)
{
	siginfo_t si;

	/* It is not ours if the worker was still there to reap it. */
	waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG);
}

static void signal_pidfd(int pidfd, int signo)
{
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}

static void kill_pidfd(int pidfd)
{
	signal_pidfd(pidfd, SIGKILL);
}

static void wait_pidfd(int pidfd, int timeout_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	while (poll(&p, 1, timeout_ms) < 0 && errno == EINTR)
		;
}

struct engine *engine_free(struct engine *en)
{
	if (!en)
		return NULL;
	chan_free(en->chan);
	if (en->pid) {
		kill_pidfd(en->pidfd);
		wait_pidfd(en->pidfd, -1);
		reap(en->pidfd);
	}
	if (!ended(en->criu)) {
		signal_pidfd(en->criu, SIGCONT); /* the worker may have had it wait */
		if (en->role == ENGINE_SOURCE)
			wait_pidfd(en->criu, FREE_GRACE_MS);
		kill_pidfd(en->criu);
		wait_pidfd(en->criu, FREE_GRACE_MS);
	}
	if (en->criu >= 0)
		reap(en->criu);
	msg_free(en->msg);
	msg_free(en->last);
	free(en->ghosts);
	fd_close(en->pidfd);
	fd_close(en->criu);
	fd_close(en->timer);
	fd_close(en->ep);
	free(en);
	return NULL;
}

static void start_grace(struct engine *en)
{
	struct itimerspec t = {.it_value.tv_sec = CRIU_GRACE_S};

	en->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (en->timer < 0) {
		kill_pidfd(en->criu);
		return;
	}
	timerfd_settime(en->timer, 0, &t, NULL);
	watch(en, EPOLL_CTL_ADD, en->timer, EPOLLIN);
}

/* The worker has closed its channel: now it and criu have to go. */
static void worker_closed(struct engine *en)
{
	watch(en, EPOLL_CTL_DEL, chan_fd(en->chan), 0);
	en->chan = chan_free(en->chan);
	watch(en, EPOLL_CTL_ADD, en->pidfd, EPOLLIN);
	if (ended(en->criu))
		return;
	watch(en, EPOLL_CTL_ADD, en->criu, EPOLLIN);
	signal_pidfd(en->criu, SIGCONT); /* the worker may have had it wait */
	/* At the destination it would let the job run; here it puts it back in order. */
	if (en->role == ENGINE_DESTINATION)
		kill_pidfd(en->criu);
	else
		start_grace(en);
}

static bool timer_expired(const struct engine *en)
{
	uint64_t n;

	return en->timer >= 0 && read(en->timer, &n, sizeof(n)) == (ssize_t)sizeof(n);
}

static bool all_gone(struct engine *en)
{
	if (en->pid) {
		if (!ended(en->pidfd))
			return false;
		reap(en->pidfd);
		en->pid = 0;
		watch(en, EPOLL_CTL_DEL, en->pidfd, 0);
	}
	if (!ended(en->criu)) {
		if (timer_expired(en))
			kill_pidfd(en->criu);
		return false;
	}
	if (en->criu >= 0)
		reap(en->criu);
	/* Nothing more is to be waited for. */
	watch(en, EPOLL_CTL_DEL, en->criu, 0);
	watch(en, EPOLL_CTL_DEL, en->timer, 0);
	return true;
}

/* ------------------------------------------------------------------ events */

int engine_fd(const struct engine *en)
{
	return en->ep;
}

short engine_events(const struct engine *en)
{
	(void)en;
	return POLLIN;
}

static void fill(struct engine_event *ret, const Worker__Event *m)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = (enum engine_event_kind)m->kind;
	ret->bytes = m->bytes;
	ret->pid = m->pid;
	ret->refused = m->refused;
	if (m->text)
		snprintf(ret->text, sizeof(ret->text), "%s", m->text);
	if (m->has_data) {
		ret->data = m->data.data;
		ret->data_len = m->data.len;
	}
}

static bool is_final(uint32_t kind)
{
	return kind == ENGINE_RESTORED || kind == ENGINE_FINISHED || kind == ENGINE_FAILED;
}

/* What the worker knows that has to be known when it is gone. */
static int take_knowledge(struct engine *en, const Worker__Event *m)
{
	if (!m->has_ghosts) {
		fd_close(en->criu);
		en->criu = chan_take_fd(en->chan);
		return 0;
	}
	free(en->ghosts);
	en->ghosts = malloc(m->ghosts.len + 1);
	if (!en->ghosts)
		return -ENOMEM;
	memcpy(en->ghosts, m->ghosts.data, m->ghosts.len);
	en->ghosts_len = m->ghosts.len;
	return 0;
}

/* 1 = for the caller; 0 = kept or used here; -EPROTO. */
static int take_frame(struct engine *en, const struct chan_frame *f, struct engine_event *ret)
{
	Worker__Event *m = NULL;
	int r;

	if (f->type == WORKER_EVENT)
		m = msg_unpack(&worker__event__descriptor, f->body, f->len);
	if (!m || m->kind >= ENGINE_DIED || en->last) {
		msg_free(m);
		return -EPROTO;
	}
	if (m->kind == 0) {
		r = take_knowledge(en, m);
		msg_free(m);
		return r;
	}
	if (is_final(m->kind)) {
		en->last = m;
		return 0;
	}
	msg_free(en->msg);
	en->msg = m;
	fill(ret, m);
	return 1;
}

static int next_frame(struct engine *en, struct engine_event *ret)
{
	struct chan_frame f;
	int r;

	r = chan_process(en->chan);
	while (r >= 0 && (r = chan_next(en->chan, &f)) > 0) {
		r = take_frame(en, &f, ret);
		if (r)
			break;
	}
	if (r == -EPROTO)
		kill_pidfd(en->pidfd);
	return r;
}

static void remove_ghosts(const struct engine *en)
{
	struct leftover_mount m[ENGINE_MOUNTS_MAX + 1] = {{"/", en->restore.root}};
	size_t n = en->restore.mount_count;

	for (size_t i = 0; i < n; i++) {
		m[i + 1].mountpoint = en->restore.mounts[i].mountpoint;
		m[i + 1].source = en->restore.mounts[i].source;
	}
	leftover_remove(en->ghosts, en->ghosts_len, m, n + 1);
}

/* What the worker would have done. */
static void clean(struct engine *en)
{
	if (!en->restore.cgroup)
		return;
	cgroup_kill(en->restore.cgroup, WORKER_FREEZE_MS);
	if (en->ghosts_len)
		remove_ghosts(en);
}

void engine_tidy(pid_t init, const char *cgroup)
{
	leftover_remove_links(init, cgroup);
}

int engine_next(struct engine *en, struct engine_event *ret)
{
	int r;

	if (en->over)
		return 0;
	if (en->chan) {
		r = next_frame(en, ret);
		update(en);
		if (r >= 0)
			return r;
		worker_closed(en);
	}
	if (!all_gone(en))
		return 0;
	en->over = true;
	memset(ret, 0, sizeof(*ret));
	if (en->last) {
		fill(ret, en->last);
		return 1;
	}
	ret->kind = ENGINE_DIED;
	clean(en);
	return 1;
}

/* ------------------------------------------------------------------ commands */

static int command(struct engine *en, enum worker_frame type, const ProtobufCMessage *m, int fd)
{
	int r;

	if (!en->chan)
		return -EPIPE;
	r = msg_send(en->chan, (uint16_t)type, m, fd);
	/* It leaves with the next engine_next(): to write it here would read as well, and of an
	 * event that is read already nothing tells the caller. */
	update(en);
	return r;
}

static ProtobufCBinaryData bytes(const void *data, size_t len)
{
	return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)data};
}

static char *str(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void mounts_to(const struct engine_mount *m, size_t n, Worker__Mount *to,
		      Worker__Mount **list)
{
	for (size_t i = 0; i < n; i++) {
		worker__mount__init(&to[i]);
		to[i].key = str(m[i].key);
		to[i].mountpoint = str(m[i].mountpoint);
		to[i].source = str(m[i].source);
		list[i] = &to[i];
	}
}

int engine_dump(struct engine *en, const struct engine_dump *d)
{
	Worker__Mount mounts[ENGINE_MOUNTS_MAX], *list[ENGINE_MOUNTS_MAX];
	Worker__Dump m = WORKER__DUMP__INIT;

	if (d->mount_count > ENGINE_MOUNTS_MAX || d->state_len > ENGINE_STATE_MAX)
		return -E2BIG;
	mounts_to(d->mounts, d->mount_count, mounts, list);
	m.has_init = m.has_port = m.has_token = m.has_key = m.has_state = true;
	m.init = d->init;
	m.cgroup = str(d->cgroup);
	m.mounts = list;
	m.n_mounts = d->mount_count;
	m.external_ttys = (char **)(uintptr_t)d->external_ttys;
	m.n_external_ttys = d->external_tty_count;
	m.address = str(d->address);
	m.port = d->port;
	m.token = bytes(d->token, PREAMBLE_TOKEN);
	m.key = bytes(d->key, ENGINE_KEY_SIZE);
	m.state = bytes(d->state, d->state_len);
	return command(en, WORKER_DUMP, &m.base, -1);
}

int engine_decide(struct engine *en, bool commit)
{
	Worker__Decide m = WORKER__DECIDE__INIT;

	m.has_commit = true;
	m.commit = commit;
	return command(en, WORKER_DECIDE, &m.base, -1);
}

int engine_recv(struct engine *en, int bulk, const uint8_t key[ENGINE_KEY_SIZE])
{
	_cleanup_fd_ int fd = bulk;
	Worker__Recv m = WORKER__RECV__INIT;

	m.has_key = true;
	m.key = bytes(key, ENGINE_KEY_SIZE);
	return command(en, WORKER_RECV, &m.base, fd);
}

static int send_inherit(struct engine *en, const struct engine_inherit *in)
{
	Worker__Inherit m = WORKER__INHERIT__INIT;

	m.key = str(in->key);
	return command(en, WORKER_INHERIT, &m.base, in->fd);
}

int engine_restore(struct engine *en, const struct engine_restore *r)
{
	Worker__Mount mounts[ENGINE_MOUNTS_MAX], *list[ENGINE_MOUNTS_MAX];
	Worker__Restore m = WORKER__RESTORE__INIT;
	int err = 0;

	if (r->mount_count > ENGINE_MOUNTS_MAX || r->inherit_count > ENGINE_INHERIT_MAX)
		return -E2BIG;
	en->restore = *r;
	for (size_t i = 0; err == 0 && i < r->inherit_count; i++)
		err = send_inherit(en, &r->inherit[i]);
	if (err < 0)
		return err;
	mounts_to(r->mounts, r->mount_count, mounts, list);
	m.root = str(r->root);
	m.cgroup = str(r->cgroup);
	m.mounts = list;
	m.n_mounts = r->mount_count;
	return command(en, WORKER_RESTORE, &m.base, -1);
}
