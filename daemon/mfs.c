/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Supervision of the file-system processes. Each is a slot: started when it is not there, adopted
 * when it dials mfs.sock after a restart of this daemon, started again, later and later, when it
 * ends.
 */
#include "daemon/mfs.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/conn.h"
#include "daemon/local_socket.h"
#include "daemon/metrics.h"
#include "daemon/mfs_kept.h"
#include "daemon/mfs_settle.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/process.h"
#include "daemon/sample.h"
#include "daemon/spawn.h"
#include "proto/messages.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long one that an earlier daemon started has to dial. */
#define ADOPT_SECONDS 2.0
#define BACKOFF_MIN 0.2
#define BACKOFF_MAX 5.0
/* One that ran this long starts the backoff anew. */
#define GOOD_USEC 10000000
/* A client that ends so often without that cannot go on where the first one stopped. */
#define QUICK_MAX 8
#define QUEUE_MAX (8u << 20)

enum { SERVER, CLIENT, SLOTS };

struct mfs_slot {
	struct mosixd *d;
	const char *title;
	const char *argv[4];
	struct conn *conn;
	struct process process;
	struct ev_io died;
	struct ev_timer timer; /* until it is to be started */
	double backoff;
	int64_t started_usec;
	struct mfs_kept *kept; /* what outlives the process, or NULL */
	unsigned int quick;    /* times that it has ended too soon */
};

struct mfs {
	struct local_socket *socket;
	struct mfs_slot slots[SLOTS];
	struct mfs_kept kept;
};

/* ------------------------------------------------------------------ what they are told */

static void fill_node(Mosix__MfsNode *m, const struct node *n, char *address)
{
	mosix__mfs_node__init(m);
	inet_ntop(AF_INET, &n->addr, address, INET_ADDRSTRLEN);
	m->has_node = m->has_port = m->has_self = true;
	m->node = n->number;
	m->name = (char *)n->name;
	m->address = address;
	m->port = n->port;
	m->self = n->self;
}

static void send_config(struct mfs_slot *s)
{
	unsigned int count = nodes_count(s->d), used = 0;
	_cleanup_free_ Mosix__MfsNode *nodes = calloc(count, sizeof(*nodes));
	_cleanup_free_ Mosix__MfsNode **list = calloc(count, sizeof(*list));
	_cleanup_free_ char *addresses = calloc(count, INET_ADDRSTRLEN);
	Mosix__MfsConfig m = MOSIX__MFS_CONFIG__INIT;

	if (!s->conn)
		return;
	if (!nodes || !list || !addresses) {
		conn_fail(s->conn, -ENOMEM);
		return;
	}
	for (const struct node *n = nodes_first(s->d); n; n = n->hh.next) {
		if (!node_is_known(n))
			continue;
		fill_node(&nodes[used], n, addresses + used * INET_ADDRSTRLEN);
		list[used] = &nodes[used];
		used++;
	}
	m.n_nodes = used;
	m.nodes = list;
	m.has_key = true;
	m.key.data = s->d->config.mfs_key;
	m.key.len = sizeof(s->d->config.mfs_key);
	conn_send(s->conn, MOSIX__MSG_TYPE__MSG_MFS_CONFIG, &m.base, -1);
}

/* ------------------------------------------------------------------ a slot's life */

static void slot_arm(struct mfs_slot *s, double seconds)
{
	ev_timer_stop(s->d->loop, &s->timer);
	ev_timer_set(&s->timer, seconds, 0.0);
	ev_timer_start(s->d->loop, &s->timer);
}

static void slot_again(struct mfs_slot *s)
{
	if (s->started_usec && clock_usec() - s->started_usec > GOOD_USEC)
		s->backoff = BACKOFF_MIN;
	slot_arm(s, s->backoff);
	s->backoff = s->backoff * 2 < BACKOFF_MAX ? s->backoff * 2 : BACKOFF_MAX;
}

/* Better an error for what is open than a mount that hangs for ever. */
static void slot_count_quick(struct mfs_slot *s)
{
	if (clock_usec() - s->started_usec > GOOD_USEC) {
		s->quick = 0;
	} else if (++s->quick == QUICK_MAX) {
		log_err("%s cannot go on with its mount, which is made anew; jobs of other nodes "
			"that run here have lost their files",
			s->title);
		mfs_kept_drop(s->kept);
		s->quick = 0;
	}
}

