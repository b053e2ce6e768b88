/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's half: criu dumps into memory while what it has written goes out; when criu is done
 * the cgroup is frozen again, because criu thaws it and its end would let the job run. Then
 * everything waits for the decision.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ckpt/amx.h"
#include "ckpt/extra.h"
#include "ckpt/images.h"
#include "ckpt/leftover.h"
#include "ckpt/shm.h"
#include "ckpt/worker_source.h"
#include "ckpt/xfer.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fail.h"
#include "common/fd.h"
#include "common/msg.h"
#include "common/preamble.h"

#define GHOST_LIMIT (1u << 30) /* deleted files that are still open travel up to this size */
#define CRIU_TIMEOUT_S 60
#define CRIU_END_MS 60000
#define LOOK_MS 5 /* how often new pages are looked for */

/* ------------------------------------------------------------------ criu */

static char *text_copy(const char *a, const char *b, const char *c, const char *d)
{
	char *s;

	return asprintf(&s, "%s%s%s%s", a, b, c, d) < 0 ? NULL : s;
}

/* "mnt[/dev]:dev" for each mount, then the terminals as they are. */
static int externals(const Worker__Dump *d, char ***ret, size_t *ret_count)
{
	size_t n = d->n_mounts + d->n_external_ttys, i = 0;
	char **list = calloc(n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t k = 0; k < d->n_mounts; k++)
		list[i++] = text_copy("mnt[", d->mounts[k]->mountpoint, "]:", d->mounts[k]->key);
	for (size_t k = 0; k < d->n_external_ttys; k++)
		list[i++] = strdup(d->external_ttys[k]);
	*ret = list;
	*ret_count = n;
	for (i = 0; i < n; i++) {
		if (!list[i])
			return -ENOMEM;
	}
	return 0;
}

