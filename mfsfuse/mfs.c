/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-mfs: mounts the cluster file system, every node's tree in one directory.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/err.h"
#include "common/log.h"
#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_session.h"
#include "mfsfuse/cli_usage.h"
#include "mfsfuse/dlink.h"
#include "mfsfuse/net.h"
#include "mfsfuse/program.h"

#define CONFIG_SECONDS 5
#define TIMEOUT_MS 10000u
#define TIMEOUT_MIN_MS 6000u

struct cli cli = {.timeout_ms = TIMEOUT_MS, .server_sock = MFS_SERVER_SOCK};

static struct {
	const char *mountpoint;
	const char *key_path;
	bool standalone;
	bool kept;
	struct err err;
} opt;

static pthread_mutex_t config_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t config_cond = PTHREAD_COND_INITIALIZER;
static bool configured;

/* ------------------------------------------------------------------ FUSE */

void cli_init(void *data, struct fuse_conn_info *conn)
{
	static const uint64_t wanted[] = {
		FUSE_CAP_ASYNC_READ,           FUSE_CAP_ATOMIC_O_TRUNC,
		FUSE_CAP_POSIX_LOCKS,          FUSE_CAP_FLOCK_LOCKS,
		FUSE_CAP_EXPORT_SUPPORT,       FUSE_CAP_DONT_MASK,
		FUSE_CAP_AUTO_INVAL_DATA,      FUSE_CAP_PARALLEL_DIROPS,
		FUSE_CAP_HANDLE_KILLPRIV_V2,   FUSE_CAP_ASYNC_DIO,
		FUSE_CAP_DIRECT_IO_ALLOW_MMAP,
	};
	/* Write-back caching in the kernel would lose what others append. */
	static const uint64_t unwanted[] = {
		FUSE_CAP_WRITEBACK_CACHE, FUSE_CAP_READDIRPLUS,     FUSE_CAP_READDIRPLUS_AUTO,
		FUSE_CAP_SPLICE_READ,     FUSE_CAP_HANDLE_KILLPRIV, FUSE_CAP_CACHE_SYMLINKS,
	};

	(void)data;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		fuse_set_feature_flag(conn, wanted[i]);
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		fuse_unset_feature_flag(conn, unwanted[i]);
	/* Without it the kernel can only be told to forget names, and what is mounted there. */
	deleg_allow(conn->capable & FUSE_CAP_EXPIRE_ONLY);
	conn->max_read = conn->max_write = MFS_DATA_MAX;
	conn->max_readahead = 8 * MFS_DATA_MAX;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	/* Times are whatever the server's file system stores. */
	conn->time_gran = 1;
}

const struct fuse_lowlevel_ops cli_ops = {
	.init = cli_init,
	.lookup = cli_lookup,
	.forget = cli_forget,
	.forget_multi = cli_forget_multi,
	.getattr = cli_getattr,
	.setattr = cli_setattr,
	.readlink = cli_readlink,
	.access = cli_access,
	.statfs = cli_statfs,
	.mknod = cli_mknod,
	.mkdir = cli_mkdir,
	.symlink = cli_symlink,
	.link = cli_link,
	.unlink = cli_unlink,
	.rmdir = cli_rmdir,
	.rename = cli_rename,
	.open = cli_open,
	.create = cli_create,
	.tmpfile = cli_tmpfile,
	.opendir = cli_opendir,
	.release = cli_release,
	.releasedir = cli_release,
	.flush = cli_flush,
	.read = cli_read,
	.write = cli_write,
	.readdir = cli_readdir,
	.fsync = cli_fsync,
	.fsyncdir = cli_fsync,
	.fallocate = cli_fallocate,
	.lseek = cli_lseek,
	.copy_file_range = cli_copy,
	.setxattr = cli_setxattr,
	.getxattr = cli_getxattr,
	.listxattr = cli_listxattr,
	.removexattr = cli_removexattr,
	.getlk = cli_getlk,
	.setlk = cli_setlk,
	.flock = cli_flock,
	.ioctl = cli_ioctl,
};

/* ------------------------------------------------------------------ configuration */

static void take_node(const Mosix__MfsNode *n)
{
	struct node_config c = {
		.number = n->node,
		.name = n->name ? n->name : "",
		.addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)n->port)},
		.self = n->self,
	};

	if (n->port > UINT16_MAX || strchr(c.name, '/') ||
	    (!c.self && (!n->address || inet_pton(AF_INET, n->address, &c.addr.sin_addr) != 1)))
		log_err("node %u has no usable address", n->node);
	else if (peer_configure(&c) < 0)
		log_err("node %u cannot be added", n->node);
}