static void slot_on_died(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct mfs_slot *s = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	process_reap(&s->process);
	log_warn("%s (process %d) has ended; it is started again", s->title, (int)s->process.pid);
	process_close(&s->process);
	s->conn = conn_free(s->conn);
	if (s == &s->d->mfs->slots[SERVER])
		mfs_settle_all(s->d);
	if (s->kept)
		slot_count_quick(s);
	slot_again(s);
}

static int slot_on_usage(struct mfs_slot *s, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__MfsUsage *m = NULL;

	if (message_check(CONN_FROM_MFS, PHASE_OPEN, f->type, f->len) < 0)
		return -EPROTO;
	m = msg_unpack(&mosix__mfs_usage__descriptor, f->body, f->len);
	if (!m)
		return -EPROTO;
	sample_mfs_usage(s->d, m);
	return 0;
}

static int slot_on_served(struct mfs_slot *s, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__MfsServed *m = NULL;

	if (message_check(CONN_FROM_MFS, PHASE_OPEN, f->type, f->len) < 0)
		return -EPROTO;
	m = msg_unpack(&mosix__mfs_served__descriptor, f->body, f->len);
	return m ? metrics_mfs_served(s->d, m) : -EPROTO;
}

static int slot_on_frame(struct conn *c, struct chan_frame *f)
{
	struct mfs_slot *s = c->owner;

	if (f->type == MOSIX__MSG_TYPE__MSG_MFS_USAGE)
		return slot_on_usage(s, f);
	if (f->type == MOSIX__MSG_TYPE__MSG_MFS_SETTLED)
		return mfs_on_settled(s->d, f);
	if (f->type == MOSIX__MSG_TYPE__MSG_MFS_SERVED)
		return slot_on_served(s, f);
	/* On the connection it was started with it says hello too. */
	return f->type == MOSIX__MSG_TYPE__MSG_MFS_HELLO ? 0 : -EPROTO;
}

static void slot_on_closed(struct conn *c, int error)
{
	struct mfs_slot *s = c->owner;

	(void)error;
	/* If it has not ended it will dial mfs.sock. */
	s->conn = conn_free(c);
	if (s == &s->d->mfs->slots[SERVER])
		mfs_settle_all(s->d);
}

static const struct conn_ops slot_ops = {
	.frame = slot_on_frame,
	.closed = slot_on_closed,
};

static void slot_watch(struct mfs_slot *s)
{
	ev_io_stop(s->d->loop, &s->died);
	ev_io_set(&s->died, s->process.pidfd, EV_READ);
	ev_io_start(s->d->loop, &s->died);
}

static int slot_spawn(struct mfs_slot *s)
{
	char cgroup[CGROUP_PATH_MAX + 16];
	struct spawn sp = {.argv = s->argv, .cgroup = cgroup};
	_cleanup_fd_ int ours = -1;
	int pair[2], r;

	snprintf(cgroup, sizeof(cgroup), "%s/guests", s->d->cgroup);
	if (s->kept) {
		r = mfs_kept_ready(s->kept);
		if (r < 0)
			return r;
		sp.more = s->kept->fds;
		sp.more_count = KEPT_COUNT;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	sp.fd = pair[1];
	r = spawn_process(&s->process, &sp);
	fd_close(pair[1]);
	if (r < 0)
		return r;
	slot_watch(s);
	return local_conn_new(&s->conn, s->d, steal_fd(&ours), QUEUE_MAX, &slot_ops, s);
}

static void slot_on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct mfs_slot *s = w->data;
	int r;

	(void)loop;
	(void)revents;
	if (s->process.pidfd >= 0)
		return;
	s->started_usec = clock_usec();
	r = slot_spawn(s);
	if (r < 0) {
		log_err("Cannot start %s: %s", s->title, strerror(-r));
		slot_again(s);
		return;
	}
	log_info("%s is started (process %d)", s->title, (int)s->process.pid);
	send_config(s);
}

/* ------------------------------------------------------------------ mfs.sock */

static int adopt(struct mosixd *d, struct conn *c, const Mosix__MfsHello *m)
{
	struct mfs_slot *s = &d->mfs->slots[m->server ? SERVER : CLIENT];
	struct process p = {.pidfd = -1};
	int r;

	r = process_open_peer(&p, chan_fd(c->chan));
	if (r < 0)
		return r;
	if (s->process.pidfd >= 0 && s->process.pid != p.pid) {
		/* Ours is the newer one; two of a kind would be in each other's way. */
		log_warn("A second %s (process %d) is killed", s->title, (int)p.pid);
		process_kill(&p);
		process_close(&p);
		return -EEXIST;
	}
	process_close(&s->process);
	s->process = p;
	if (s->kept) {
		r = mfs_kept_adopt(s->kept, &p);
		if (r < 0)
			log_warn("The mount of %s would not outlive it: %s", s->title,
				 strerror(-r));
	}
	slot_watch(s);
	ev_timer_stop(d->loop, &s->timer);
	s->started_usec = clock_usec();
	conn_free(s->conn);
	s->conn = c;
	c->ops = &slot_ops;
	c->owner = s;
	log_info("%s is back (process %d)", s->title, (int)p.pid);
	send_config(s);
	return 0;
}

