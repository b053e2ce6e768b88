/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of control groups, in made-up trees of files.
 */
#include "test/unit/made_tree.h"

#include "common/fd.h"
#include "common/limits.h"

#define GIB (1ull << 30)
#define MIB (1ull << 20)

static void check_memory(const struct limits *l, uint64_t total, uint64_t free)
{
	uint64_t t = 16 * GIB, f = 8 * GIB;

	assert_int_equal(limits_memory(l, &t, &f), total != 16 * GIB);
	assert_int_equal(t, total);
	assert_int_equal(f, free);
}

static const char v2_mount[] =
	"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	"31 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static void test_none(void **state)
{
	char *dir = test_mkdir();
	struct limits l;

	(void)state;
	assert_int_equal(limits_find(&l, dir), -ENOENT);
	put(dir, "proc/self/cgroup", "0::/system.slice/mosixd.service/main\n");
	put(dir, "proc/self/mountinfo", v2_mount);
	put(dir, "sys/fs/cgroup/system.slice/mosixd.service/cpu.max", "max 100000\n");
	put(dir, "sys/fs/cgroup/system.slice/mosixd.service/memory.max", "max\n");
	put(dir, "sys/fs/cgroup/system.slice/mosixd.service/memory.current", "123456\n");
	assert_int_equal(limits_find(&l, dir), 0);
	assert_int_equal(l.v2.count, 4);
	assert_int_equal(l.cpu.count, 0);
	assert_string_equal(limits_top(&l) + strlen(dir), "/sys/fs/cgroup");
	assert_int_equal(limits_cpu(&l), 0);
	check_memory(&l, 16 * GIB, 8 * GIB);
	test_rmdir(dir);
}

/* The tightest on the way up counts, for each resource. */
static void test_v2(void **state)
{
	uint64_t total = 2 * GIB, free = 2 * GIB;
	char *dir = test_mkdir();
	struct limits l;

	(void)state;
	put(dir, "proc/self/cgroup", "1:name=systemd:/x\n0::/a.slice/b.service/main\n");
	put(dir, "proc/self/mountinfo", v2_mount);
	put(dir, "sys/fs/cgroup/a.slice/b.service/cpu.max", "150000 100000\n");
	put(dir, "sys/fs/cgroup/a.slice/cpu.max", "25000 20000\n");
	put(dir, "sys/fs/cgroup/cpu.max", "400000 100000\n");
	put(dir, "sys/fs/cgroup/a.slice/b.service/memory.max", "2147483648\n");
	put(dir, "sys/fs/cgroup/a.slice/b.service/memory.current", "1073741824\n");
	put(dir, "sys/fs/cgroup/a.slice/b.service/memory.stat",
	    "anon 1\nfile 2\nactive_file 5\ninactive_file 104857600\n");
	put(dir, "sys/fs/cgroup/a.slice/memory.max", "4294967296\n");
	put(dir, "sys/fs/cgroup/a.slice/memory.current", "4000000000\n");
	put(dir, "sys/fs/cgroup/a.slice/memory.swap.max", "104857600\n");
	put(dir, "sys/fs/cgroup/a.slice/memory.swap.current", "4857600\n");
	assert_int_equal(limits_find(&l, dir), 0);
	assert_int_equal(limits_cpu(&l), 1250);
	check_memory(&l, 2 * GIB, 4 * GIB - 4000000000ull);
	limits_swap(&l, &total, &free);
	assert_int_equal(total, 100 * MIB);
	assert_int_equal(free, 100000000);
	/* It is looked at anew each time. */
	put(dir, "sys/fs/cgroup/a.slice/cpu.max", "max 20000\n");
	assert_int_equal(limits_cpu(&l), 1500);
	put(dir, "sys/fs/cgroup/a.slice/b.service/memory.current", "2200000000\n");
	put(dir, "sys/fs/cgroup/a.slice/b.service/memory.stat", "inactive_file 0\n");
	check_memory(&l, 2 * GIB, 0);
	test_rmdir(dir);
}

