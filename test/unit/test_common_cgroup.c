/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups, on a real cgroup v2; skipped where none may be made.
 */
#include "test/unit/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "common/cgroup.h"

static char group[4096];
static volatile unsigned int *ticks; /* shared: those who run count it up */

static pid_t spawn_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;) {
			++*ticks;
			usleep(1000);
		}
	}
	return pid;
}

static void check_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_enter_and_kill(void **state)
{
	pid_t pid = spawn_sleeper(), other = spawn_sleeper(), pids[4];
	uint64_t usec = UINT64_MAX;

	(void)state;
	assert_int_equal(cgroup_pids(group, pids, 4), 0);
	assert_int_equal(cgroup_enter(group, pid), 0);
	assert_int_equal(cgroup_enter(group, other), 0);
	assert_int_equal(cgroup_pids(group, pids, 4), 2);
	assert_true((pids[0] == pid && pids[1] == other) || (pids[1] == pid && pids[0] == other));
	pids[0] = pids[1] = -1;
	assert_int_equal(cgroup_pids(group, pids, 1), 2);
	assert_true(pids[0] > 0 && pids[1] == -1);
	assert_int_equal(cgroup_cpu_usec(group, &usec), 0);
	assert_true(usec < UINT64_MAX);
	assert_int_equal(cgroup_remove(group), -EBUSY);
	assert_int_equal(cgroup_kill(group, 5000), 0);
	check_killed(pid);
	check_killed(other);
	assert_int_equal(cgroup_kill(group, 0), 0);
}

static void test_freeze(void **state)
{
	pid_t pid = spawn_sleeper();
	unsigned int before;

	(void)state;
	assert_int_equal(cgroup_enter(group, pid), 0);
	assert_false(cgroup_frozen(group));
	assert_int_equal(cgroup_freeze(group, 5000), 0);
	assert_true(cgroup_frozen(group));
	before = *ticks;
	usleep(20000);
	assert_int_equal(*ticks, before);
	assert_int_equal(cgroup_freeze(group, 0), 0);
	/* It is killed without being thawed. */
	assert_int_equal(cgroup_kill(group, 5000), 0);
	check_killed(pid);
}

static void test_fork(void **state)
{
	char self[4096];
	int pidfd = -1, status;
	pid_t pid;

	(void)state;
	pid = cgroup_fork(group, 0, &pidfd);
	assert_true(pid >= 0);
	if (!pid)
		_exit(cgroup_self(self, sizeof(self)) < 0 || strcmp(self, group) != 0);
	assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	close(pidfd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(cgroup_fork("/no/group", 0, &pidfd), -ENOENT);
}

static void test_thaw(void **state)
{
	pid_t pid = spawn_sleeper();
	unsigned int before;

	(void)state;
	assert_int_equal(cgroup_enter(group, pid), 0);
	assert_int_equal(cgroup_freeze(group, 5000), 0);
	before = *ticks;
	assert_int_equal(cgroup_thaw(group), 0);
	assert_false(cgroup_frozen(group));
	while (*ticks == before)
		usleep(1000);
	kill(pid, SIGKILL);
	check_killed(pid);
}

static void test_remove_tree(void **state)
{
	char sub[4200], deep[4300];

	(void)state;
	snprintf(sub, sizeof(sub), "%s/a", group);
	snprintf(deep, sizeof(deep), "%s/b", sub);
	assert_int_equal(cgroup_create(sub), 0);
	assert_int_equal(cgroup_create(sub), -EEXIST);
	assert_int_equal(cgroup_create(deep), 0);
	assert_int_equal(cgroup_remove(sub), 0);
	assert_int_equal(access(sub, F_OK), -1);
	assert_int_equal(cgroup_remove(sub), 0);
}

static void test_no_group(void **state)
{
	pid_t pids[1];
	uint64_t usec;

	(void)state;
	assert_int_equal(cgroup_enter("/no/group", 0), -ENOENT);
	assert_int_equal(cgroup_freeze("/no/group", 0), -ENOENT);
	assert_int_equal(cgroup_thaw("/no/group"), -ENOENT);
	assert_int_equal(cgroup_kill("/no/group", 0), -ENOENT);
	assert_int_equal(cgroup_pids("/no/group", pids, 1), -ENOENT);
	assert_int_equal(cgroup_cpu_usec("/no/group", &usec), -ENOENT);
	assert_false(cgroup_frozen("/no/group"));
	assert_int_equal(cgroup_create("/no/group"), -ENOENT);
	/* A directory, but not a group. */
	assert_int_equal(cgroup_freeze("/tmp", 0), -ENOENT);
	assert_false(cgroup_frozen("/tmp"));
}

static void test_self(void **state)
{
	char self[4096], small[4];
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(cgroup_self(small, sizeof(small)), -ENAMETOOLONG);
	pid = fork();
	if (pid == 0) {
		if (cgroup_enter(group, 0) < 0 || cgroup_self(self, sizeof(self)) < 0)
			_exit(1);
		_exit(strcmp(self, group) == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	char self[4000];

	(void)state;
	if (cgroup_self(self, sizeof(self)) < 0)
		return -1;
	snprintf(group, sizeof(group), "%s/mosix-test.%d", self, (int)getpid());
	return cgroup_create(group);
}

static int teardown(void **state)
{
	(void)state;
	return cgroup_remove(group);
}

/* cmocka has no words for "nothing can be tested here", TAP has. */
static bool usable(void)
{
	if (setup(NULL) < 0)
		return false;
	return teardown(NULL) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enter_and_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freeze, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thaw, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_self, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork, setup, teardown),
		cmocka_unit_test(test_no_group),
	};

	ticks = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ticks == MAP_FAILED)
		return 1;
	if (!usable()) {
		printf("TAP version 13\n1..0 # SKIP no cgroup v2 in which groups can be made\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