static int stranger_on_frame(struct conn *c, struct chan_frame *f)
{
	_cleanup_(msg_freep) Mosix__MfsHello *m = NULL;

	if (message_check(CONN_FROM_MFS, PHASE_START, f->type, f->len) < 0)
		return -EPROTO;
	m = msg_unpack(&mosix__mfs_hello__descriptor, f->body, f->len);
	return m ? adopt(c->owner, c, m) : -EPROTO;
}

static void stranger_on_closed(struct conn *c, int error)
{
	(void)error;
	conn_free(c);
}

static const struct conn_ops stranger_ops = {
	.frame = stranger_on_frame,
	.closed = stranger_on_closed,
};

static void on_accepted(struct mosixd *d, int fd)
{
	struct conn *c;

	/* The socket is root's alone, so that these are our own processes. */
	(void)local_conn_new(&c, d, fd, QUEUE_MAX, &stranger_ops, d);
}

/* ------------------------------------------------------------------ all */

struct conn *mfs_server_conn(struct mosixd *d)
{
	return d->mfs ? d->mfs->slots[SERVER].conn : NULL;
}

void mfs_take_connection(struct mosixd *d, int fd)
{
	struct mfs_slot *s = &d->mfs->slots[SERVER];
	Mosix__MfsConfig none = MOSIX__MFS_CONFIG__INIT;

	/* The body of this message is empty. */
	(void)conn_send(s->conn, MOSIX__MSG_TYPE__MSG_MFS_ACCEPT, &none.base, fd);
	fd_close(fd);
}

void mfs_reload(struct mosixd *d)
{
	for (size_t i = 0; i < SLOTS; i++)
		send_config(&d->mfs->slots[i]);
}

static void slot_init(struct mosixd *d, int which, const char *title, const char *path,
		      const char *option, const char *arg)
{
	struct mfs_slot *s = &d->mfs->slots[which];
	struct stat st;

	s->d = d;
	s->title = title;
	s->argv[0] = path;
	s->argv[1] = option;
	s->argv[2] = arg;
	s->process.pidfd = -1;
	s->backoff = BACKOFF_MIN;
	ev_io_init(&s->died, slot_on_died, -1, EV_READ);
	s->died.data = s;
	ev_timer_init(&s->timer, slot_on_timer, 0.0, 0.0);
	s->timer.data = s;
	if (stat(path, &st) < 0) {
		log_warn("%s is not installed: no files of other nodes, no moves away from home",
			 path);
		return;
	}
	slot_arm(s, d->was_running ? ADOPT_SECONDS : 0.0);
}

int mfs_new(struct mosixd *d, struct err *e)
{
	d->mfs = calloc(1, sizeof(*d->mfs));
	if (!d->mfs)
		return err_sys(e, -ENOMEM, "Cannot supervise the file-system processes");
	/* Nothing else may be asked of it: what is mounted there may hang. */
	if (mkdir(CONF_MFS_MOUNT, 0755) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "Cannot make %s", CONF_MFS_MOUNT);
	mfs_kept_init(&d->mfs->kept);
	d->mfs->slots[CLIENT].kept = &d->mfs->kept;
	slot_init(d, SERVER, "mosix-mfsd", LIBEXECDIR "/mosix-mfsd", NULL, NULL);
	slot_init(d, CLIENT, "mosix-mfs", LIBEXECDIR "/mosix-mfs", "--kept", CONF_MFS_MOUNT);
	return local_socket_new(&d->mfs->socket, d, CONF_MFS_SOCK, 0600, on_accepted, e);
}

void mfs_free(struct mosixd *d)
{
	if (!d->mfs)
		return;
	local_socket_free(d->mfs->socket);
	mfs_settle_free(d);
	for (size_t i = 0; i < SLOTS; i++) {
		struct mfs_slot *s = &d->mfs->slots[i];

		ev_io_stop(d->loop, &s->died);
		ev_timer_stop(d->loop, &s->timer);
		conn_free(s->conn);
		process_close(&s->process);
	}
	mfs_kept_done(&d->mfs->kept);
	free(d->mfs);
	d->mfs = NULL;
}