static void externals_free(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static int request_dump(struct source *s)
{
	CriuReq req = CRIU_REQ__INIT;
	CriuOpts opts = CRIU_OPTS__INIT;
	int r;

	worker_criu_opts(&opts, s->images);
	opts.has_pid = true;
	opts.pid = s->cmd->init;
	opts.freeze_cgroup = s->cmd->cgroup;
	opts.has_ghost_limit = true;
	opts.ghost_limit = GHOST_LIMIT;
	opts.has_timeout = true;
	opts.timeout = CRIU_TIMEOUT_S;
	r = externals(s->cmd, &opts.external, &opts.n_external);
	req.type = CRIU_REQ_TYPE__DUMP;
	req.opts = &opts;
	if (r == 0)
		r = criu_request(s->criu, &req);
	externals_free(opts.external, opts.n_external);
	return r;
}

static int on_post_dump(struct source *s)
{
	int r;

	r = cgroup_freeze(s->cmd->cgroup, WORKER_FREEZE_MS);
	if (r == 0)
		r = FAIL_POINT("ckpt/frozen-again");
	if (r < 0)
		return err_sys(&s->err, r, "Cannot freeze the job again after saving it");
	s->dumped = true;
	criu_pause(s->criu, false); /* it may have finished just before it was to wait */
	r = shm_packed(s->tar, &s->err);
	s->tar = 0;
	if (r < 0)
		return r;
	if (s->phase != SENDING)
		return 0;
	r = xfer_sender_finish(s->tx);
	return r < 0 ? err_sys(&s->err, r, "Cannot read the job's images") : source_send(s);
}

static int on_notify(struct source *s, const char *script)
{
	if (strcmp(script, "post-dump") == 0)
		return on_post_dump(s); /* no answer: this is where it is held */
	if (strcmp(script, "pre-dump") == 0)
		FAIL_POINT("ckpt/pre-dump");
	if (strcmp(script, "query-ext-files") == 0 && FAIL_POINT("ckpt/seized") < 0)
		return err_set(&s->err, -EIO, "The dump was made to fail.");
	return criu_answer(s->criu, true);
}

static int on_criu(struct source *s)
{
	struct criu_event ev;
	int r;

	r = criu_next(s->criu, &ev);
	if (r == 0)
		return 0;
	if (r < 0 && s->dumped) {
		/* Its images are complete and the job is frozen: it is not needed to go on. */
		s->criu_gone = true;
		return 0;
	}
	if (r < 0) {
		s->criu_gone = true;
		return err_set(&s->err, r, "criu ended unexpectedly while it saved the job.");
	}
	if (ev.kind == CRIU_NOTIFY)
		return on_notify(s, ev.script);
	worker_criu_error(s->images, ev.errmsg, "criu could not save the job", &s->err);
	return -EIO;
}

/* ------------------------------------------------------------------ the end */

/* Answers every question with no until criu is gone: it puts the processes back as they were. */
static void end_criu(struct source *s)
{
	bool killed = s->criu_gone;
	struct criu_event ev;

	criu_pause(s->criu, false);
	if (s->dumped && !s->criu_gone)
		criu_answer(s->criu, false);
	while (!s->criu_gone && criu_wait(s->criu, &ev, CRIU_END_MS) > 0) {
		if (ev.kind == CRIU_DONE)
			break;
		criu_answer(s->criu, false);
	}
	s->criu = criu_free(s->criu, WORKER_FREEZE_MS);
	cgroup_freeze(s->cmd->cgroup, WORKER_FREEZE_MS);
	if (killed)
		leftover_remove_links(s->cmd->init, s->cmd->cgroup);
}

static int fail(struct source *s, bool refused)
{
	if (s->criu)
		end_criu(s);
	return worker_tell_failed(s->w, &s->err, refused);
}

static int commit(struct source *s)
{
	struct criu_event ev;
	int r;

	FAIL_POINT("ckpt/commit");
	if (!s->criu_gone && criu_answer(s->criu, true) == 0)
		while (criu_wait(s->criu, &ev, CRIU_END_MS) > 0 && ev.kind != CRIU_DONE)
			criu_answer(s->criu, true);
	/* Whatever became of criu: nothing of this copy may stay. */
	r = cgroup_kill(s->cmd->cgroup, WORKER_FREEZE_MS);
	s->criu = criu_free(s->criu, WORKER_FREEZE_MS);
	if (r < 0) {
		err_sys(&s->err, r, "The copy of the job that has left does not end");
		return worker_tell_failed(s->w, &s->err, false);
	}
	return worker_tell(s->w, ENGINE_FINISHED, 0, 0);
}

static int abandon(struct source *s)
{
	FAIL_POINT("ckpt/abort");
	end_criu(s);
	return worker_tell(s->w, ENGINE_FINISHED, 0, 0);
}

/* 0 = nothing yet; 1 = it is over; negative = the guest is gone. */
static int on_guest(struct source *s)
{
	_cleanup_(msg_freep) Worker__Decide *d = NULL;
	struct chan_frame f;
	int r;

	r = chan_next(s->w->chan, &f);
	if (r <= 0)
		return r;
	if (f.type == WORKER_DECIDE)
		d = msg_unpack(&worker__decide__descriptor, f.body, f.len);
	if (!d)
		return -EPROTO;
	if (d->commit && s->phase != HELD)
		return -EPROTO;
	r = d->commit ? commit(s) : abandon(s);
	return r < 0 ? r : 1;
}

/* ------------------------------------------------------------------ the loop */

enum { POLL_GUEST, POLL_CRIU, POLL_NET, POLL_COUNT };

/* While criu writes pages there is no event that says so. */
static bool must_look(const struct source *s)
{
	return !s->dumped;
}

static int wait_for(struct source *s, struct pollfd *p)
{
	int timeout = s->phase == HELD ? -1 : must_look(s) ? LOOK_MS : WORKER_STALL_MS;
	int net = s->net ? stream_fd(s->net) : s->connecting;
	int r;

	p[POLL_GUEST] = (struct pollfd){chan_fd(s->w->chan), chan_events(s->w->chan), 0};
	p[POLL_CRIU] = (struct pollfd){s->criu_gone ? -1 : criu_fd(s->criu), POLLIN, 0};
	p[POLL_NET] = (struct pollfd){s->net_events ? net : -1, s->net_events, 0};
	do
		r = poll(p, POLL_COUNT, timeout);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	s->idle_ms = r ? 0 : s->idle_ms + timeout;
	if (s->idle_ms >= WORKER_STALL_MS)
		return err_set(&s->err, -ETIMEDOUT,
			       "Nothing went on for %d seconds while the job was sent to %s.",
			       WORKER_STALL_MS / 1000, s->cmd->address);
	return 0;
}

/* Negative: the move has failed, for the reason in s->err. 1: it is over, in good order. */
static int step(struct source *s)
{
	struct pollfd p[POLL_COUNT];
	int r;

	/* Telling the guest something may bring its next command in: look before each wait. */
	r = on_guest(s);
	if (r < 0)
		return err_sys(&s->err, r, "The guest process is gone");
	if (r > 0)
		return r;
	r = wait_for(s, p);
	if (r == 0 && p[POLL_GUEST].revents)
		chan_process(s->w->chan); /* what broke shows behind the last frame */
	if (r == 0 && p[POLL_CRIU].revents)
		r = on_criu(s);
	if (r == 0 && p[POLL_NET].revents)
		r = source_on_net(s);
	if (r == 0 && must_look(s))
		r = source_look(s);
	return r;
}

static int check_command(const Worker__Dump *d)
{
	if (!d->cgroup || !d->address || d->init < 1 || d->port < 1 || d->port > 65535)
		return -EPROTO;
	if (d->token.len != PREAMBLE_TOKEN || d->key.len != ENGINE_KEY_SIZE)
		return -EPROTO;
	for (size_t i = 0; i < d->n_mounts; i++) {
		if (!d->mounts[i]->key || !d->mounts[i]->mountpoint)
			return -EPROTO;
	}
	return 0;
}

static int pack_shm(struct source *s)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < s->cmd->n_mounts; i++) {
		if (strcmp(s->cmd->mounts[i]->key, ENGINE_SHM_KEY) != 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/root%s", s->cmd->init,
			 s->cmd->mounts[i]->mountpoint);
		s->tar = shm_pack(path, s->images, &s->err);
		return s->tar < 0 ? s->tar : 0;
	}
	return 0;
}

