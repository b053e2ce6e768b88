/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps a job from moving, found on live processes: a child in a cgroup of its own makes one
 * thing after the other. The child is its own job: its mounts and namespaces are the job's.
 */
#include "test/unit/harness.h"

#include <arpa/inet.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "ckpt/movable.h"
#include "common/cgroup.h"

static char base[3000], group[3100]; /* each child has a group of its own, killed as a whole */
static int other[2];                 /* a unix pair of the test, outside of the job */
static int pipes[2];                 /* a pipe of the test */

struct child {
	pid_t pid;
	bool made; /* what it was to make */
};

/* Starts a process in the cgroup that does @fn (0 = it worked) and waits to be killed. */
static struct child start(int (*fn)(void))
{
	struct child c = {0};
	static int number;
	int ready[2];
	char b = 1;

	snprintf(group, sizeof(group), "%s/%d", base, number++);
	assert_int_equal(cgroup_create(group), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		b = cgroup_enter(group, 0) < 0 || fn() != 0;
		if (write(ready[1], &b, 1) != 1)
			_exit(1);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &b, 1), 1);
	close(ready[0]);
	c.made = b == 0;
	return c;
}

static void stop(struct child *c)
{
	assert_int_equal(cgroup_kill(group, 5000), 0);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
	assert_int_equal(cgroup_remove(group), 0);
}

