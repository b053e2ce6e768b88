/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes between the user's descriptors and the job link. Only what the link has room for is
 * read, only what was written is acknowledged.
 */
#include "cli/deputy.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE (64u << 10)
#define KEYS_MS 250

static bool is_tty(const struct deputy *d)
{
	return term_exists(&d->io.term);
}

void deputy_stream_init(struct deputy *d)
{
	const struct term *t = &d->io.term;
	enum ufd_way way = t->shared ? UFD_SMALL : UFD_OWN;

	d->tty_in = d->tty_out = UFD_NULL;
	if (!is_tty(d))
		return;
	d->tty_in = (struct ufd){.fd = -1, .io = t->fd, .way = way};
	d->tty_out = (struct ufd){.fd = -1, .io = t->fd, .way = way, .write = true};
}

/* ------------------------------------------------------------------------------- input */

/* The job's line discipline knows an end of file only as a character. */
static void put_key(struct deputy *d, unsigned int which)
{
	struct termios m;
	uint8_t key = 0x04;

	if (term_modes(&d->io.term, &m) && m.c_cc[which] != _POSIX_VDISABLE)
		key = m.c_cc[which];
	if (endpoint_space(d->ep, LINK_TTY_IN))
		endpoint_put(d->ep, LINK_TTY_IN, &key, 1);
}

static void end_keys(struct deputy *d)
{
	if (!endpoint_broken(d->ep, LINK_TTY_IN))
		endpoint_put_eof(d->ep, LINK_TTY_IN);
	d->tty_in = UFD_NULL;
}

/* Where nothing reaches the job, the key that gives the shell back has to work here. */
static bool is_escape(const struct deputy *d, const uint8_t *buf, size_t len)
{
	cc_t key = d->io.term.saved.c_cc[VSUSP];

	return d->io.term.raw && deputy_path_is_lost(d) && key != _POSIX_VDISABLE &&
	       memchr(buf, key, len);
}

static void keys_typed(struct deputy *d, const uint8_t *buf, size_t len)
{
	if (is_escape(d, buf, len)) {
		deputy_say(d, "the job cannot be reached now; it goes on when it can");
		deputy_signal_stop_now(d, SIGTSTP, true);
		return;
	}
	endpoint_put(d->ep, LINK_TTY_IN, buf, len);
	/* A line without a newline ends by the end-of-file key, which read() does not show. */
	if (!d->io.term.raw && buf[len - 1] != '\n')
		put_key(d, VEOF);
}

/* Another program of the pipeline (a pager) takes single keys: then they are not for us. */
static bool keys_are_ours(struct deputy *d)
{
	if (!term_foreground(&d->io.term)) {
		d->io.term.raw = false;
		return false;
	}
	return d->io.term.raw || term_canonical(&d->io.term);
}

static void read_keys(struct deputy *d, short events)
{
	uint8_t buf[4096];
	size_t space = endpoint_space(d->ep, LINK_TTY_IN);
	ssize_t n;

	if (!(events & POLLHUP) && !keys_are_ours(d)) {
		d->keys_at = deputy_now() + KEYS_MS;
		return;
	}
	n = ufd_read(&d->tty_in, buf, space < sizeof(buf) ? space : sizeof(buf));
	if (n == -EAGAIN)
		return;
	if (n > 0)
		keys_typed(d, buf, (size_t)n);
	else if (n == 0 && !d->io.term.raw && !(events & POLLHUP))
		put_key(d, VEOF);
	else
		end_keys(d);
}

static void end_stdin(struct deputy *d)
{
	/* A seekable one is kept, to give back what the job did not read. */
	if (!d->io.std[0].seekable)
		ufd_close(&d->io.std[0]);
	d->io.in_ended = true;
}

static void read_stdin(struct deputy *d)
{
	uint8_t buf[READ_SIZE];
	size_t space = endpoint_space(d->ep, LINK_IN);
	ssize_t n;

	n = ufd_read(&d->io.std[0], buf, space < sizeof(buf) ? space : sizeof(buf));
	if (n == -EAGAIN)
		return;
	if (n > 0) {
		d->stdin_read += (uint64_t)n;
		n = endpoint_put(d->ep, LINK_IN, buf, (size_t)n);
		if (n < 0)
			d->broken = (int)n;
		return;
	}
	/* An error reads as the end: there is no way to tell the job. */
	endpoint_put_eof(d->ep, LINK_IN);
	end_stdin(d);
}

/* ------------------------------------------------------------------------------ output */

static const char *const stream_names[] = {
	[LINK_OUT] = "standard output",
	[LINK_ERR] = "standard error",
};

static struct ufd *output(struct deputy *d, unsigned int stream)
{
	if (stream == LINK_TTY_OUT)
		return &d->tty_out;
	return &d->io.std[stream == LINK_OUT ? 1 : 2];
}

static void close_output(struct deputy *d, unsigned int stream)
{
	if (stream == LINK_TTY_OUT) {
		d->tty_out = UFD_NULL;
		return;
	}
	/* The reader behind a pipe shall see its end now, not when the job ends. */
	if (stream == LINK_OUT && d->io.err_to_out)
		ufd_close(&d->io.std[2]);
	ufd_close(output(d, stream));
}

