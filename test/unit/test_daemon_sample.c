/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a node has and does, read from made-up trees of files; and the speed of this machine.
 */
#include "test/unit/made_tree.h"

#include "common/demand.h"
#include "common/fd.h"
#include "daemon/sample_node.h"
#include "daemon/speed.h"

#define SECOND 1000000000ll

static void put_number(const char *dir, const char *path, const char *format, unsigned long long n)
{
	char text[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, n);
#pragma GCC diagnostic pop
	put(dir, path, text);
}

#define PRESSURE "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\nfull avg10=0.00 total=0\n"

/* A machine with 4 CPUs, 8 GiB, of which 6 are free. */
static char *machine(void)
{
	char *dir = test_mkdir();

	put(dir, "proc/self/mountinfo", "31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put(dir, "proc/self/cgroup", "0::/mosixd.service/main\n");
	put(dir, "proc/meminfo",
	    "MemTotal:        8388608 kB\nMemFree:         1048576 kB\n"
	    "MemAvailable:    6291456 kB\nSwapTotal:       2097152 kB\n"
	    "SwapFree:        1048576 kB\n");
	put(dir, "proc/loadavg", "0.00 0.00 0.00 1/300 12345\n");
	put(dir, "sys/fs/cgroup/cpu.stat", "usage_usec 0\nuser_usec 0\n");
	return dir;
}

static void node_open(struct sample_node *n, const char *dir, bool whole, char jobs[512])
{
	struct sample_node_config c = {.root = dir, .whole = whole, .cpus = 4000, .jobs = jobs};

	snprintf(jobs, 512, "%s/sys/fs/cgroup/mosixd.service/jobs", dir);
	assert_int_equal(sample_node_open(n, &c), 0);
}

static void test_whole(void **state)
{
	struct sample_of_jobs jobs = {0};
	char *dir = machine(), path[512];
	struct sample_reading r;
	struct sample_node n;

	(void)state;
	put(dir, "proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	node_open(&n, dir, true, path);
	sample_node_look(&n, SECOND, &jobs, &r);
	assert_int_equal(r.cpus, 4000);
	assert_int_equal(r.mem_total, 8192);
	assert_int_equal(r.mem_free, 6144);
	assert_int_equal(r.more.swap_total, 2048);
	assert_int_equal(r.more.swap_free, 1024);
	assert_false(r.more.limited);
	assert_int_equal(r.more.runnable, 0);
	assert_true(sample_node_wants_quick(&n));
	/* Three others than the one that looks, then one: two on average. */
	put(dir, "proc/loadavg", "0.00 0.00 0.00 4/300 12345\n");
	sample_node_quick(&n);
	put(dir, "proc/loadavg", "0.00 0.00 0.00 2/300 12345\n");
	put(dir, "sys/fs/cgroup/cpu.stat", "usage_usec 2000000\nuser_usec 0\n");
	put_number(dir, "proc/pressure/memory", PRESSURE, 250000);
	sample_node_look(&n, 2 * SECOND, &jobs, &r);
	assert_int_equal(r.more.runnable, 2000);
	assert_int_equal(r.more.busy, 2000);
	assert_int_equal(r.more.pressure.memory, 250);
	assert_int_equal(r.more.pressure.cpu, 0);
	/* Jobs that a quota holds back are in no queue. */
	jobs.demand = 5000;
	sample_node_look(&n, 3 * SECOND, &jobs, &r);
	assert_int_equal(r.more.runnable, 5000);
	sample_node_close(&n);
	test_rmdir(dir);
}

/* A kernel that keeps statistics of its queues knows better than looks at the moment. */
static void test_schedstat(void **state)
{
	const struct sample_of_jobs jobs = {0};
	char *dir = machine(), path[512];
	struct sample_reading r;
	struct sample_node n;

	(void)state;
	put(dir, "proc/schedstat",
	    "version 17\ntimestamp 1\ncpu0 0 0 0 0 0 0 900 1000000000 7\n"
	    "domain0 MC 3 1 2 3 4 5 6 7 8\ncpu1 0 0 0 0 0 0 900 2000000000 7\n");
	node_open(&n, dir, true, path);
	sample_node_look(&n, SECOND, &jobs, &r);
	assert_false(sample_node_wants_quick(&n));
	put(dir, "proc/loadavg", "0.00 0.00 0.00 9/300 12345\n");
	put(dir, "sys/fs/cgroup/cpu.stat", "usage_usec 1500000\n");
	put(dir, "proc/schedstat",
	    "version 17\ntimestamp 1\ncpu0 0 0 0 0 0 0 900 1250000000 7\n"
	    "cpu1 0 0 0 0 0 0 900 2250000000 7\n");
	sample_node_look(&n, 2 * SECOND, &jobs, &r);
	assert_int_equal(r.more.runnable, 2000);
	sample_node_close(&n);
	test_rmdir(dir);
}

static void set_process(const char *dir, int pid, unsigned long long run, unsigned long long wait)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "proc/%d/task/%d/schedstat", pid, pid);
	snprintf(text, sizeof(text), "%llu %llu 1\n", run * 1000000, wait * 1000000);
	put(dir, path, text);
}