static void take_config(const Mosix__MfsConfig *c)
{
	if (c->has_key && c->key.len == KEY_SIZE)
		peers_set_key(c->key.data);
	for (size_t i = 0; i < c->n_nodes; i++)
		take_node(c->nodes[i]);
	peers_sweep();
	pthread_mutex_lock(&config_lock);
	configured = true;
	pthread_cond_signal(&config_cond);
	pthread_mutex_unlock(&config_lock);
}

static void wait_for_config(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += CONFIG_SECONDS;
	pthread_mutex_lock(&config_lock);
	while (!configured && pthread_cond_timedwait(&config_cond, &config_lock, &end) == 0)
		;
	pthread_mutex_unlock(&config_lock);
}

/* "N=ADDRESS:PORT" or "N=self". */
static int take_node_text(const char *text, struct err *e)
{
	struct node_config c = {.name = ""};
	char *end;

	c.number = (uint32_t)strtoul(text, &end, 10);
	if (*end != '=')
		return err_set(e, -EINVAL, "%s is not NUMBER=ADDRESS:PORT", text);
	if (strcmp(end + 1, "self") == 0)
		c.self = true;
	else if (net_parse(end + 1, &c.addr, e) < 0)
		return -EINVAL;
	if (peer_configure(&c) < 0)
		return err_set(e, -EINVAL, "%s: no such node number", text);
	return 0;
}

/* ------------------------------------------------------------------ start */

static void *wait_for_term(void *arg)
{
	sigset_t *set = arg;
	int sig;

	for (;;) {
		if (sigwait(set, &sig) != 0)
			continue;
		log_info("unmounting %s", opt.mountpoint);
		/* Whoever still uses it goes on; the session ends with the last of them. */
		if (umount2(opt.mountpoint, 0) < 0)
			umount2(opt.mountpoint, MNT_DETACH);
	}
	return NULL;
}

static sigset_t ending;

/* Before any thread: --node starts one. */
static void block_signals(void)
{
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
}

static int start_threads(void)
{
	pthread_t t;
	int r = watch_start();

	if (r == 0)
		r = recover_start();
	if (r == 0)
		r = inval_start();
	if (r == 0)
		r = deleg_start();
	return r < 0 ? r : -pthread_create(&t, NULL, wait_for_term, &ending);
}

static int start(struct err *e)
{
	static const struct dlink_ops ops = {.config = take_config, .tick = usage_tell};
	uint8_t key[KEY_SIZE];
	int r = start_threads();

	if (r < 0)
		return err_sys(e, r, "cannot start a thread");
	if (opt.key_path) {
		r = net_key(opt.key_path, key, e);
		if (r < 0)
			return r;
		peers_set_key(key);
		explicit_bzero(key, sizeof(key));
	}
	r = session_open(opt.kept, e);
	if (r < 0)
		return r;
	if (!opt.standalone) {
		usage_init();
		r = dlink_start(&ops);
		if (r < 0)
			return err_sys(e, r, "cannot start a thread");
	}
	/* What the kernel knows of nodes must not fail because we do not know them yet. */
	if (!opt.standalone && session_is_resumed())
		wait_for_config();
	return session_start(opt.mountpoint, e);
}

/* ------------------------------------------------------------------ command line */

static error_t parse(int c, char *arg, struct argp_state *state)
{
	switch (c) {
	case 'n':
		opt.standalone = true;
		if (take_node_text(arg, &opt.err) < 0)
			argp_error(state, "%s", opt.err.text);
		return 0;
	case 'k':
		opt.key_path = arg;
		return 0;
	case 'p':
		cli.plain = true;
		return 0;
	case 's':
		cli.server_sock = arg;
		return 0;
	case 'K':
		opt.kept = true;
		return 0;
	case 't':
		cli.timeout_ms = (unsigned int)strtoul(arg, NULL, 10) * 1000;
		if (cli.timeout_ms < TIMEOUT_MIN_MS)
			argp_error(state, "a timeout of %s seconds is too short", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (opt.mountpoint)
			return ARGP_ERR_UNKNOWN;
		opt.mountpoint = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"node", 'n', "N=ADDRESS:PORT", 0, "a node, without a daemon; N=self for ours", 0},
		{"key", 'k', "FILE", 0, "the cluster key, with --node", 0},
		{"plain", 'p', NULL, 0, "neither key nor encryption, with --node", 0},
		{"socket", 's', "PATH", 0, "of our own node's server", 0},
		{"kept", 'K', NULL, 0, "descriptors 4 and 5 outlive this process", 0},
		{"timeout", 't', "SECONDS", 0, "wait so long for an unreachable node (10)", 0},
		{0},
	};
	static const struct program program = {
		.name = "mosix-mfs",
		.options = options,
		.parse = parse,
		.args_doc = "MOUNTPOINT",
		.doc = "Mounts the files of all nodes. Started by mosixd.",
		.start = start,
	};
	int status;

	block_signals();
	status = program_start(&program, argc, argv);
	if (status != EXIT_SUCCESS)
		return status;
	return session_run() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