static void output_failed(struct deputy *d, unsigned int stream, int r)
{
	if (r != -EPIPE && r != -EIO && stream_names[stream])
		deputy_say(d, "%s: %s", stream_names[stream], strerror(-r));
	endpoint_break(d->ep, stream);
	close_output(d, stream);
}

static void write_output(struct deputy *d, unsigned int stream)
{
	const uint8_t *data;
	size_t len = endpoint_pending(d->ep, stream, &data);
	ssize_t n;

	if (!len)
		return;
	n = ufd_write(output(d, stream), data, len);
	if (n > 0) {
		endpoint_delivered(d->ep, stream, (size_t)n);
		d->output_at = deputy_now();
	}
	if (n < 0 && n != -EAGAIN)
		output_failed(d, stream, (int)n);
}

/* -------------------------------------------------------------------------------- both */

static bool used_output(const struct deputy *d, unsigned int stream)
{
	switch (stream) {
	case LINK_OUT:
		return d->io.kind[1] == MOSIX__STDIO_KIND__STDIO_PIPE;
	case LINK_ERR:
		return d->io.kind[2] == MOSIX__STDIO_KIND__STDIO_PIPE && !d->io.err_to_out;
	case LINK_TTY_OUT:
		return is_tty(d);
	default:
		return false;
	}
}

static const unsigned int outputs[] = {LINK_OUT, LINK_ERR, LINK_TTY_OUT};
#define OUTPUTS (sizeof(outputs) / sizeof(*outputs))

bool deputy_stream_idle(struct deputy *d)
{
	const uint8_t *data;

	for (size_t i = 0; i < OUTPUTS; i++)
		if (endpoint_pending(d->ep, outputs[i], &data))
			return false;
	return true;
}

bool deputy_stream_delivered(struct deputy *d)
{
	for (size_t i = 0; i < OUTPUTS; i++)
		if (used_output(d, outputs[i]) && !endpoint_closed(d->ep, outputs[i]))
			return false;
	return true;
}

bool deputy_stream_abandoned(struct deputy *d)
{
	int status = (int)d->main_status;

	return d->main_ended && WIFSIGNALED(status) && !deputy_stream_idle(d) &&
	       (d->fatal >> (WTERMSIG(status) - 1) & 1) &&
	       deputy_now() - d->output_at >= DEPUTY_ABANDON_MS;
}

static bool wants_keys(struct deputy *d)
{
	if (d->tty_in.io < 0 || d->ended || endpoint_broken(d->ep, LINK_TTY_IN) ||
	    !endpoint_space(d->ep, LINK_TTY_IN))
		return false;
	if (d->keys_at && deputy_now() < d->keys_at)
		return false;
	d->keys_at = 0;
	return d->io.term.raw ||
	       (d->io.kind[0] == MOSIX__STDIO_KIND__STDIO_TTY && !user_io_owns_keys(&d->io));
}

static bool wants_stdin(struct deputy *d)
{
	if (d->io.in_ended || d->io.std[0].fd < 0)
		return false;
	if (d->ended || endpoint_broken(d->ep, LINK_IN)) {
		/* Its writer shall notice that nobody reads any more. */
		end_stdin(d);
		return false;
	}
	return endpoint_space(d->ep, LINK_IN) > 0;
}

void deputy_stream_want(struct deputy *d, struct deputy_poll *p)
{
	const uint8_t *data;

	*p = (struct deputy_poll){.fd = {-1, -1, -1, -1, -1}};
	if (wants_stdin(d)) {
		p->fd[LINK_IN] = d->io.std[0].io;
		p->events[LINK_IN] = POLLIN;
	}
	if (wants_keys(d)) {
		p->fd[LINK_TTY_IN] = d->tty_in.io;
		p->events[LINK_TTY_IN] = POLLIN;
	}
	for (size_t i = 0; i < OUTPUTS; i++) {
		unsigned int s = outputs[i];

		if (!endpoint_pending(d->ep, s, &data))
			continue;
		p->fd[s] = output(d, s)->io;
		p->events[s] = POLLOUT;
	}
}

void deputy_stream_move(struct deputy *d, const struct deputy_poll *p)
{
	if (p->events[LINK_IN])
		read_stdin(d);
	if (p->events[LINK_TTY_IN])
		read_keys(d, p->events[LINK_TTY_IN]);
	for (size_t i = 0; i < OUTPUTS; i++)
		if (p->events[outputs[i]])
			write_output(d, outputs[i]);
}

void deputy_stream_flush(struct deputy *d)
{
	for (size_t i = 0; i < OUTPUTS; i++) {
		unsigned int s = outputs[i];
		const uint8_t *data;
		size_t len;

		while ((len = endpoint_pending(d->ep, s, &data)) > 0) {
			struct pollfd p = {.fd = output(d, s)->io, .events = POLLOUT};

			if (poll(&p, 1, 0) <= 0)
				break;
			write_output(d, s);
			if (endpoint_pending(d->ep, s, &data) == len)
				break;
		}
	}
}

bool deputy_stream_ends(struct deputy *d)
{
	bool any = false;

	for (size_t i = 0; i < OUTPUTS; i++) {
		if (!endpoint_at_end(d->ep, outputs[i]))
			continue;
		endpoint_end_delivered(d->ep, outputs[i]);
		close_output(d, outputs[i]);
		any = true;
	}
	return any;
}