/* Looks at a child that has done @fn; the sentences joined by newlines, in a static buffer. */
static const char *look_at(int (*fn)(void))
{
	static char text[8192];
	struct movable m = {0};
	struct child c = start(fn);
	struct stat st;
	size_t n = 0;

	*text = '\0';
	if (!c.made) {
		stop(&c);
		return NULL;
	}
	assert_int_equal(fstat(pipes[0], &st), 0);
	assert_int_equal(movable_check(&m, c.pid, group, &st.st_ino, 1), 0);
	for (size_t i = 0; i < m.count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", m.reasons[i]);
	movable_done(&m);
	stop(&c);
	return text;
}

/* The look must say @want (and nothing, if that is empty). */
static void expect(int (*fn)(void), const char *want)
{
	const char *text = look_at(fn);

	if (!text)
		skip();
	if (!*want)
		assert_string_equal(text, "");
	else if (!strstr(text, want))
		fail_msg("\"%s\" is not in \"%s\"", want, text);
}

/* Nothing of the test's may be open in a job. */
static void close_all(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	close(null);
}

static void close_others(void)
{
	close_all();
	close(other[0]);
	close(other[1]);
	close(pipes[0]);
	close(pipes[1]);
}

/* ------------------------------------------------------------------ what moves */

static int make_nothing(void)
{
	close_others();
	return 0;
}

static int make_harmless(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	int p[2], s[2], dead[2], fd;

	close_others();
	if (pipe(p) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0 || pipe(dead) < 0)
		return -1;
	close(dead[0]); /* a pipe that nobody reads any more */
	if (timerfd_create(CLOCK_MONOTONIC, 0) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	fd = memfd_create("x", 0);
	if (fd < 0 || open("/dev/urandom", O_RDONLY) < 0)
		return -1;
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int make_own_listener(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	close_others();
	/* An abstract address that the kernel picks; the client is not accepted yet. */
	if (bind(l, (struct sockaddr *)&a, sizeof(sa_family_t)) < 0 || listen(l, 4) < 0)
		return -1;
	socklen_t len = sizeof(a);
	if (getsockname(l, (struct sockaddr *)&a, &len) < 0)
		return -1;
	return connect(c, (struct sockaddr *)&a, len);
}

static int make_stdio(void)
{
	close_all();
	close(other[0]);
	close(other[1]);
	close(pipes[0]);
	return dup2(pipes[1], 1) < 0;
}

static void test_movable(void **state)
{
	(void)state;
	expect(make_nothing, "");
	expect(make_harmless, "");
	expect(make_own_listener, "");
	expect(make_stdio, "");
}

/* ------------------------------------------------------------------ what does not */

static int make_tcp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	close_others();
	if (bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l, 4) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) < 0)
		return -1;
	if (connect(c, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	return accept(l, NULL, NULL) < 0;
}

static int make_tcp_queue(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	close_others();
	if (bind(l, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(l, 4) < 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) < 0)
		return -1;
	if (connect(c, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -1;
	close(c);
	return 0;
}

static int make_unix(void)
{
	close_all();
	close(other[0]);
	close(pipes[0]);
	close(pipes[1]);
	return 0;
}

static int make_pipe(void)
{
	/* One that is not the job's standard output. */
	close_all();
	close(other[0]);
	close(other[1]);
	close(pipes[0]);
	close(pipes[1]);
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		/* Outside of the job: leaves its cgroup again. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[1]);
		for (;;)
			pause();
	}
	close(fds[0]);
	return cgroup_enter(base, pid);
}

static int make_device(void)
{
	close_others();
	return open("/dev/kmsg", O_RDONLY) < 0;
}

static int make_userfaultfd(void)
{
	close_others();
	return syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY) < 0;
}

static int make_io_uring(void)
{
	char params[120] = {0};

	close_others();
	return syscall(SYS_io_uring_setup, 4, params) < 0;
}

static int make_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);

	close_others();
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return -1;
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED;
}

static int make_packet(void)
{
	close_others();
	return socket(AF_PACKET, SOCK_RAW, 0) < 0;
}

static int make_vsock(void)
{
	close_others();
	return socket(AF_VSOCK, SOCK_STREAM, 0) < 0;
}

static int make_traced(void)
{
	pid_t pid = fork();

	close_others();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		for (;;)
			pause();
	}
	return waitpid(pid, NULL, WUNTRACED) != pid;
}

static int make_namespace(void)
{
	int p[2];
	char b;

	close_others();
	if (pipe(p) < 0)
		return -1;
	if (fork() == 0) {
		if (unshare(CLONE_NEWUTS) < 0 || write(p[1], "x", 1) != 1)
			_exit(1);
		close(p[0]);
		close(p[1]);
		for (;;)
			pause();
	}
	close(p[1]);
	b = read(p[0], &b, 1) == 1;
	close(p[0]);
	return !b;
}

static int make_large_deleted(void)
{
	char path[] = "/tmp/mosix-large.XXXXXX";
	int fd = mkstemp(path);

	close_others();
	if (fd < 0)
		return -1;
	unlink(path);
	return ftruncate(fd, (off_t)2 << 30);
}

static void test_sockets(void **state)
{
	(void)state;
	expect(make_tcp, "has a TCP connection to 127.0.0.1:");
	expect(make_tcp_queue, "1 connections that wait to be accepted");
	expect(make_unix, "connected to a process outside of the job");
}

static void test_packet(void **state)
{
	(void)state;
	expect(make_packet, "has a packet socket");
}

static void test_vsock(void **state)
{
	(void)state;
	expect(make_vsock, "has a vsock socket");
}

static void test_pipe(void **state)
{
	(void)state;
	expect(make_pipe, "has a pipe to a process outside of the job");
}

static void test_device(void **state)
{
	(void)state;
	expect(make_device, "uses the device /dev/kmsg");
}

static void test_userfaultfd(void **state)
{
	(void)state;
	expect(make_userfaultfd, "userfaultfd");
}

static void test_io_uring(void **state)
{
	(void)state;
	expect(make_io_uring, "io_uring");
}

static void test_secret(void **state)
{
	(void)state;
	expect(make_secret, "secret memory");
}

static void test_traced(void **state)
{
	(void)state;
	expect(make_traced, "is traced by process");
}

static void test_namespace(void **state)
{
	(void)state;
	expect(make_namespace, "host name namespace");
}

static void test_large_deleted(void **state)
{
	(void)state;
	expect(make_large_deleted, "larger than 1 GiB");
}

/* ------------------------------------------------------------------ foreign mounts */

static int fd_on_mount = -1;

static int make_foreign_mount(void)
{
	close(other[0]);
	close(other[1]);
	close(pipes[0]);
	close(pipes[1]);
	close_all();
	return openat(fd_on_mount, "x", O_RDWR | O_CREAT, 0600) < 0;
}

static void test_foreign_mount(void **state)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 1);

	(void)state;
	if (fs < 0)
		skip();
	assert_int_equal(syscall(SYS_fsconfig, fs, 6 /* create */, NULL, NULL, 0), 0);
	fd_on_mount = (int)syscall(SYS_fsmount, fs, 1, 0);
	close(fs);
	assert_true(fd_on_mount >= 0);
	expect(make_foreign_mount, "which is not on a mount of the job");
	close(fd_on_mount);
}

static void test_gone(void **state)
{
	struct movable m = {.count = 0};
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(movable_check(&m, pid, base, NULL, 0), -ESRCH);
	assert_int_equal(m.count, 0);
}

static int set_up(void **state)
{
	char self[2900];

	(void)state;
	if (cgroup_self(self, sizeof(self)) < 0)
		return -1;
	snprintf(base, sizeof(base), "%s/mosix-test.%d", self, (int)getpid());
	if (cgroup_create(base) < 0) {
		print_message("1..0 # SKIP no cgroup may be made here\n");
		exit(0);
	}
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other) < 0 ||
	       pipe2(pipes, O_CLOEXEC) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	cgroup_kill(base, 5000);
	return cgroup_remove(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_movable),       cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_packet),        cmocka_unit_test(test_vsock),
		cmocka_unit_test(test_pipe),          cmocka_unit_test(test_device),
		cmocka_unit_test(test_userfaultfd),   cmocka_unit_test(test_io_uring),
		cmocka_unit_test(test_secret),        cmocka_unit_test(test_traced),
		cmocka_unit_test(test_namespace),     cmocka_unit_test(test_large_deleted),
		cmocka_unit_test(test_foreign_mount), cmocka_unit_test(test_gone),
	};

	/* What was open already is not the job's. */
	close_range(3, ~0u, 0);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