/* A node whose limits are on v1, which is mounted elsewhere; "/" is the container's own group. */
static void test_v1(void **state)
{
	char *dir = test_mkdir();
	struct limits l;

	(void)state;
	put(dir, "proc/self/cgroup",
	    "4:memory:/\n2:cpuset:/\n1:cpu,cpuacct:/\n0::/system.slice/mosixd.service/main\n");
	put(dir, "proc/self/mountinfo",
	    "31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	    "32 22 0:27 / /run/cg\\0401/cpuset rw - cgroup cgroup rw,cpuset\n"
	    "33 22 0:28 / /run/cg\\0401/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
	    "34 22 0:29 / /run/cg\\0401/memory rw - cgroup cgroup rw,memory\n");
	put(dir, "run/cg 1/cpu/cpu.cfs_quota_us", "5000\n");
	put(dir, "run/cg 1/cpu/cpu.cfs_period_us", "20000\n");
	put(dir, "run/cg 1/memory/memory.limit_in_bytes", "536870912\n");
	put(dir, "run/cg 1/memory/memory.usage_in_bytes", "314572800\n");
	put(dir, "run/cg 1/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 104857600\n");
	assert_int_equal(limits_find(&l, dir), 0);
	assert_int_equal(limits_cpu(&l), 250);
	check_memory(&l, 512 * MIB, 312 * MIB);
	/* None. */
	put(dir, "run/cg 1/cpu/cpu.cfs_quota_us", "-1\n");
	put(dir, "run/cg 1/memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(limits_cpu(&l), 0);
	check_memory(&l, 16 * GIB, 8 * GIB);
	test_rmdir(dir);
}

/* Without a namespace of its own a container sees the whole path, but mounts only its part. */
static void test_part_of_tree(void **state)
{
	char *dir = test_mkdir();
	struct limits l;

	(void)state;
	put(dir, "proc/self/cgroup", "1:cpu:/docker/abc/sub\n0::/../x\n");
	put(dir, "proc/self/mountinfo",
	    "33 22 0:28 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
	    "34 22 0:29 / /sys/fs/cgroup/unified ro - cgroup2 cgroup rw\n");
	put(dir, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
	put(dir, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	put(dir, "sys/fs/cgroup/cpu/sub/cpu.cfs_quota_us", "50000\n");
	put(dir, "sys/fs/cgroup/cpu/sub/cpu.cfs_period_us", "100000\n");
	assert_int_equal(limits_find(&l, dir), 0);
	assert_int_equal(l.cpu.count, 2);
	assert_int_equal(limits_cpu(&l), 500);
	assert_int_equal(l.v2.count, 1);
	test_rmdir(dir);
}

static void test_nonsense(void **state)
{
	char *dir = test_mkdir();
	struct limits l;

	(void)state;
	put(dir, "proc/self/cgroup", "rubbish\n::\n0::\n5:cpu\n");
	put(dir, "proc/self/mountinfo", "x\n - cgroup2\n1 2 3:4 / - cgroup cgroup rw,cpu\n");
	assert_int_equal(limits_find(&l, dir), 0);
	assert_int_equal(limits_cpu(&l), 0);
	put(dir, "proc/self/cgroup", "0::/a\n");
	put(dir, "proc/self/mountinfo", v2_mount);
	put(dir, "sys/fs/cgroup/a/cpu.max", "0 0\n");
	put(dir, "sys/fs/cgroup/cpu.max", "99999999999999999999 1\n");
	put(dir, "sys/fs/cgroup/a/memory.max", "\n");
	assert_int_equal(limits_find(&l, dir), 0);
	assert_true(limits_cpu(&l) == 0 || limits_cpu(&l) == UINT32_MAX);
	check_memory(&l, 16 * GIB, 8 * GIB);
	test_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),     cmocka_unit_test(test_v2),
		cmocka_unit_test(test_v1),       cmocka_unit_test(test_part_of_tree),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
