/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc says, and log lines.
 */
#include "test/unit/harness.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/proc.h"

static pid_t spawn_named(const char *name)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	return pid;
}

static void test_stat(void **state)
{
	pid_t pid = spawn_named("a) Z 1 (b");
	struct proc_stat st, self;

	(void)state;
	assert_int_equal(proc_stat(getpid(), &self), 0);
	assert_int_equal(self.parent, getppid());
	assert_int_equal(proc_stat(pid, &st), 0);
	assert_int_equal(st.state, 'T');
	assert_int_equal(st.parent, getpid());
	assert_true(self.start > 0 && st.start >= self.start && st.start < self.start + 1000);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	assert_int_equal(proc_stat(pid, &st), 0);
	assert_int_equal(st.state, 'Z');
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_stat(pid, &st), -ESRCH);
}

static void test_status(void **state)
{
	pid_t pid = 0;
	uid_t uid = 12345;

	(void)state;
	assert_int_equal(proc_uid(getpid(), &uid), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(proc_ns_pid(getpid(), &pid), 0);
	assert_int_equal(pid, getpid());
	assert_int_equal(proc_uid(INT32_MAX, &uid), -ESRCH);
	assert_int_equal(proc_ns_pid(INT32_MAX, &pid), -ESRCH);
}

static void test_ns_pid(void **state)
{
	pid_t child, inner = 0;

	(void)state;
	child = fork();
	if (child == 0) {
		pid_t first;

		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		first = fork();
		if (first == 0) {
			raise(SIGSTOP); /* ignored for a namespace's first process */
			pause();
			_exit(0);
		}
		if (proc_ns_pid(first, &inner) < 0 || inner != 1)
			_exit(1);
		kill(first, SIGKILL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &inner, 0), child);
	assert_true(WIFEXITED(inner));
	if (WEXITSTATUS(inner) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(inner), 0);
}

/* ------------------------------------------------------------------ log */

/* What @write logs, from a child whose standard error is a pipe. */
static void catch_log(void (*write_log)(void), char *ret, size_t size)
{
	int p[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		write_log();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	fd_close(p[1]);
	n = read(p[0], ret, size - 1);
	assert_true(n >= 0);
	ret[n] = '\0';
	fd_close(p[0]);
}

static void write_lines(void)
{
	log_err("one %d", 1);
	log_warn("two\nlines\x1b[31m");
	log_info("three");
	log_debug("not seen");
	log_level = LOG_ERR;
	log_info("not seen either");
}

static void write_long(void)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_err("%s", text);
	log_err("next");
}

static void test_log(void **state)
{
	char out[8192];

	(void)state;
	catch_log(write_lines, out, sizeof(out));
	assert_string_equal(out, "<3>one 1\n<4>two?lines?[31m\n<6>three\n");
	catch_log(write_long, out, sizeof(out));
	assert_memory_equal(out, "<3>xxx", 6);
	assert_non_null(strstr(out, "x\n<3>next\n"));
	assert_true(strlen(out) < 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_ns_pid),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
