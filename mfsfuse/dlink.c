/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line to the daemon.
 */
#include "mfsfuse/dlink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/msg.h"

#define FIRST_FD 3
#define QUEUE_MAX (64u << 10)
#define TICK_MS 1000

static int first_fd(void)
{
	struct stat st;

	if (fstat(FIRST_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
		return -EBADF;
	fd_set_cloexec(FIRST_FD, true);
	return FIRST_FD;
}

static int say_hello(struct chan *c, const struct dlink_ops *ops)
{
	Mosix__MfsHello m = MOSIX__MFS_HELLO__INIT;
	int r;

	m.has_server = m.has_pid = true;
	m.server = ops->accept != NULL;
	m.pid = (int32_t)getpid();
	r = msg_send(c, MOSIX__MSG_TYPE__MSG_MFS_HELLO, &m.base, -1);
	return r < 0 ? r : chan_flush(c, 5000);
}

static void take_config(const struct dlink_ops *ops, const struct chan_frame *f)
{
	Mosix__MfsConfig *m = msg_unpack(&mosix__mfs_config__descriptor, f->body, f->len);

	if (m)
		ops->config(m);
	else
		log_err("the daemon's table of nodes cannot be read");
	msg_free(m);
}

static int take_settle(const struct dlink_ops *ops, struct chan *c, const struct chan_frame *f)
{
	Mosix__MfsSettle *m = msg_unpack(&mosix__mfs_settle__descriptor, f->body, f->len);
	int r = m ? ops->settle(c, m->number) : -EPROTO;

	msg_free(m);
	return r;
}

static int take_frame(const struct dlink_ops *ops, struct chan *c, const struct chan_frame *f)
{
	if (f->type == MOSIX__MSG_TYPE__MSG_MFS_CONFIG)
		take_config(ops, f);
	else if (f->type == MOSIX__MSG_TYPE__MSG_MFS_ACCEPT && f->has_fd && ops->accept)
		ops->accept(chan_take_fd(c));
	else if (f->type == MOSIX__MSG_TYPE__MSG_MFS_SETTLE && ops->settle)
		return take_settle(ops, c, f);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Until something has come. */
static int wait_for_it(struct chan *c, const struct dlink_ops *ops, uint64_t *ticked)
{
	struct pollfd fds[2] = {
		{.fd = chan_fd(c), .events = chan_events(c)},
		{.fd = ops->wake, .events = POLLIN},
	};
	uint64_t drop;
	int r = 0;

	if (poll(fds, ops->woken ? 2 : 1, ops->tick ? TICK_MS : -1) < 0 && errno != EINTR)
		return -errno;
	if (ops->woken && fds[1].revents & POLLIN && read(ops->wake, &drop, sizeof(drop)) > 0)
		r = ops->woken(c);
	if (r >= 0 && ops->tick && now_ms() - *ticked >= TICK_MS) {
		*ticked = now_ms();
		r = ops->tick(c);
	}
	return r;
}

static void listen_to(struct chan *c, const struct dlink_ops *ops)
{
	uint64_t ticked = 0;
	struct chan_frame f;
	int r;

	do {
		r = chan_recv(c, &f, 0);
		if (r > 0)
			r = take_frame(ops, c, &f);
		else if (r == -ETIMEDOUT)
			r = wait_for_it(c, ops, &ticked);
	} while (r >= 0);
}

/* Until the line breaks. Takes the descriptor. */
static void follow(int fd, const struct dlink_ops *ops)
{
	struct stream *s;
	struct chan *c;

	if (stream_new_plain(&s, fd) < 0)
		return;
	if (chan_new(&c, s, CHAN_FRAME_MAX, QUEUE_MAX) < 0)
		return;
	if (say_hello(c, ops) == 0)
		listen_to(c, ops);
	chan_free(c);
}

static void *run(void *arg)
{
	static const struct timespec pause = {.tv_nsec = 300 * 1000 * 1000};
	const struct dlink_ops *ops = arg;
	int fd = first_fd();

	for (;;) {
		if (fd >= 0)
			follow(fd, ops);
		nanosleep(&pause, NULL);
		fd = unix_connect(CONF_MFS_SOCK);
	}
	return NULL;
}

int dlink_start(const struct dlink_ops *ops)
{
	pthread_t t;

	return -pthread_create(&t, NULL, run, (void *)(uintptr_t)ops);
}
