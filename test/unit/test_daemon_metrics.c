/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenMetrics text, and its HTTP server against clients that behave and such that do not. */
#include "common/cleanup.h"
#include "common/fd.h"
#include "daemon/metrics_http.h"
#include "daemon/metrics_write.h"
#include "test/unit/harness.h"
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const double bounds[HISTOGRAM_BUCKETS - 1] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
						     1,    2.5,   5,    10,  30};

static void test_text(void **state)
{
	struct histogram h = {.bounds = bounds};
	struct metrics_write w = {0};
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)state;
	w.f = open_memstream(&text, &len);
	assert_non_null(w.f);
	metrics_family(&w, "a_bytes", "gauge", "bytes", "Line one\nand \\ two.");
	metrics_sample(&w, 12345678901.0, "");
	metrics_sample(&w, 0.5, "", "name", "a\"b\\c\nd", "other", "");
	histogram_add(&h, 0.01);
	histogram_add(&h, 0.3);
	histogram_add(&h, 1000);
	metrics_family(&w, "t_seconds", "histogram", "seconds", "T.");
	metrics_histogram(&w, &h);
	metrics_end(&w);
	fclose(w.f);
	assert_string_equal(text, "# TYPE a_bytes gauge\n"
				  "# UNIT a_bytes bytes\n"
				  "# HELP a_bytes Line one\\nand \\\\ two.\n"
				  "a_bytes 12345678901\n"
				  "a_bytes{name=\"a\\\"b\\\\c\\nd\",other=\"\"} 0.5\n"
				  "# TYPE t_seconds histogram\n"
				  "# UNIT t_seconds seconds\n"
				  "# HELP t_seconds T.\n"
				  "t_seconds_bucket{le=\"0.01\"} 1\n"
				  "t_seconds_bucket{le=\"0.025\"} 1\n"
				  "t_seconds_bucket{le=\"0.05\"} 1\n"
				  "t_seconds_bucket{le=\"0.1\"} 1\n"
				  "t_seconds_bucket{le=\"0.25\"} 1\n"
				  "t_seconds_bucket{le=\"0.5\"} 2\n"
				  "t_seconds_bucket{le=\"1.0\"} 2\n"
				  "t_seconds_bucket{le=\"2.5\"} 2\n"
				  "t_seconds_bucket{le=\"5.0\"} 2\n"
				  "t_seconds_bucket{le=\"10.0\"} 2\n"
				  "t_seconds_bucket{le=\"30.0\"} 2\n"
				  "t_seconds_bucket{le=\"+Inf\"} 3\n"
				  "t_seconds_count 3\n"
				  "t_seconds_sum 1000.31\n"
				  "# EOF\n");
}

/* ------------------------------------------------------------------ HTTP */

#define BODY_SIZE (4u << 20)

struct server {
	pid_t pid;
	struct sockaddr_in at;
};

/* More than a socket's buffer takes at once. */
static char *make_body(void *arg)
{
	char *text = malloc(BODY_SIZE + 1);

	(void)arg;
	if (!text)
		return NULL;
	memset(text, 'x', BODY_SIZE);
	text[BODY_SIZE] = '\0';
	return text;
}

static int start_server(void **state)
{
	static struct server s;
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct metrics_http *h;
	struct err e;

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (metrics_http_new(&h, loop, &any, make_body, NULL, &e) < 0)
		return -1;
	s.at = *metrics_http_address(h);
	s.pid = fork();
	if (s.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ev_loop_fork(loop);
		ev_run(loop, 0);
		_exit(1);
	}
	metrics_http_free(h);
	ev_loop_destroy(loop);
	*state = &s;
	return s.pid > 0 ? 0 : -1;
}

static int stop_server(void **state)
{
	struct server *s = *state;
	int status;

	kill(s->pid, SIGKILL);
	/* It must not have ended by itself. */
	return waitpid(s->pid, &status, 0) == s->pid && WIFSIGNALED(status) ? 0 : -1;
}

static int dial(const struct server *s)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&s->at, sizeof(s->at)), 0);
	return fd;
}

