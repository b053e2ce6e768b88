/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that are shared with others are read and written without blocking, unchanged. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <termios.h>

#include "cli/ufd.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "test/unit/harness.h"

static const char pattern[256 << 10];

/* A call that blocks ends the test. */
static void start_watchdog(void)
{
	alarm(20);
}

static short ready(const struct ufd *u)
{
	struct pollfd p = {.fd = u->io, .events = u->write ? POLLOUT : POLLIN};

	assert_true(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* Writes as the deputy does until nothing fits; how much did. */
static size_t fill(struct ufd *u)
{
	size_t total = 0;
	ssize_t n;

	while (ready(u)) {
		n = ufd_write(u, pattern, sizeof(pattern));
		if (n == -EAGAIN)
			continue;
		assert_true(n > 0);
		total += (size_t)n;
		assert_true(total < 64u << 20);
	}
	return total;
}

static size_t empty(struct ufd *u)
{
	static char buf[64 << 10];
	size_t total = 0;
	ssize_t n;

	while (ready(u)) {
		n = ufd_read(u, buf, sizeof(buf));
		if (n == -EAGAIN)
			continue;
		assert_true(n > 0);
		total += (size_t)n;
	}
	return total;
}

static void check_both_ways(int in, int out, enum ufd_way way)
{
	int in_flags = fcntl(in, F_GETFL), out_flags = fcntl(out, F_GETFL);
	struct ufd r, w;
	size_t n;

	start_watchdog();
	ufd_init(&r, in, false);
	ufd_init(&w, out, true);
	for (int i = 0; i < 3; i++) {
		n = fill(&w);
		assert_true(n >= 512);
		assert_int_equal(empty(&r), n);
	}
	assert_int_equal(w.way, way);
	assert_false(fcntl(in, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(in, F_GETFL), in_flags);
	assert_int_equal(fcntl(out, F_GETFL), out_flags);
	ufd_close(&r);
	ufd_close(&w);
	close(in);
	close(out);
}

static void test_pipe(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	check_both_ways(p[0], p[1], UFD_NOWAIT);
}

static void test_socket(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	check_both_ways(p[0], p[1], UFD_NOWAIT);
}

static void test_fifo(void **state)
{
	char *dir = test_mkdir();
	char path[64];
	int both, in, out;

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	both = open(path, O_RDWR);
	in = open(path, O_RDONLY);
	out = open(path, O_WRONLY);
	close(both);
	check_both_ways(in, out, UFD_OWN);
	test_rmdir(dir);
}

static void test_terminal_output(void **state)
{
	int master, slave, flags;
	char buf[4096];
	struct ufd w;
	size_t n;

	(void)state;
	start_watchdog();
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	flags = fcntl(slave, F_GETFL);
	ufd_init(&w, slave, true);
	assert_int_equal(w.way, UFD_OWN);
	n = fill(&w);
	assert_true(n > 0);
	/* It goes on when somebody reads. */
	while (!ready(&w))
		assert_true(read(master, buf, sizeof(buf)) > 0);
	assert_true(fill(&w) > 0);
	assert_int_equal(fcntl(slave, F_GETFL), flags);
	ufd_close(&w);
	close(slave);
	close(master);
}

static void test_small(void **state)
{
	struct ufd w;
	int p[2];

	(void)state;
	start_watchdog();
	assert_int_equal(pipe(p), 0);
	/* As where neither works: another user's FIFO. */
	w = (struct ufd){.fd = p[1], .io = p[1], .way = UFD_SMALL, .write = true};
	assert_true(fill(&w) >= 512);
	close(p[0]);
	close(p[1]);
}

static void test_errors(void **state)
{
	struct ufd u;
	int p[2];

	(void)state;
	start_watchdog();
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0);
	ufd_init(&u, p[1], true);
	close(p[0]);
	assert_int_equal(ufd_write(&u, "x", 1), -EPIPE);
	close(p[1]);

	assert_int_equal(pipe(p), 0);
	ufd_init(&u, p[0], false);
	assert_int_equal(ufd_read(&u, &(char){0}, 1), -EAGAIN);
	close(p[1]);
	assert_int_equal(ufd_read(&u, &(char){0}, 1), 0);
	close(p[0]);
	ufd_init(&u, p[0], false);
	assert_int_equal(u.fd, -1);
}

static void test_close_keeps_number(void **state)
{
	struct ufd u;
	int p[2], number;

	(void)state;
	assert_int_equal(pipe(p), 0);
	number = p[1];
	ufd_init(&u, number, true);
	ufd_close(&u);
	assert_int_equal(u.fd, -1);
	/* The reader sees the end, and nobody gets the number. */
	assert_int_equal(read(p[0], &(char){0}, 1), 0);
	assert_true(fcntl(number, F_GETFD) >= 0);
	close(number);
	close(p[0]);
}

static void test_give_back(void **state)
{
	int fd = memfd_from("test", "0123456789abcdef", 16), other;
	char buf[16];
	struct ufd u;

	(void)state;
	assert_true(fd >= 0);
	lseek(fd, 2, SEEK_SET);
	ufd_init(&u, fd, false);
	assert_int_equal(u.way, UFD_PLAIN);
	assert_int_equal(ufd_read(&u, buf, 8), 8);
	ufd_give_back(&u, 8, 3);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
	/* Somebody else read on: his position counts. */
	ufd_init(&u, fd, false);
	assert_int_equal(ufd_read(&u, buf, 4), 4);
	other = dup(fd);
	assert_int_equal(read(other, buf, 1), 1);
	ufd_give_back(&u, 4, 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 10);
	close(other);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_terminal_output),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_close_keeps_number),
		cmocka_unit_test(test_give_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
