/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-ckpt ROLE FD [CGROUP]: start, and what both roles need. */
#include "ckpt/worker.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ckpt/criu_log.h"
#include "ckpt/images.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/msg.h"

#define CRIU_LOG_ERRORS 1
#define LOG_MAX (8u << 20)
#define TELL_MS 10000

static int tell(struct worker *w, Worker__Event *ev, int fd)
{
	int r;

	r = msg_send(w->chan, WORKER_EVENT, &ev->base, fd);
	return r < 0 ? r : chan_flush(w->chan, TELL_MS);
}

int worker_tell(struct worker *w, enum engine_event_kind kind, uint64_t bytes, pid_t pid)
{
	Worker__Event ev = WORKER__EVENT__INIT;

	ev.has_kind = ev.has_bytes = ev.has_pid = true;
	ev.kind = kind;
	ev.bytes = bytes;
	ev.pid = pid;
	return tell(w, &ev, -1);
}

int worker_tell_state(struct worker *w, const uint8_t *data, size_t len)
{
	Worker__Event ev = WORKER__EVENT__INIT;

	ev.has_kind = ev.has_data = true;
	ev.kind = ENGINE_STATE;
	ev.data.data = (uint8_t *)(uintptr_t)data;
	ev.data.len = len;
	return tell(w, &ev, -1);
}

int worker_tell_failed(struct worker *w, const struct err *e, bool refused)
{
	Worker__Event ev = WORKER__EVENT__INIT;

	ev.has_kind = ev.has_refused = true;
	ev.kind = ENGINE_FAILED;
	ev.refused = refused;
	ev.text = (char *)(uintptr_t)e->text;
	return tell(w, &ev, -1);
}

int worker_tell_ghosts(struct worker *w, const char *list, size_t len)
{
	Worker__Event ev = WORKER__EVENT__INIT;

	ev.has_ghosts = true;
	ev.ghosts.data = (uint8_t *)(uintptr_t)list;
	ev.ghosts.len = len;
	return tell(w, &ev, -1);
}

int worker_tell_criu(struct worker *w, struct criu *c)
{
	Worker__Event ev = WORKER__EVENT__INIT;

	ev.has_pid = true;
	ev.pid = criu_pid(c);
	return tell(w, &ev, criu_pidfd(c));
}

void worker_criu_opts(CriuOpts *o, int images)
{
	o->images_dir_fd = images;
	o->has_log_level = true;
	o->log_level = CRIU_LOG_ERRORS;
	o->log_file = (char *)(uintptr_t)IMAGES_LOG;
	o->has_notify_scripts = true;
	o->notify_scripts = true;
	o->has_manage_cgroups = true;
	o->manage_cgroups = true;
	o->has_manage_cgroups_mode = true;
	o->manage_cgroups_mode = CRIU_CG_MODE__IGNORE;
	o->has_file_locks = true;
	o->file_locks = true;
	o->has_link_remap = true;
	o->link_remap = true;
	/* No connections are taken along: nothing to lock. */
	o->has_network_lock = true;
	o->network_lock = CRIU_NETWORK_LOCK_METHOD__SKIP;
}

void worker_criu_error(int images, const char *errmsg, const char *what, struct err *e)
{
	_cleanup_free_ uint8_t *log = NULL;
	const char *debug = getenv("MOSIX_CRIU_LOG");
	size_t len = 0;

	images_read(images, IMAGES_LOG, LOG_MAX, &log, &len);
	criu_log_sentence((char *)log, errmsg, what, e);
	if (debug && log)
		log_err("%s: criu's log: %s", what, (char *)log);
}

/* Static keys in the kernel's scheduler are flipped when the first perf event comes and when the
 * last goes, which takes up to 16 ms, and criu opens one. Ours spares criu that. */
static void hold_perf_event(void)
{
	struct perf_event_attr a = {.size = sizeof(a),
				    .type = PERF_TYPE_SOFTWARE,
				    .config = PERF_COUNT_SW_DUMMY,
				    .exclude_kernel = 1};

	syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int set_up(struct worker *w, const char *fd_text)
{
	struct stream *s;
	int fd, r;

	fd = atoi(fd_text);
	if (fd < 3)
		return -EINVAL;
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	hold_perf_event();
	r = fd_set_cloexec(fd, true);
	if (r == 0)
		r = stream_new_plain(&s, fd);
	if (r == 0)
		r = chan_new(&w->chan, s, CHAN_FRAME_MAX, WORKER_QUEUE_MAX);
	if (r == 0)
		r = cgroup_self(w->home, sizeof(w->home));
	return r;
}

int main(int argc, char **argv)
{
	struct worker w = {0};
	int r;

	if (argc < 3) {
		fprintf(stderr, "mosix-ckpt is started by mosix-guest.\n");
		return 2;
	}
	r = set_up(&w, argv[2]);
	if (r < 0) {
		log_err("mosix-ckpt cannot start: %s", strerror(-r));
		return 1;
	}
	if (strcmp(argv[1], "source") == 0) {
		r = worker_source(&w);
	} else if (strcmp(argv[1], "destination") == 0 && argc == 4) {
		w.cgroup = argv[3];
		r = worker_destination(&w);
	} else {
		return 2;
	}
	chan_free(w.chan);
	return r < 0;
}
