/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-mfsd: serves the files of this node to the others, as the user who asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/preamble.h"
#include "mfsfuse/dlink.h"
#include "mfsfuse/ident.h"
#include "mfsfuse/mounts.h"
#include "mfsfuse/net.h"
#include "mfsfuse/program.h"
#include "mfsfuse/srv_deleg.h"
#include "mfsfuse/srv_settle.h"

/* Descriptors that pinned inodes leave to open files and connections. */
#define RESERVED_FDS 8192u

struct srv srv = {.root = -1, .proc = -1};

static struct {
	const char *listen; /* standalone: no daemon */
	const char *key_path;
	const char *root;
	const char *socket;
	bool plain;
} opt = {.root = "/", .socket = MFS_SERVER_SOCK};

static pthread_mutex_t key_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t key[KEY_SIZE];
static bool have_key;

/* ------------------------------------------------------------------ connections */

static void take_config(const Mosix__MfsConfig *c)
{
	if (!c->has_key || c->key.len != KEY_SIZE)
		return;
	pthread_mutex_lock(&key_lock);
	memcpy(key, c->key.data, KEY_SIZE);
	have_key = true;
	pthread_mutex_unlock(&key_lock);
}

/* A connection past its preamble. */
static void take_connection(int fd)
{
	struct stream *s;
	int r = -ENOKEY;

	net_tune(fd);
	pthread_mutex_lock(&key_lock);
	if (opt.plain)
		r = stream_new_plain(&s, fd);
	else if (have_key)
		r = stream_new_tls(&s, fd, true, "mfs", key);
	else
		fd_close(fd);
	pthread_mutex_unlock(&key_lock);
	if (r == 0)
		r = conn_start(s);
	if (r < 0)
		log_warn("a connection was dropped: %s", strerror(-r));
}

static void take_local(int fd)
{
	struct stream *s;

	if (stream_new_plain(&s, fd) == 0)
		conn_start(s);
}

/* Standalone: what the daemon does before it hands a connection over. */
static void take_raw(int fd)
{
	const struct timeval limit = {.tv_sec = 5};
	uint8_t buf[PREAMBLE_SIZE];
	struct preamble p;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd_read_full(fd, buf, sizeof(buf)) == 0 && preamble_unpack(buf, &p) == 0 &&
	    p.kind == PREAMBLE_MFS)
		take_connection(fd);
	else
		fd_close(fd);
}

struct listener {
	int fd;
	void (*take)(int fd);
};

static void *listen_thread(void *arg)
{
	const struct listener *l = arg;

	for (;;) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			l->take(fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			usleep(10000); /* out of descriptors: some will be closed */
	}
	return NULL;
}

static int start_listener(struct listener *l, int fd, void (*take)(int fd))
{
	pthread_t t;

	l->fd = fd;
	l->take = take;
	return -pthread_create(&t, NULL, listen_thread, l);
}

static int tcp_listen(const char *text, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	const int one = 1;
	struct sockaddr_in a;
	int r = net_parse(text, &a, e);

	if (r < 0)
		return r;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
		return err_sys(e, -errno, "cannot listen on %s", text);
	return steal_fd(&fd);
}

/* ------------------------------------------------------------------ start */

/* Another tree than "/", for tests: it becomes a mount of its own, so that mountinfo has it. */
static int enter_root(struct err *e)
{
	if (strcmp(opt.root, "/") == 0)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount(opt.root, opt.root, NULL, MS_BIND | MS_REC, NULL) < 0 || chroot(opt.root) < 0)
		return err_sys(e, -errno, "cannot make %s the served tree", opt.root);
	return 0;
}

static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	srv.pins_max = l.rlim_max > UINT32_MAX ? UINT32_MAX : (unsigned int)l.rlim_max;
	srv.pins_max -= srv.pins_max > 2 * RESERVED_FDS ? RESERVED_FDS : srv.pins_max / 2;
}

