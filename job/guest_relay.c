/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes between the job's pipes and terminal and the job link, and frames between the link and
 * whatever path there is. While the copy is frozen the link may go on, since what it says stays
 * true on either node; only nothing is taken from or given to the job.
 */
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "job/guest.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (64u << 10)
#define PATH_QUEUE                                                                    \
	(128u << 10) /* bytes waiting in a channel before frames wait in the endpoint \
		      */

static bool active(const struct guest *g)
{
	return !g->frozen && (g->state == MOSIX__GUEST_STATE__GUEST_RUNNING ||
			      g->state == MOSIX__GUEST_STATE__GUEST_DUMPING);
}

/* --------------------------------------------------------------------------------- input */

static int input_fd(const struct guest *g, unsigned int stream)
{
	if (stream == LINK_TTY_IN)
		return g->stdio.master;
	return g->stdio.input_ended ? -1 : g->stdio.pipes[0];
}

static void input_gone(struct guest *g, unsigned int stream)
{
	endpoint_break_unread(g->ep, stream, stream == LINK_IN ? stdio_unread(&g->stdio) : 0);
	if (stream == LINK_IN)
		guest_close(g, &g->pipe_io[0], &g->stdio.pipes[0]);
}

/* What was typed before a move and did not fit back into the terminal comes first. */
static bool typed_first(struct guest *g)
{
	struct fifo *f = &g->stdio.typed;
	ssize_t n;

	while (f->len) {
		n = write(g->stdio.master, fifo_data(f), f->len);
		if (n <= 0)
			return false;
		fifo_drop(f, (size_t)n);
	}
	return true;
}

static void give_input(struct guest *g, unsigned int stream)
{
	int fd = input_fd(g, stream);
	const uint8_t *data;
	size_t len;
	ssize_t n;

	g->write_waits[stream] = stream == LINK_TTY_IN && fd >= 0 && !typed_first(g);
	while (!g->write_waits[stream] && (len = endpoint_pending(g->ep, stream, &data)) > 0) {
		n = fd < 0 ? -1 : write(fd, data, len);
		if (n > 0)
			endpoint_delivered(g->ep, stream, (size_t)n);
		else if (fd >= 0 && (errno == EAGAIN || errno == EINTR))
			g->write_waits[stream] = true;
		else
			input_gone(g, stream);
	}
	if (!endpoint_at_end(g->ep, stream))
		return;
	if (stream == LINK_IN && fd >= 0) {
		guest_io(g, &g->pipe_io[0], -1, 0);
		(void)stdio_end_input(&g->stdio);
	}
	endpoint_end_delivered(g->ep, stream);
}

/* -------------------------------------------------------------------------------- output */

static size_t room(const struct guest *g, unsigned int stream)
{
	size_t space = endpoint_space(g->ep, stream);

	return space < READ_SIZE ? space : READ_SIZE;
}

static void take_pipe(struct guest *g, int i)
{
	unsigned int stream = i == 1 ? LINK_OUT : LINK_ERR;
	uint8_t buf[READ_SIZE];
	size_t len = room(g, stream);
	ssize_t n;

	if (!len)
		return;
	n = read(g->stdio.pipes[i], buf, len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && endpoint_put(g->ep, stream, buf, (size_t)n) >= 0)
		return;
	/* Its end; without memory the job had better see a closed pipe than lose bytes. */
	guest_close(g, &g->pipe_io[i], &g->stdio.pipes[i]);
	endpoint_put_eof(g->ep, stream);
}

/* False: there is nothing now. */
static bool take_tty(struct guest *g)
{
	bool gone = endpoint_broken(g->ep, LINK_TTY_OUT);
	size_t len = gone ? READ_SIZE : room(g, LINK_TTY_OUT);
	uint8_t buf[READ_SIZE];
	ssize_t n;

	if (!len)
		return true;
	n = read(g->stdio.master, buf, len);
	if (n <= 0)
		return false;
	/* Without anybody who looks at it a terminal still takes what is written. */
	if (!gone && endpoint_put(g->ep, LINK_TTY_OUT, buf, (size_t)n) < 0)
		log_err("Job %s: out of memory, terminal output is lost", jobid_str(g->job).s);
	return true;
}

