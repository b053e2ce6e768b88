/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection reads one request, is answered, and then what the client still sends is dropped for
 * a moment: closing with unread bytes would reset the connection and take the answer with it.
 */
#include "daemon/metrics_http.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define CLIENTS_MAX 16
#define REQUEST_MAX 4096
#define SECONDS 5.0      /* for all of it */
#define DROP_MAX 1048576 /* bytes behind the request */

struct http_client {
	struct metrics_http *h;
	struct ev_io io;
	struct ev_timer deadline;
	int fd;
	char request[REQUEST_MAX];
	size_t got;
	char *answer;
	size_t length, sent;
	size_t dropped;
	struct http_client *prev, *next;
};

struct metrics_http {
	struct ev_loop *loop;
	struct ev_io io;
	struct sockaddr_in at;
	char *(*text)(void *arg);
	void *arg;
	struct http_client *clients;
	unsigned int count;
};

static void client_free(struct http_client *c)
{
	ev_io_stop(c->h->loop, &c->io);
	ev_timer_stop(c->h->loop, &c->deadline);
	DL_DELETE(c->h->clients, c);
	/* There is room for another one again. */
	if (c->h->count-- == CLIENTS_MAX)
		ev_io_start(c->h->loop, &c->h->io);
	fd_close(c->fd);
	free(c->answer);
	free(c);
}

/* ------------------------------------------------------------------ the request */

static bool is_metrics(const char *path, size_t len)
{
	static const char want[] = "/metrics";
	size_t n = sizeof(want) - 1;

	return len >= n && !memcmp(path, want, n) && (len == n || path[n] == '?');
}

/* The status for the first line: METHOD SP PATH SP HTTP/1.x; none of the headers matters. */
static int judge_line(const char *line, size_t len)
{
	const char *end = line + len, *path, *version;

	path = memchr(line, ' ', len);
	version = path ? memchr(path + 1, ' ', (size_t)(end - path - 1)) : NULL;
	if (!version || version == path + 1 || end - version < 9 ||
	    memcmp(version, " HTTP/1.", 8) != 0)
		return 400;
	if (path - line != 3 || memcmp(line, "GET", 3) != 0)
		return 405;
	return is_metrics(path + 1, (size_t)(version - path - 1)) ? 200 : 404;
}

int metrics_http_judge(const char *request, size_t len)
{
	const char *end = memmem(request, len, "\r\n\r\n", 4);

	if (!end)
		return len >= REQUEST_MAX ? 431 : 0;
	end = memchr(request, '\r', len);
	return judge_line(request, (size_t)(end - request));
}

/* ------------------------------------------------------------------ the answer */

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Internal Server Error";
	}
}

static int make_answer(struct http_client *c, int status)
{
	static const char metrics[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	_cleanup_free_ char *body = NULL;
	const char *text;
	int n;

	if (status == 200) {
		body = c->h->text(c->h->arg);
		status = body ? 200 : 500;
	}
	text = body ? body : "Only GET /metrics is answered here.\n";
	n = asprintf(&c->answer,
		     "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
		     "Connection: close\r\n\r\n%s",
		     status, reason_of(status), body ? metrics : "text/plain; charset=utf-8",
		     strlen(text), status == 405 ? "Allow: GET\r\n" : "", text);
	if (n < 0) {
		c->answer = NULL;
		return -ENOMEM;
	}
	c->length = (size_t)n;
	return 0;
}

static void wait_for(struct http_client *c, int events)
{
	ev_io_stop(c->h->loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(c->h->loop, &c->io);
}

/* 0, or negative: it is over. */
static int send_answer(struct http_client *c)
{
	ssize_t n = send(c->fd, c->answer + c->sent, c->length - c->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->sent += (size_t)n;
	if (c->sent < c->length)
		return 0;
	wait_for(c, EV_READ);
	return shutdown(c->fd, SHUT_WR) < 0 ? -errno : 0;
}

static int drop_rest(struct http_client *c)
{
	char buf[4096];
	ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->dropped += (size_t)n;
	return n == 0 || c->dropped > DROP_MAX ? -EPIPE : 0;
}

static int read_request(struct http_client *c)
{
	ssize_t n = recv(c->fd, c->request + c->got, sizeof(c->request) - c->got, 0);
	int status;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	c->got += (size_t)n;
	status = metrics_http_judge(c->request, c->got);
	if (!status)
		return 0;
	if (make_answer(c, status) < 0)
		return -ENOMEM;
	wait_for(c, EV_WRITE);
	return 0;
}

/* ------------------------------------------------------------------ in the loop */

static void client_on_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct http_client *c = io->data;
	int r;

	(void)loop;
	(void)revents;
	if (!c->answer)
		r = read_request(c);
	else if (c->sent < c->length)
		r = send_answer(c);
	else
		r = drop_rest(c);
	if (r < 0)
		client_free(c);
}

static void client_on_deadline(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	client_free(t->data);
}

static void on_connection(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct metrics_http *h = io->data;
	struct http_client *c;
	int fd;

	(void)revents;
	fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		fd_close(fd);
		return;
	}
	c->h = h;
	c->fd = fd;
	ev_io_init(&c->io, client_on_io, fd, EV_READ);
	c->io.data = c;
	ev_timer_init(&c->deadline, client_on_deadline, SECONDS, 0.0);
	c->deadline.data = c;
	ev_io_start(loop, &c->io);
	ev_timer_start(loop, &c->deadline);
	DL_APPEND(h->clients, c);
	/* Others wait in the kernel; the deadline makes room. */
	if (++h->count == CLIENTS_MAX)
		ev_io_stop(loop, io);
}

static int open_socket(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	_cleanup_fd_ int fd = -1;
	int on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)at, len) < 0 || listen(fd, CLIENTS_MAX) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, &len) < 0)
		return -errno;
	return steal_fd(&fd);
}

int metrics_http_new(struct metrics_http **ret, struct ev_loop *loop, const struct sockaddr_in *at,
		     char *(*text)(void *arg), void *arg, struct err *e)
{
	struct metrics_http *h = calloc(1, sizeof(*h));
	int fd;

	if (!h)
		return err_sys(e, -ENOMEM, "Cannot listen for metrics");
	h->at = *at;
	fd = open_socket(&h->at);
	if (fd < 0) {
		free(h);
		return err_sys(e, fd, "Cannot listen for metrics (see [metrics] listen)");
	}
	h->loop = loop;
	h->text = text;
	h->arg = arg;
	ev_io_init(&h->io, on_connection, fd, EV_READ);
	h->io.data = h;
	ev_io_start(loop, &h->io);
	*ret = h;
	return 0;
}

struct metrics_http *metrics_http_free(struct metrics_http *h)
{
	if (!h)
		return NULL;
	while (h->clients)
		client_free(h->clients);
	ev_io_stop(h->loop, &h->io);
	fd_close(h->io.fd);
	free(h);
	return NULL;
}

const struct sockaddr_in *metrics_http_address(const struct metrics_http *h)
{
	return &h->at;
}