static void send_text(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		text += n;
		len -= (size_t)n;
	}
}

/* All that comes until the end; its status. */
static int read_answer(int fd, char **ret, size_t *ret_len)
{
	size_t room = 2 * BODY_SIZE, got = 0;
	char *text = malloc(room + 1);
	int status = 0;
	ssize_t n;

	assert_non_null(text);
	while ((n = recv(fd, text + got, room - got, 0)) > 0)
		got += (size_t)n;
	assert_int_equal(n, 0);
	text[got] = '\0';
	assert_int_equal(sscanf(text, "HTTP/1.1 %d ", &status), 1);
	*ret = text;
	*ret_len = got;
	fd_close(fd);
	return status;
}

static int ask(const struct server *s, const char *request)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int fd = dial(s);

	send_text(fd, request, strlen(request));
	return read_answer(fd, &text, &len);
}

static void test_answer(void **state)
{
	static const char request[] = "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
	_cleanup_free_ char *text = NULL;
	const char *body;
	size_t len;
	int fd = dial(*state);

	/* Letter by letter. */
	for (const char *p = request; *p; p++)
		send_text(fd, p, 1);
	assert_int_equal(read_answer(fd, &text, &len), 200);
	assert_non_null(strstr(text, "Content-Type: application/openmetrics-text; version=1.0.0"));
	assert_non_null(strstr(text, "Content-Length: 4194304\r\n"));
	body = strstr(text, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(text + len - body - 4, BODY_SIZE);
}

static void test_refused(void **state)
{
	assert_int_equal(ask(*state, "GET /metrics HTTP/1.0\r\n\r\n"), 200);
	assert_int_equal(ask(*state, "GET / HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(ask(*state, "GET /metricsx HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(ask(*state, "GET /metrics/../etc HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(ask(*state, "POST /metrics HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(ask(*state, "GETGET /metrics HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(ask(*state, "\r\n\r\n"), 400);
	assert_int_equal(ask(*state, "GET\r\n\r\n"), 400);
	assert_int_equal(ask(*state, "GET /metrics\r\n\r\n"), 400);
	assert_int_equal(ask(*state, "GET  HTTP/1.1\r\n\r\n"), 400);
	assert_int_equal(ask(*state, "GET /metrics SPDY\r\n\r\n"), 400);
	assert_int_equal(ask(*state, "GET /metrics HTTP/1.\r\n\r\n"), 400);
}

static void test_too_long(void **state)
{
	_cleanup_free_ char *big = calloc(1, 100000), *text = NULL;
	size_t len;
	int fd = dial(*state);

	assert_non_null(big);
	memset(big, 'h', 100000);
	/* The answer arrives although more was sent than was read for it. */
	send_text(fd, big, 100000);
	assert_int_equal(read_answer(fd, &text, &len), 431);
}

/* Those that say nothing take all places for a while, not for ever. */
static void test_slow(void **state)
{
	int fds[40];

	for (size_t i = 0; i < 40; i++) {
		fds[i] = dial(*state);
		send_text(fds[i], "GET /met", 8);
	}
	assert_int_equal(ask(*state, "GET /metrics HTTP/1.1\r\n\r\n"), 200);
	for (size_t i = 0; i < 40; i++)
		fd_close(fds[i]);
	assert_int_equal(ask(*state, "GET /metrics HTTP/1.1\r\n\r\n"), 200);
}

/* Goes away in the middle of the answer. */
static void test_gone(void **state)
{
	struct linger hard = {.l_onoff = 1};
	char buf[1000];

	for (int i = 0; i < 30; i++) {
		int fd = dial(*state);

		send_text(fd, "GET /metrics HTTP/1.1\r\n\r\n", 25);
		assert_true(recv(fd, buf, sizeof(buf), 0) > 0);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		fd_close(fd);
	}
	assert_int_equal(ask(*state, "GET /metrics HTTP/1.1\r\n\r\n"), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test_setup_teardown(test_answer, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_refused, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_too_long, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_slow, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_gone, start_server, stop_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