static int start(struct source *s)
{
	int r;

	r = check_command(s->cmd);
	if (r < 0)
		return err_sys(&s->err, r, "The guest asked for a dump in the wrong way");
	r = amx_check(s->cmd->cgroup, &s->err);
	if (r < 0)
		return r;
	s->memory = images_memory();
	s->images = images_open(s->memory);
	if (s->images < 0)
		return err_sys(&s->err, s->images, "Cannot make a file system for images");
	r = request_dump(s);
	if (r < 0)
		return err_sys(&s->err, r, "Cannot ask criu to save the job");
	r = source_connect(s);
	if (r < 0)
		return err_sys(&s->err, r, "Cannot connect to the other node at %s:%u",
			       s->cmd->address, s->cmd->port);
	return pack_shm(s);
}

static int run(struct source *s)
{
	int r;

	r = start(s);
	if (r < 0)
		return fail(s, r == -ENOTSUP);
	do
		r = step(s);
	while (r == 0);
	return r < 0 ? fail(s, false) : 0;
}

static void source_done(struct source *s)
{
	xfer_sender_free(s->tx);
	stream_free(s->net);
	fd_close(s->connecting);
	fd_close(s->images);
	criu_free(s->criu, WORKER_FREEZE_MS);
	msg_free(s->cmd);
}

/* Waits for the one command that starts it. */
static int wait_command(struct worker *w, Worker__Dump **ret)
{
	struct chan_frame f;
	int r;

	r = chan_recv(w->chan, &f, -1);
	if (r < 0)
		return r;
	*ret = f.type == WORKER_DUMP ? msg_unpack(&worker__dump__descriptor, f.body, f.len) : NULL;
	return *ret ? 0 : -EPROTO;
}

static int prepare(struct source *s)
{
	static const struct criu_spawn plain = {0};
	uint32_t version;
	int r;

	r = criu_spawn(&s->criu, &plain, &s->err);
	if (r < 0)
		return r;
	r = criu_ask_version(s->criu, &version, WORKER_STALL_MS);
	if (r == 0)
		r = criu_learn(s->criu, WORKER_STALL_MS);
	if (r < 0)
		return err_set(&s->err, r, "criu does not start: is it installed?");
	r = worker_tell_criu(s->w, s->criu);
	return r < 0 ? r : worker_tell(s->w, ENGINE_READY, 0, 0);
}

int worker_source(struct worker *w)
{
	struct source s = {.w = w, .images = -1, .connecting = -1};
	int r;

	r = prepare(&s);
	if (r < 0)
		worker_tell_failed(w, &s.err, true);
	if (r == 0)
		r = wait_command(w, &s.cmd);
	if (r == 0)
		r = run(&s);
	source_done(&s);
	return r;
}
