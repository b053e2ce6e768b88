/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon says, and the path of the job link: a descriptor of its own to a guest on this
 * node, or frames on the control channel. A daemon that goes away takes nothing with it: we dial
 * until there is one again, and tell it whose deputy we are.
 */
#include "cli/client.h"
#include "cli/deputy.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REDIAL_MS 200
#define LOST_MS 1000
/* Enough to keep a path busy, little enough for signals not to wait long. */
#define PATH_QUEUE (128u << 10)

static void path_down(struct deputy *d)
{
	if (d->path) {
		endpoint_path_down(d->ep);
		d->down_at = deputy_now();
	}
	d->path = false;
	d->direct = chan_free(d->direct);
}

bool deputy_path_is_lost(const struct deputy *d)
{
	return !endpoint_synced(d->ep) && deputy_now() - d->down_at >= LOST_MS;
}

/* A path that breaks rules or breaks down is left; the daemon makes the next one. */
static void path_failed(struct deputy *d)
{
	bool relayed = d->path && !d->direct;

	path_down(d);
	if (!relayed)
		return;
	d->control = chan_free(d->control);
	d->redial_at = deputy_now() + REDIAL_MS;
}

static void control_lost(struct deputy *d)
{
	if (d->path && !d->direct)
		path_down(d);
	d->control = chan_free(d->control);
	d->redial_at = deputy_now() + REDIAL_MS;
}

void deputy_path_redial(struct deputy *d)
{
	Mosix__DeputyHello hello = MOSIX__DEPUTY_HELLO__INIT;
	struct err e;

	d->redial_at = deputy_now() + REDIAL_MS;
	if (client_connect(&d->control, &e) < 0)
		return;
	hello.has_job = true;
	hello.job = d->job;
	if (msg_send(d->control, MOSIX__MSG_TYPE__MSG_DEPUTY_HELLO, &hello.base, -1) < 0)
		control_lost(d);
}

/* ---------------------------------------------------------------------------- messages */

static void take_text(struct deputy *d, char **text)
{
	free(d->text);
	d->text = steal_ptr(*text);
}

static void on_started(struct deputy *d, Mosix__JobStarted *m)
{
	if (d->started)
		return;
	d->started = true;
	d->job = m->job;
	d->node = m->node;
	d->start_error = m->error;
	take_text(d, &m->text);
}

static void on_ended(struct deputy *d, Mosix__JobEnded *m)
{
	/* It may be told again, and an end that was thought good may turn out to be a loss. */
	if (d->ended && !m->lost)
		return;
	d->ended = true;
	d->lost = m->lost;
	d->status = m->status;
	take_text(d, &m->text);
}

static void on_moved(struct deputy *d, const Mosix__JobMoved *m)
{
	char buf[16];

	if (d->opts->verbose && d->node != m->node)
		deputy_say(d, "job %s moved to %s", jobid_str(d->job).s,
			   client_node_name(d->names, m->node, buf, sizeof(buf)));
	d->node = m->node;
}

static void on_link_up(struct deputy *d, const Mosix__LinkUp *m)
{
	struct stream *s = NULL;
	struct chan *direct = NULL;

	if (m->direct) {
		int fd = chan_take_fd(d->control);

		if (fd < 0 || stream_new_plain(&s, fd) < 0 ||
		    chan_new(&direct, s, LINK_BODY_MAX, 2 * PATH_QUEUE) < 0)
			return;
	}
	path_down(d);
	d->direct = direct;
	d->gen = m->gen;
	d->path = true;
	endpoint_path_up(d->ep);
}

static void on_link_down(struct deputy *d, const Mosix__GuestRef *m)
{
	if (m->gen == d->gen)
		path_down(d);
}

/* Frames of another copy, sent before the path changed, are none of ours. */
static int link_frame(struct deputy *d, const struct chan_frame *f)
{
	struct link_frame lf;
	uint64_t job;
	uint32_t gen;
	int r;

	r = link_frame_unpack(f->body, f->len, &job, &gen, &lf);
	if (r < 0)
		return r;
	if (!d->path || job != d->job || gen != d->gen)
		return 0;
	return endpoint_receive(d->ep, &lf);
}