static bool is_101(void *arg, pid_t pid)
{
	(void)arg;
	return pid == 101;
}

/* A container with a quarter of a CPU and 512 MiB, in which one job and one other process want a
 * CPU each; what the machine does is nothing to it. */
static void test_container(void **state)
{
	struct sample_of_jobs jobs = {0};
	char *dir = machine(), path[512];
	struct sample_reading r;
	struct sample_node n;

	(void)state;
	put(dir, "proc/loadavg", "50.00 50.00 50.00 50/9000 12345\n");
	put_number(dir, "proc/pressure/cpu", PRESSURE, 1);
	put(dir, "sys/fs/cgroup/cpu.max", "25000 100000\n");
	put(dir, "sys/fs/cgroup/memory.max", "536870912\n");
	put(dir, "sys/fs/cgroup/memory.current", "104857600\n");
	put_number(dir, "sys/fs/cgroup/cpu.pressure", PRESSURE, 0);
	put(dir, "sys/fs/cgroup/mosixd.service/jobs/cpu.stat", "usage_usec 0\n");
	set_process(dir, 100, 0, 0);
	set_process(dir, 101, 0, 0);
	node_open(&n, dir, false, path);
	demand_free(n.demand);
	n.demand = demand_new(&n.source, is_101, NULL);
	sample_node_look(&n, SECOND, &jobs, &r);
	assert_int_equal(r.cpus, 250);
	assert_int_equal(r.mem_total, 512);
	assert_int_equal(r.mem_free, 412);
	assert_true(r.more.limited);
	/* The job is counted as its guest says, not once more. */
	set_process(dir, 100, 125, 875);
	set_process(dir, 101, 125, 875);
	put(dir, "sys/fs/cgroup/cpu.stat", "usage_usec 250000\n");
	put(dir, "sys/fs/cgroup/mosixd.service/jobs/cpu.stat", "usage_usec 125000\n");
	put_number(dir, "sys/fs/cgroup/cpu.pressure", PRESSURE, 900000);
	put_number(dir, "proc/pressure/cpu", PRESSURE, 1);
	jobs = (struct sample_of_jobs){.demand = 1000, .used = 125};
	sample_node_look(&n, 2 * SECOND, &jobs, &r);
	assert_int_equal(r.more.runnable, 2000);
	assert_int_equal(r.more.busy, 250);
	assert_int_equal(r.more.pressure.cpu, 900);
	/* Two jobs so young that their guests have told nothing use what there is. */
	put(dir, "sys/fs/cgroup/cpu.stat", "usage_usec 500000\n");
	put(dir, "sys/fs/cgroup/mosixd.service/jobs/cpu.stat", "usage_usec 375000\n");
	jobs = (struct sample_of_jobs){.silent = 2};
	sample_node_look(&n, 3 * SECOND, &jobs, &r);
	assert_int_equal(r.more.runnable, 2000);
	sample_node_close(&n);
	test_rmdir(dir);
}

/* This machine, whatever it is. */
static void test_here(void **state)
{
	const struct sample_of_jobs jobs = {0};
	struct sample_node_config c = {.root = "", .whole = sample_node_is_whole()};
	struct sample_reading r;
	struct sample_node n;

	(void)state;
	c.cpus = sample_node_affinity();
	assert_in_range(c.cpus, 1000, 8192000);
	assert_int_equal(sample_node_open(&n, &c), 0);
	sample_node_look(&n, SECOND, &jobs, &r);
	assert_in_range(r.cpus, 1, c.cpus);
	assert_in_range(r.mem_total, 16, UINT32_MAX);
	assert_in_range(r.mem_free, 0, r.mem_total);
	assert_in_range(r.more.swap_free, 0, r.more.swap_total);
	sample_node_close(&n);
}

static void test_speed(void **state)
{
	uint32_t a, b;

	(void)state;
	a = speed_measure();
	b = speed_measure();
	assert_in_range(a, SPEED_MIN + 1, SPEED_MAX - 1);
	/* The same, more or less, whatever else runs here. */
	assert_in_range(b, a / 2, a * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),     cmocka_unit_test(test_schedstat),
		cmocka_unit_test(test_container), cmocka_unit_test(test_here),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
