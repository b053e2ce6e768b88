/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination's half: takes the images in, has criu restore them inside the new cgroup, and
 * freezes that before criu lets go of the processes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ckpt/extra.h"
#include "ckpt/ghosts.h"
#include "ckpt/images.h"
#include "ckpt/leftover.h"
#include "ckpt/shm.h"
#include "ckpt/tasks.h"
#include "ckpt/warm.h"
#include "ckpt/worker_destination.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/msg.h"
#include "common/proc.h"

#define CRIU_END_MS 10000

/* ------------------------------------------------------------------ criu */

/* criu makes a directory in /tmp; here it is one that goes with criu, however that ends. */
static int hide_tmp(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0)
		return -errno;
	return 0;
}

static int spawn_criu(struct destination *d)
{
	struct criu_spawn s = {.cgroup = d->w->cgroup,
			       .keep = d->inherit,
			       .keep_count = d->inherit_count,
			       .die_with_parent = true};
	int r;

	r = hide_tmp();
	if (r < 0)
		return err_sys(&d->err, r, "Cannot make criu a /tmp of its own");
	r = criu_spawn(&d->criu, &s, &d->err);
	return r < 0 ? r : worker_tell_criu(d->w, d->criu);
}

/* "mnt[dev]:/path/of/dev" for each mount. */
static int externals(const Worker__Restore *c, char ***ret)
{
	char **list = calloc(c->n_mounts + 1, sizeof(*list));

	*ret = list;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_mounts; i++) {
		if (asprintf(&list[i], "mnt[%s]:%s", c->mounts[i]->key, c->mounts[i]->source) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int send_request(struct destination *d, CriuOpts *opts)
{
	InheritFd inherit[ENGINE_INHERIT_MAX];
	InheritFd *list[ENGINE_INHERIT_MAX];
	CriuReq req = CRIU_REQ__INIT;
	int r;

	for (size_t i = 0; i < d->inherit_count; i++) {
		inherit_fd__init(&inherit[i]);
		inherit[i].key = d->inherit_key[i];
		inherit[i].fd = d->inherit[i];
		list[i] = &inherit[i];
	}
	opts->inherit_fd = list;
	opts->n_inherit_fd = d->inherit_count;
	req.type = CRIU_REQ_TYPE__RESTORE;
	req.opts = opts;
	r = criu_request(d->criu, &req);
	opts->inherit_fd = NULL;
	opts->n_inherit_fd = 0;
	return r;
}

static void remove_leftovers(struct destination *d)
{
	struct leftover_mount m[ENGINE_MOUNTS_MAX + 1] = {{"/", d->cmd->root}};
	size_t n = 1;

	for (size_t i = 0; i < d->cmd->n_mounts && n <= ENGINE_MOUNTS_MAX; i++, n++) {
		m[n].mountpoint = d->cmd->mounts[i]->mountpoint;
		m[n].source = d->cmd->mounts[i]->source;
	}
	leftover_remove(d->ghosts, d->ghosts_len, m, n);
}

static int find_ghosts(struct destination *d)
{
	int r = ghosts_list(d->images, &d->ghosts, &d->ghosts_len);

	if (r == 0 && d->ghosts_len)
		r = worker_tell_ghosts(d->w, d->ghosts, d->ghosts_len);
	if (r == 0)
		remove_leftovers(d); /* of an attempt before this one */
	return r;
}

static int unpack_shm(struct destination *d)
{
	for (size_t i = 0; i < d->cmd->n_mounts; i++) {
		if (strcmp(d->cmd->mounts[i]->key, ENGINE_SHM_KEY) == 0)
			return shm_unpack(d->cmd->mounts[i]->source, d->images, &d->err);
	}
	return 0;
}

static int request_restore(struct destination *d)
{
	CriuOpts opts = CRIU_OPTS__INIT;
	char **list = NULL;
	int r;

	r = find_ghosts(d);
	if (r == 0)
		r = unpack_shm(d);
	if (r < 0)
		return r;
	worker_criu_opts(&opts, d->images);
	opts.root = d->cmd->root;
	/* Frees images as they are used: the job's memory is needed once, not twice. */
	opts.has_auto_dedup = true;
	opts.auto_dedup = true;
	opts.has_rst_sibling = true;
	opts.rst_sibling = true;
	r = externals(d->cmd, &list);
	opts.external = list;
	opts.n_external = d->cmd->n_mounts;
	if (r == 0)
		r = send_request(d, &opts);
	for (size_t i = 0; list && i < d->cmd->n_mounts; i++)
		free(list[i]);
	free(list);
	d->started = true;
	d->warm = warm_start(d->w->home);
	return r < 0 ? err_sys(&d->err, r, "Cannot ask criu to restore the job") : 0;
}

/* criu and its helpers were born in the job's cgroup, like what they restored. */
static int move_criu_out(struct destination *d)
{
	_cleanup_free_ pid_t *list = NULL;
	ino_t own = tasks_namespace(getpid(), "pid");
	int n, r = 0;

	n = tasks_list(d->w->cgroup, &list);
	if (n < 0)
		return n;
	for (int i = 0; r == 0 && i < n; i++) {
		if (tasks_namespace(list[i], "pid") == own)
			r = cgroup_enter(d->w->home, list[i]);
		if (r == -ESRCH)
			r = 0;
	}
	return r;
}

static int on_pre_resume(struct destination *d)
{
	int r;

	FAIL_POINT("ckpt/unfrozen");
	r = move_criu_out(d);
	warm_stop(d->warm);
	if (r == 0)
		r = cgroup_freeze(d->w->cgroup, WORKER_FREEZE_MS);
	if (r == 0)
		r = FAIL_POINT("ckpt/pre-resume");
	return r < 0 ? err_sys(&d->err, r, "Cannot freeze the restored job") : 0;
}

static int put_back_extra(struct destination *d)
{
	const uint8_t *extra;
	size_t len;
	int r;

	extra = xfer_receiver_extra(d->rx, &len);
	r = extra_restore(d->init, d->w->cgroup, extra, len);
	return r < 0 ? err_sys(&d->err, r, "Cannot restore process numbers and priorities") : 0;
}

static int on_notify(struct destination *d, const struct criu_event *ev)
{
	int r;

	if (ev->pid)
		d->init = ev->pid;
	if (strcmp(ev->script, "post-restore") == 0)
		FAIL_POINT("ckpt/post-restore");
	if (strcmp(ev->script, "setup-namespaces") == 0)
		FAIL_POINT("ckpt/setup-namespaces");
	if (strcmp(ev->script, "pre-resume") != 0)
		return criu_answer(d->criu, true);
	r = on_pre_resume(d);
	if (r == 0)
		r = criu_answer(d->criu, true);
	/* While criu detaches. */
	return r < 0 ? r : put_back_extra(d);
}

/* Complete, frozen, and nobody else has a hand in it? */
static int verify(struct destination *d)
{
	struct proc_stat st;
	int r;

	r = criu_reap(d->criu, CRIU_END_MS);
	if (r < 0)
		return err_set(&d->err, r, "criu does not end after the restore.");
	r = cgroup_freeze(d->w->cgroup, WORKER_FREEZE_MS);
	if (r < 0)
		return err_sys(&d->err, r, "The restored job cannot be frozen");
	r = proc_stat(d->init, &st);
	if (r < 0 || st.state == 'Z' || st.state == 'X')
		return err_set(&d->err, -ESRCH, "The restored job's first process has ended.");
	return 0;
}

static int restored(struct destination *d)
{
	int r;

	r = verify(d);
	if (r < 0)
		return r;
	warm_reap(d->warm);
	d->warm = 0;
	FAIL_POINT("ckpt/restored");
	r = worker_tell(d->w, ENGINE_RESTORED, xfer_receiver_bytes(d->rx), d->init);
	return r < 0 ? r : 1;
}

static int on_criu(struct destination *d)
{
	struct criu_event ev;
	int r;

	r = criu_next(d->criu, &ev);
	if (r == 0)
		return 0;
	if (r < 0)
		return err_set(&d->err, r, "criu ended unexpectedly while it restored the job.");
	if (ev.kind == CRIU_NOTIFY)
		return on_notify(d, &ev);
	if (!ev.success || ev.pid <= 0) {
		worker_criu_error(d->images, ev.errmsg, "criu could not restore the job", &d->err);
		return -EIO;
	}
	d->init = ev.pid;
	return restored(d);
}

/* ------------------------------------------------------------------ the guest */

static int on_recv(struct destination *d, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Worker__Recv *m =
		msg_unpack(&worker__recv__descriptor, f->body, f->len);
	int fd = chan_take_fd(d->w->chan);
	int r;

	if (!m || m->key.len != ENGINE_KEY_SIZE || fd < 0 || d->net) {
		fd_close(fd);
		return -EPROTO;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	r = stream_new_tls(&d->net, fd, true, WORKER_BULK_IDENTITY, m->key.data);
	if (r < 0)
		return r;
	d->net_events = POLLIN;
	d->images = images_open(0);
	if (d->images < 0)
		return d->images;
	return xfer_receiver_new(&d->rx, d->net, d->images, images_memory());
}

static int on_inherit(struct destination *d, const struct chan_frame *f)
{
	_cleanup_(msg_freep) Worker__Inherit *m =
		msg_unpack(&worker__inherit__descriptor, f->body, f->len);
	_cleanup_fd_ int fd = chan_take_fd(d->w->chan);

	if (!m || !m->key || fd < 0 || d->inherit_count == ENGINE_INHERIT_MAX)
		return -EPROTO;
	d->inherit_key[d->inherit_count] = strdup(m->key);
	if (!d->inherit_key[d->inherit_count])
		return -ENOMEM;
	d->inherit[d->inherit_count++] = steal_fd(&fd);
	return 0;
}

static int on_restore(struct destination *d, const struct chan_frame *f)
{
	if (d->cmd)
		return -EPROTO;
	d->cmd = msg_unpack(&worker__restore__descriptor, f->body, f->len);
	if (!d->cmd || !d->cmd->root)
		return -EPROTO;
	for (size_t i = 0; i < d->cmd->n_mounts; i++) {
		if (!d->cmd->mounts[i]->key || !d->cmd->mounts[i]->mountpoint ||
		    !d->cmd->mounts[i]->source)
			return -EPROTO;
	}
	return spawn_criu(d);
}

static int on_frame(struct destination *d, const struct chan_frame *f)
{
	switch (f->type) {
	case WORKER_RECV:
		return on_recv(d, f);
	case WORKER_INHERIT:
		return on_inherit(d, f);
	case WORKER_RESTORE:
		return on_restore(d, f);
	default:
		return -EPROTO;
	}
}

/* Telling the guest something may bring its next command in: look before each wait. */
static int take_commands(struct destination *d)
{
	struct chan_frame f;
	int r;

	while ((r = chan_next(d->w->chan, &f)) > 0) {
		r = on_frame(d, &f);
		if (r < 0)
			break;
	}
	if (r < 0 && !*d->err.text)
		err_sys(&d->err, r, "The restore was asked for in the wrong way");
	return r;
}

/* ------------------------------------------------------------------ the loop */

enum { POLL_GUEST, POLL_CRIU, POLL_NET, POLL_COUNT };

static int wait_for(struct destination *d, struct pollfd *p)
{
	int r;

	p[POLL_GUEST] = (struct pollfd){chan_fd(d->w->chan), chan_events(d->w->chan), 0};
	p[POLL_CRIU] = (struct pollfd){d->criu ? criu_fd(d->criu) : -1, POLLIN, 0};
	p[POLL_NET] = (struct pollfd){d->net_events ? stream_fd(d->net) : -1, d->net_events, 0};
	do
		r = poll(p, POLL_COUNT, d->net ? WORKER_STALL_MS : -1);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (r == 0)
		return err_set(&d->err, -ETIMEDOUT,
			       "Nothing came for %d seconds while the job was moved here.",
			       WORKER_STALL_MS / 1000);
	return 0;
}

/* Negative: the move has failed, for the reason in d->err. 1: the job is restored. */
static int step(struct destination *d)
{
	struct pollfd p[POLL_COUNT];
	int r;

	r = take_commands(d);
	if (r == 0 && d->complete && d->criu && !d->started)
		r = request_restore(d);
	if (r == 0)
		r = wait_for(d, p);
	if (r == 0 && p[POLL_GUEST].revents)
		chan_process(d->w->chan); /* what broke shows behind the last frame */
	if (r == 0 && p[POLL_NET].revents)
		r = destination_on_net(d);
	if (r == 0 && p[POLL_CRIU].revents)
		r = on_criu(d);
	return r;
}

static void destination_done(struct destination *d)
{
	for (size_t i = 0; i < d->inherit_count; i++) {
		fd_close(d->inherit[i]);
		free(d->inherit_key[i]);
	}
	xfer_receiver_free(d->rx);
	stream_free(d->net);
	fd_close(d->images);
	criu_free(d->criu, 0);
	free(d->ghosts);
	msg_free(d->cmd);
}

/* Nothing half-restored may stay. */
static int fail(struct destination *d)
{
	if (d->rx && !d->complete)
		xfer_receiver_answer(d->rx, &d->err, 1000);
	d->criu = criu_free(d->criu, 0);
	warm_stop(d->warm);
	warm_reap(d->warm);
	if (d->cmd)
		cgroup_kill(d->w->cgroup, WORKER_FREEZE_MS);
	if (d->started)
		remove_leftovers(d);
	return worker_tell_failed(d->w, &d->err, false);
}

/* So that a node without criu says so before anything is disturbed. */
static int probe(struct err *e)
{
	static const struct criu_spawn plain = {.die_with_parent = true};
	_cleanup_(criu_freep) struct criu *c = NULL;
	uint32_t version;
	int r;

	r = criu_spawn(&c, &plain, e);
	if (r < 0)
		return r;
	r = criu_ask_version(c, &version, WORKER_STALL_MS);
	if (r == 0)
		r = criu_learn(c, WORKER_STALL_MS);
	return r < 0 ? err_set(e, r, "criu does not start: is it installed?") : 0;
}

int worker_destination(struct worker *w)
{
	struct destination d = {.w = w, .images = -1};
	int r;

	r = probe(&d.err);
	if (r < 0)
		return worker_tell_failed(w, &d.err, true);
	r = worker_tell(w, ENGINE_READY, 0, 0);
	while (r == 0)
		r = step(&d);
	if (r < 0)
		r = fail(&d);
	destination_done(&d);
	return r;
}