static void pipe_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	int i = (int)(w - g->pipe_io);

	(void)loop;
	(void)revents;
	if (i > 0 && active(g))
		take_pipe(g, i);
}

static void tty_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;

	(void)loop;
	if (revents & EV_READ && active(g))
		(void)take_tty(g);
}

void guest_relay_end(struct guest *g)
{
	if (g->stdio.kinds[0] == STDIO_KIND_PIPE)
		input_gone(g, LINK_IN);
	if (stdio_has_tty(&g->stdio))
		endpoint_break(g->ep, LINK_TTY_IN);
}

void guest_relay_take_tty(struct guest *g)
{
	while (active(g) && g->stdio.master >= 0 && room(g, LINK_TTY_OUT) && take_tty(g))
		;
}

/* Nobody can write to the terminal any more: its end is where there is nothing now. */
static void end_tty(struct guest *g)
{
	while (room(g, LINK_TTY_OUT) && take_tty(g))
		;
	if (room(g, LINK_TTY_OUT) || endpoint_broken(g->ep, LINK_TTY_OUT)) {
		endpoint_put_eof(g->ep, LINK_TTY_OUT);
		guest_close(g, &g->tty_io, &g->stdio.master);
		g->stdio.slave = fd_close(g->stdio.slave);
	}
}

bool guest_relay_finished(const struct guest *g)
{
	const struct stdio *s = &g->stdio;

	/* The deputy gives back to the user's file what the job did not read. */
	if (s->kinds[0] == STDIO_KIND_PIPE && !endpoint_break_known(g->ep, LINK_IN))
		return false;
	if (s->kinds[1] == STDIO_KIND_PIPE && !endpoint_finished(g->ep, LINK_OUT))
		return false;
	if (s->kinds[2] == STDIO_KIND_PIPE && !s->err_to_out && !endpoint_finished(g->ep, LINK_ERR))
		return false;
	return !stdio_has_tty(s) || endpoint_finished(g->ep, LINK_TTY_OUT);
}

/* ------------------------------------------------------------------------------- control */

static void obey(struct guest *g)
{
	struct link_frame f;

	while (endpoint_control_next(g->ep, &f)) {
		if (f.kind == LINK_SIGNAL)
			(void)guest_signal(g, f.arg & (uint16_t)~LINK_SIGNAL_GROUP,
					   f.arg & LINK_SIGNAL_GROUP);
		else if (f.kind == LINK_CONT)
			(void)guest_signal(g, SIGCONT, true);
		else if (f.kind == LINK_GROUND)
			guest_ground(g, f.arg);
		else if (f.kind == LINK_WINSIZE && g->stdio.master >= 0)
			(void)ioctl(g->stdio.master, TIOCSWINSZ, f.data);
		else if (f.kind == LINK_TERMIOS && g->stdio.slave >= 0)
			(void)tcsetattr(g->stdio.slave, TCSANOW, (const struct termios *)f.data);
		endpoint_control_done(g->ep);
	}
}

/* ---------------------------------------------------------------------------------- path */

void guest_link_down(struct guest *g)
{
	ev_io_stop(g->loop, &g->direct.io);
	g->direct.c = chan_free(g->direct.c);
	g->path = false;
	endpoint_path_down(g->ep);
}

void guest_link_up(struct guest *g, const Mosix__LinkUp *m, int fd)
{
	struct stream *s;

	guest_link_down(g);
	if (m->direct && (fd < 0 || stream_new_plain(&s, fd) < 0 ||
			  chan_new(&g->direct.c, s, LINK_BODY_MAX, 2 * PATH_QUEUE) < 0)) {
		log_err("Job %s: no path to its deputy: out of descriptors or memory",
			jobid_str(g->job).s);
		return;
	}
	g->path = true;
	endpoint_path_up(g->ep);
}

