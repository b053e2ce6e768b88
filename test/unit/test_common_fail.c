/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fail points do what the test's file says, once. Needs to write in /run.
 */
#undef MOSIX_FAILPOINTS
#define MOSIX_FAILPOINTS
#include "test/unit/harness.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/fail.h"

/* Not a name of a real one, so that the host's own tests are not disturbed. */
#define POINT "test/fail-point"
#define FILE_NAME FAIL_DIR "/test.fail-point"

static void test_nothing_asked(void **state)
{
	(void)state;
	assert_int_equal(FAIL_POINT(POINT), 0);
	test_write(FILE_NAME, "");
	assert_int_equal(FAIL_POINT(POINT), 0);
	test_write(FILE_NAME, "nonsense\n");
	assert_int_equal(FAIL_POINT(POINT), 0);
}

static void test_error(void **state)
{
	(void)state;
	test_write(FILE_NAME, "error\n");
	assert_int_equal(FAIL_POINT(POINT), -EIO);
	assert_int_equal(FAIL_POINT(POINT), -EIO);
	assert_int_equal(FAIL_POINT("test/fail-point2"), 0);
	unlink(FILE_NAME);
	assert_int_equal(FAIL_POINT(POINT), 0);
}

static pid_t spawn_at_point(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(FAIL_POINT(POINT) == 0 ? 3 : 4);
	return pid;
}

static void test_kill(void **state)
{
	int status;

	(void)state;
	test_write(FILE_NAME, "kill and a comment\n");
	waitpid(spawn_at_point(), &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(access(FILE_NAME, F_OK), -1);
	waitpid(spawn_at_point(), &status, 0);
	assert_int_equal(WEXITSTATUS(status), 3);
}

static void test_stop(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	test_write(FILE_NAME, "stop");
	pid = spawn_at_point();
	waitpid(pid, &status, WUNTRACED);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(access(FILE_NAME, F_OK), -1);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 3);
}

static void test_pause(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	test_write(FILE_NAME, "pause");
	pid = spawn_at_point();
	poll(NULL, 0, 50);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	unlink(FILE_NAME);
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 3);
}

static int clean(void **state)
{
	(void)state;
	unlink(FILE_NAME);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_nothing_asked, clean),
		cmocka_unit_test_teardown(test_error, clean),
		cmocka_unit_test_teardown(test_kill, clean),
		cmocka_unit_test_teardown(test_stop, clean),
		cmocka_unit_test_teardown(test_pause, clean),
	};

	if (mkdir(FAIL_DIR, 0700) < 0 && errno != EEXIST) {
		printf("TAP version 13\n1..0 # SKIP cannot make " FAIL_DIR "\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
