/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runnable tasks: of made-up processes, whose times are as the test says, and of real ones.
 */
#include "test/unit/harness.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "common/demand.h"
#include "common/fd.h"
#include "common/times.h"

#define SECOND 1000000000ll
#define MS 1000000ull

/* ------------------------------------------------------------------ made-up processes */

struct world {
	char *dir;
	struct times_source source;
	struct demand *demand;
	int64_t now;
};

static void world_new(struct world *w)
{
	*w = (struct world){.dir = test_mkdir(), .now = SECOND};
	times_open(&w->source, w->dir);
	assert_int_equal(w->source.fd, -1);
	w->demand = demand_new(&w->source, NULL, NULL);
	assert_non_null(w->demand);
}

static void world_free(struct world *w)
{
	demand_free(w->demand);
	times_close(&w->source);
	test_rmdir(w->dir);
}

/* Milliseconds since its start. */
static void set_task(struct world *w, int pid, int tid, uint64_t run, uint64_t wait)
{
	char path[256], text[64];

	snprintf(path, sizeof(path), "%s/proc/%d/task/%d", w->dir, pid, tid);
	assert_int_equal(mkdir_p(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/proc/%d/task/%d/schedstat", w->dir, pid, tid);
	snprintf(text, sizeof(text), "%llu %llu 7\n", (unsigned long long)(run * MS),
		 (unsigned long long)(wait * MS));
	test_write(path, text);
}

/* One second later, with processes 1 … @count. */
static uint32_t second(struct world *w, int count, uint32_t used, uint32_t pressure)
{
	w->now += SECOND;
	demand_begin(w->demand, w->now);
	for (int pid = 1; pid <= count; pid++)
		demand_see(w->demand, pid);
	return demand_end(w->demand, used, pressure);
}

static void test_run_and_wait(void **state)
{
	struct world w;

	(void)state;
	world_new(&w);
	set_task(&w, 1, 1, 5000, 7000);
	set_task(&w, 2, 2, 0, 0);
	assert_int_equal(second(&w, 2, 0, 0), 0);
	/* Half of a CPU, and it wanted a whole one; two threads of the other got a little. */
	set_task(&w, 1, 1, 5500, 7500);
	set_task(&w, 2, 2, 100, 900);
	set_task(&w, 2, 3, 100, 900);
	assert_int_equal(second(&w, 2, 700, 1000), 3000);
	/* Nothing. */
	assert_int_equal(second(&w, 2, 0, 0), 0);
	world_free(&w);
}

/* A process that came in between has run since then only. */
static void test_new_and_ended(void **state)
{
	struct world w;

	(void)state;
	world_new(&w);
	set_task(&w, 1, 1, 1000, 0);
	second(&w, 1, 0, 0);
	set_task(&w, 2, 2, 250, 250);
	assert_int_equal(second(&w, 2, 250, 250), 500);
	/* Half of what was used is by processes that have ended; they waited as long as they ran,
	 * like the one which was as young. */
	set_task(&w, 2, 2, 500, 1000);
	assert_int_equal(second(&w, 2, 500, 1000), 250 + 750 + 2 * 250);
	assert_int_equal(second(&w, 1, 300, 100), 600);
	/* Nothing is known of those: at least what they used, and that somebody waited. */
	for (int i = 0; i < 30; i++)
		second(&w, 1, 0, 0);
	assert_int_equal(second(&w, 1, 300, 600), 900);
	world_free(&w);
}

/* A number that is used again is another process. */
static void test_reused(void **state)
{
	struct world w;

	(void)state;
	world_new(&w);
	set_task(&w, 1, 1, 90000, 1000);
	second(&w, 1, 0, 0);
	set_task(&w, 1, 1, 90900, 1100);
	assert_int_equal(second(&w, 1, 900, 100), 1000);
	set_task(&w, 1, 1, 300, 200);
	assert_int_equal(second(&w, 1, 300, 200), 500);
	world_free(&w);
}

/* Idle processes are looked at rarely, but all of them when one must be busy. */
static void test_idle(void **state)
{
	unsigned int looked = 0;
	struct world w;

	(void)state;
	world_new(&w);
	for (int pid = 1; pid <= 100; pid++)
		set_task(&w, pid, pid, 10, 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(second(&w, 100, 0, 0), 0);
	for (int i = 0; i < 16; i++) {
		second(&w, 100, 0, 0);
		looked += demand_looked(w.demand);
	}
	assert_in_range(looked, 50, 400);
	set_task(&w, 77, 77, 1010, 0);
	assert_in_range(second(&w, 100, 1000, 0), 900, 1200);
	set_task(&w, 77, 77, 1510, 500);
	assert_in_range(second(&w, 100, 500, 500), 950, 1050);
	assert_in_range(demand_looked(w.demand), 1, 40);
	world_free(&w);
}

static bool is_even(void *arg, pid_t pid)
{
	(void)arg;
	return pid % 2 == 0;
}

static void test_not_ours(void **state)
{
	struct world w;

	(void)state;
	world_new(&w);
	demand_free(w.demand);
	w.demand = demand_new(&w.source, is_even, NULL);
	for (int pid = 1; pid <= 4; pid++)
		set_task(&w, pid, pid, 0, 0);
	second(&w, 4, 0, 0);
	for (int pid = 1; pid <= 4; pid++)
		set_task(&w, pid, pid, 1000, 0);
	assert_int_equal(second(&w, 4, 2000, 0), 2000);
	world_free(&w);
}

/* ------------------------------------------------------------------ real processes */

static void *spin(void *arg)
{
	for (;;)
		;
	return arg;
}

/* A process with @threads busy threads, or none. */
static pid_t spawn(int threads)
{
	pid_t pid = fork();
	pthread_t t;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	for (int i = 0; i < threads; i++)
		pthread_create(&t, NULL, spin, NULL);
	for (;;)
		pause();
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static uint32_t sample(struct demand *d, const pid_t *pids, int count)
{
	demand_begin(d, now());
	for (int i = 0; i < count; i++)
		demand_see(d, pids[i]);
	return demand_end(d, 0, 0);
}

/* Three busy threads in two processes and one that sleeps are three runnable tasks, however many
 * CPUs they get here. */
static void test_real(const char *root)
{
	const struct timespec pause = {.tv_nsec = 700000000};
	pid_t pids[3] = {spawn(2), spawn(1), spawn(0)};
	struct times_source source;
	struct demand *d;

	times_open(&source, root);
	d = demand_new(&source, NULL, NULL);
	nanosleep(&pause, NULL);
	sample(d, pids, 3);
	nanosleep(&pause, NULL);
	assert_in_range(sample(d, pids, 3), 2500, 3300);
	for (int i = 0; i < 3; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	assert_int_equal(sample(d, pids, 3), 0);
	demand_free(d);
	times_close(&source);
}

static void test_real_kernel(void **state)
{
	(void)state;
	test_real("");
}

/* The other source, as for those who may not ask the kernel by netlink. */
static void test_real_proc(void **state)
{
	(void)state;
	test_real("/.");
}

static void test_gone(void **state)
{
	struct times_source source;
	pid_t pid = fork();
	struct times t;

	(void)state;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	times_open(&source, "");
	assert_true(times_of(&source, pid, &t) < 0);
	assert_int_equal(times_of(&source, getpid(), &t), 0);
	assert_true(t.run > 0);
	times_close(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_and_wait), cmocka_unit_test(test_new_and_ended),
		cmocka_unit_test(test_reused),       cmocka_unit_test(test_idle),
		cmocka_unit_test(test_not_ours),     cmocka_unit_test(test_real_kernel),
		cmocka_unit_test(test_real_proc),    cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