static int prepare(struct err *e)
{
	int r;

	lock_signal_init();
	deleg_block_signals();
	raise_limits();
	umask(0);
	r = ident_init();
	if (r < 0)
		return err_sys(e, r, "cannot read own capabilities");
	if (getrandom(&srv.epoch, sizeof(srv.epoch), 0) != sizeof(srv.epoch))
		return err_sys(e, -EIO, "no random numbers");
	srv.epoch |= 1;
	srv.proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (srv.proc < 0)
		return err_sys(e, -errno, "cannot open /proc/self; is /proc mounted?");
	r = enter_root(e);
	if (r < 0)
		return r;
	srv.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (srv.root < 0 || fchdir(srv.proc) < 0 || chdir("fd") < 0)
		return err_sys(e, -errno, "cannot open the served tree");
	r = node_init();
	if (r < 0)
		return err_sys(e, r, "cannot read the served tree");
	deleg_start();
	return 0;
}

static int open_listeners(int *ret_local, int *ret_tcp, struct err *e)
{
	int r;

	if (*opt.socket) {
		*ret_local = unix_listen(opt.socket, 0600);
		if (*ret_local < 0)
			return err_sys(e, *ret_local, "cannot listen on %s", opt.socket);
	}
	if (!opt.listen)
		return 0;
	if (!opt.plain && !opt.key_path)
		return err_set(e, -EINVAL, "--listen needs --key or --plain");
	if (!opt.plain) {
		r = net_key(opt.key_path, key, e);
		if (r < 0)
			return r;
		have_key = true;
	}
	*ret_tcp = tcp_listen(opt.listen, e);
	return *ret_tcp < 0 ? *ret_tcp : 0;
}

static int start(struct err *e)
{
	static struct dlink_ops ops = {
		.config = take_config,
		.accept = take_connection,
		.tick = settle_tick,
		.settle = settle_begin,
		.woken = settle_woken,
	};
	static struct listener local, tcp;
	int local_fd = -1, tcp_fd = -1, r;

	/* Sockets first: their paths are those outside of the served tree. Threads last. */
	r = open_listeners(&local_fd, &tcp_fd, e);
	if (r == 0)
		r = prepare(e);
	if (r < 0)
		return r;
	if (local_fd >= 0)
		r = start_listener(&local, local_fd, take_local);
	if (r == 0 && tcp_fd >= 0)
		r = start_listener(&tcp, tcp_fd, take_raw);
	if (r == 0 && !opt.listen) {
		ops.wake = settle_init();
		r = ops.wake < 0 ? ops.wake : dlink_start(&ops);
	}
	return r < 0 ? err_sys(e, r, "cannot start a thread") : 0;
}

/* ------------------------------------------------------------------ command line */

static error_t parse(int c, char *arg, struct argp_state *state)
{
	(void)state;
	switch (c) {
	case 'l':
		opt.listen = arg;
		return 0;
	case 'k':
		opt.key_path = arg;
		return 0;
	case 'r':
		opt.root = arg;
		return 0;
	case 's':
		opt.socket = arg;
		return 0;
	case 'p':
		opt.plain = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"listen", 'l', "ADDRESS:PORT", 0, "serve there, without a daemon", 0},
		{"key", 'k', "FILE", 0, "the cluster key, with --listen", 0},
		{"plain", 'p', NULL, 0, "neither key nor encryption, with --listen", 0},
		{"root", 'r', "DIRECTORY", 0, "serve this tree instead of /", 0},
		{"socket", 's', "PATH", 0, "for clients of this node; \"\" = none", 0},
		{0},
	};
	static const struct program program = {
		.name = "mosix-mfsd",
		.options = options,
		.parse = parse,
		.doc = "Serves the files of this node to the cluster. Started by mosixd.",
		.start = start,
	};
	int status = program_start(&program, argc, argv);

	if (status != EXIT_SUCCESS)
		return status;
	for (;;) {
		sleep(2);
		mounts_idle();
		sessions_expire();
		ident_expire();
	}
}