void guest_link_frame(struct guest *g, const struct chan_frame *f)
{
	struct link_frame lf;
	uint64_t job;
	uint32_t gen;
	int r;

	if (!g->path)
		return;
	r = link_frame_unpack(f->body, f->len, &job, &gen, &lf);
	if (r >= 0 && (job != g->job || gen != g->gen))
		return;
	if (r >= 0)
		r = endpoint_receive(g->ep, &lf);
	if (r < 0) {
		log_err("Job %s: its deputy sent what cannot be: %s", jobid_str(g->job).s,
			strerror(-r));
		guest_link_down(g);
	}
}

static void direct_event(struct ev_loop *loop, ev_io *w, int revents)
{
	struct guest *g = w->data;
	struct chan_frame f;
	int r;

	(void)loop;
	(void)revents;
	r = chan_process(g->direct.c);
	while (r >= 0 && g->direct.c && (r = chan_next(g->direct.c, &f)) > 0)
		guest_link_frame(g, &f);
	if (r < 0)
		guest_link_down(g);
}

static void fill_path(struct guest *g)
{
	struct chan *c = g->direct.c ? g->direct.c : g->daemon.c;
	uint8_t body[LINK_BODY_MAX];
	struct link_frame f;

	while (g->path && c && chan_queued(c) < PATH_QUEUE && endpoint_next_to_send(g->ep, &f)) {
		link_frame_pack(g->job, g->gen, &f, body);
		if (f.len)
			memcpy(body + LINK_REF + LINK_HEADER, f.data, f.len);
		/* A broken channel says so when it is read. */
		if (chan_send(c, MOSIX__MSG_TYPE__MSG_LINK, body, LINK_REF + LINK_HEADER + f.len,
			      -1) < 0)
			break;
	}
}

/* ------------------------------------------------------------------------------ settling */

static void watch_job(struct guest *g, bool on)
{
	static const unsigned int streams[3] = {LINK_IN, LINK_OUT, LINK_ERR};
	bool tty = on && g->stdio.master >= 0;

	guest_io(g, &g->pipe_io[0], g->stdio.pipes[0],
		 on && g->write_waits[LINK_IN] ? EV_WRITE : 0);
	for (int i = 1; i < 3; i++)
		guest_io(g, &g->pipe_io[i], g->stdio.pipes[i],
			 on && endpoint_space(g->ep, streams[i]) ? EV_READ : 0);
	guest_io(g, &g->tty_io, g->stdio.master,
		 !tty ? 0
		      : (endpoint_space(g->ep, LINK_TTY_OUT) || endpoint_broken(g->ep, LINK_TTY_OUT)
				 ? EV_READ
				 : 0) |
				 (g->write_waits[LINK_TTY_IN] ? EV_WRITE : 0));
}

static void close_broken(struct guest *g)
{
	for (int i = 1; i < 3; i++)
		if (g->stdio.pipes[i] >= 0 && endpoint_broken(g->ep, i == 1 ? LINK_OUT : LINK_ERR))
			guest_close(g, &g->pipe_io[i], &g->stdio.pipes[i]);
}

void guest_relay_settle(struct guest *g)
{
	bool on = active(g);
	short events;

	if (on) {
		obey(g);
		give_input(g, LINK_IN);
		give_input(g, LINK_TTY_IN);
		close_broken(g);
		if (g->drained && g->stdio.master >= 0)
			end_tty(g);
	}
	watch_job(g, on);
	fill_path(g);
	if (!g->direct.c)
		return;
	events = chan_events(g->direct.c);
	guest_io(g, &g->direct.io, chan_fd(g->direct.c),
		 (events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));
}

void guest_relay_stop(struct guest *g)
{
	watch_job(g, false);
}

void guest_relay_init(struct guest *g)
{
	for (int i = 0; i < 3; i++) {
		ev_io_init(&g->pipe_io[i], pipe_event, -1, 0);
		g->pipe_io[i].data = g;
	}
	ev_io_init(&g->tty_io, tty_event, -1, 0);
	ev_io_init(&g->direct.io, direct_event, -1, 0);
	g->tty_io.data = g->direct.io.data = g;
}