static const ProtobufCMessageDescriptor *descriptor(uint16_t type)
{
	switch (type) {
	case MOSIX__MSG_TYPE__MSG_JOB_STARTED:
		return &mosix__job_started__descriptor;
	case MOSIX__MSG_TYPE__MSG_JOB_ENDED:
		return &mosix__job_ended__descriptor;
	case MOSIX__MSG_TYPE__MSG_JOB_MOVED:
		return &mosix__job_moved__descriptor;
	case MOSIX__MSG_TYPE__MSG_LINK_UP:
		return &mosix__link_up__descriptor;
	case MOSIX__MSG_TYPE__MSG_LINK_DOWN:
		return &mosix__guest_ref__descriptor;
	default:
		return NULL;
	}
}

void deputy_path_message(struct deputy *d, const struct chan_frame *f)
{
	const ProtobufCMessageDescriptor *desc = descriptor(f->type);
	_cleanup_(msg_freep) void *m = NULL;

	if (f->type == MOSIX__MSG_TYPE__MSG_LINK) {
		if (!d->direct && link_frame(d, f) < 0)
			path_failed(d);
		return;
	}
	if (!desc)
		return;
	m = msg_unpack(desc, f->body, f->len);
	if (!m)
		return;
	if (f->type == MOSIX__MSG_TYPE__MSG_JOB_STARTED)
		on_started(d, m);
	else if (f->type == MOSIX__MSG_TYPE__MSG_JOB_ENDED)
		on_ended(d, m);
	else if (f->type == MOSIX__MSG_TYPE__MSG_JOB_MOVED)
		on_moved(d, m);
	else if (f->type == MOSIX__MSG_TYPE__MSG_LINK_UP)
		on_link_up(d, m);
	else
		on_link_down(d, m);
}

/* ------------------------------------------------------------------------------ moving */

static bool run_control(struct deputy *d)
{
	struct chan_frame f;
	bool any = false;
	int r;

	if (!d->control)
		return false;
	r = chan_process(d->control);
	while (r >= 0 && d->control && (r = chan_next(d->control, &f)) > 0) {
		deputy_path_message(d, &f);
		any = true;
	}
	if (r < 0 && d->control)
		control_lost(d);
	return any;
}

static bool run_direct(struct deputy *d)
{
	struct chan_frame f;
	bool any = false;
	int r;

	if (!d->direct)
		return false;
	r = chan_process(d->direct);
	while (r >= 0 && (r = chan_next(d->direct, &f)) > 0) {
		any = true;
		if (f.type == MOSIX__MSG_TYPE__MSG_LINK)
			r = link_frame(d, &f);
	}
	if (r < 0)
		path_failed(d);
	return any;
}

static int send_frame(struct deputy *d, struct chan *c, const struct link_frame *f)
{
	uint8_t body[LINK_BODY_MAX];

	if (f->len > LINK_DATA_MAX)
		return -EMSGSIZE;
	link_frame_pack(d->job, d->gen, f, body);
	if (f->len)
		memcpy(body + LINK_REF + LINK_HEADER, f->data, f->len);
	return chan_send(c, MOSIX__MSG_TYPE__MSG_LINK, body, LINK_REF + LINK_HEADER + f->len, -1);
}

static bool fill_path(struct deputy *d)
{
	struct chan *c = d->direct ? d->direct : d->control;
	struct link_frame f;
	bool any = false;

	while (d->path && chan_queued(c) < PATH_QUEUE && endpoint_next_to_send(d->ep, &f)) {
		any = true;
		/* A broken channel says so again when it is read. */
		if (send_frame(d, c, &f) < 0)
			break;
	}
	return any;
}

void deputy_path_run(struct deputy *d)
{
	bool again;

	do {
		again = fill_path(d);
		again |= run_control(d);
		again |= run_direct(d);
	} while (again);
}

void deputy_path_send_ack(struct deputy *d)
{
	Mosix__GuestRef ref = MOSIX__GUEST_REF__INIT;

	ref.has_job = ref.has_gen = true;
	ref.job = d->job;
	ref.gen = d->gen;
	msg_send(d->control, MOSIX__MSG_TYPE__MSG_JOB_ENDED_ACK, &ref.base, -1);
}

bool deputy_path_signal(struct deputy *d, int sig)
{
	Mosix__GuestSignal m = MOSIX__GUEST_SIGNAL__INIT;

	if (!d->control)
		return false;
	m.has_job = m.has_signal = true;
	m.job = d->job;
	m.signal = (uint32_t)sig;
	return msg_send(d->control, MOSIX__MSG_TYPE__MSG_JOB_SIGNAL, &m.base, -1) >= 0;
}
