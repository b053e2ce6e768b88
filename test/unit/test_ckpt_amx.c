/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which register sets a thread uses. AVX stands for AMX here, which few machines have; it is found
 * in the same way.
 */
#include "test/unit/harness.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ckpt/amx.h"
#include "ckpt/cpu.h"
#include "common/cgroup.h"
#include "common/proc.h"

#define AVX (1ull << 2)

/* A process that leaves the upper halves of the vector registers in use, or not. */
static pid_t start(bool use)
{
	int p[2];
	pid_t pid;
	char b;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static const uint64_t ones[4] = {~0ull, ~0ull, ~0ull, ~0ull};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(p[1], "x", 1) != 1)
			_exit(1);
		/* From here on no library may touch the registers. */
		if (use)
			__asm__ volatile("vmovdqu %0, %%ymm5" ::"m"(ones));
		else
			__asm__ volatile("vzeroall");
		for (;;)
			__asm__ volatile("syscall" ::"a"(34 /* pause */) : "rcx", "r11", "memory");
	}
	close(p[1]);
	assert_int_equal(read(p[0], &b, 1), 1);
	close(p[0]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It may not have come to its instruction yet. */
static int uses_soon(pid_t pid, uint64_t bits, int want)
{
	int r = -1;

	for (int i = 0; i < 500 && r != want; i++) {
		r = amx_thread_uses(pid, bits);
		usleep(1000);
	}
	return r;
}

static void test_used(void **state)
{
	pid_t pid;

	(void)state;
	if (!(cpu_xcr0() & AVX))
		skip();
	pid = start(true);
	assert_int_equal(uses_soon(pid, AVX, 1), 1);
	assert_int_equal(amx_thread_uses(pid, AVX | 1ull << 17), 1);
	assert_int_equal(amx_thread_uses(pid, 1ull << 17 | 1ull << 18), 0);
	stop(pid);
}

static void test_not_used(void **state)
{
	pid_t pid;

	(void)state;
	if (!(cpu_xcr0() & AVX))
		skip();
	pid = start(false);
	assert_int_equal(uses_soon(pid, AVX, 0), 0);
	assert_int_equal(amx_thread_uses(pid, AVX), 0);
	stop(pid);
}

static void test_gone(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(amx_thread_uses(pid, AVX), -ESRCH);
}

/* As in a move: the cgroup is frozen, and stays so. */
static void test_frozen(void **state)
{
	char group[3100], self[3000];
	pid_t pid;

	(void)state;
	if (!(cpu_xcr0() & AVX) || cgroup_self(self, sizeof(self)) < 0)
		skip();
	snprintf(group, sizeof(group), "%s/mosix-amx.%d", self, (int)getpid());
	if (cgroup_create(group) < 0)
		skip();
	pid = start(true);
	assert_int_equal(uses_soon(pid, AVX, 1), 1);
	assert_int_equal(cgroup_enter(group, pid), 0);
	assert_int_equal(cgroup_freeze(group, 5000), 0);
	assert_int_equal(amx_thread_uses(pid, AVX), 1);
	assert_int_equal(cgroup_freeze(group, 5000), 0);
	assert_int_equal(amx_check(group, NULL), 0);
	stop(pid);
	assert_int_equal(cgroup_remove(group), 0);
}

/* criu takes a stopped process that is just about to stop again for one that it need not wait for
 * twice, and waits for ever. */
static void test_stopped(void **state)
{
	struct proc_stat st;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	for (int i = 0; i < 1000; i++) {
		assert_true(amx_thread_uses(pid, AVX) >= 0);
		assert_int_equal(proc_stat(pid, &st), 0);
		assert_int_equal(st.state, 'T');
	}
	stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stopped),  cmocka_unit_test(test_used),
		cmocka_unit_test(test_not_used), cmocka_unit_test(test_gone),
		cmocka_unit_test(test_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
