/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a node's mounts belong to a job's tree.
 */
#include "test/unit/harness.h"

#include "job/mounts.h"
#include <sys/stat.h>

static const char table[] = "22 27 0:21 / /proc rw,relatime shared:1 - proc proc rw\n"
			    "23 27 0:22 / /sys rw,relatime shared:2 - sysfs sysfs rw\n"
			    "24 27 0:6 / /dev rw,relatime shared:3 - devtmpfs devtmpfs rw,size=1k\n"
			    "25 24 0:23 / /dev/shm rw shared:4 - tmpfs tmpfs rw\n"
			    "26 27 0:24 / /run rw shared:5 - tmpfs tmpfs rw\n"
			    "30 27 0:29 / /running rw - ext4 /dev/sdd rw\n"
			    "27 1 254:0 / / rw,relatime shared:6 - ext4 /dev/vda rw\n"
			    "31 27 8:3 / /var rw - ext4 /dev/sda3 rw\n"
			    "32 31 8:4 / /var/lib/with\\040space rw master:7 - xfs /dev/sda4 rw\n"
			    "33 27 8:1 / /home rw shared:8 - ext4 /dev/sda1 rw\n"
			    "34 33 8:2 / /home rw shared:9 - ext4 /dev/sda2 rw\n"
			    "35 27 0:30 / /tmp rw - tmpfs tmpfs rw\n"
			    "36 27 0:31 / /mfs rw - fuse.mfs mosix rw\n"
			    "41 26 0:31 / /run/mosix/mfs rw - fuse.mfs mosix rw\n"
			    "37 27 0:32 / /net rw - autofs systemd-1 rw,fd=3\n"
			    "38 27 0:33 / /home/user/remote rw - fuse.sshfs host:/ rw\n"
			    "39 27 8:5 /deep/file /etc/resolv.conf rw - ext4 /dev/vda rw\n"
			    "40 27 8:6 / /gone//deleted rw - ext4 /dev/vda rw\n";

static void test_parse(void **state)
{
	static const char *const want[] = {"/etc/resolv.conf",   "/home", "/home/user/remote",
					   "/running",           "/tmp",  "/var",
					   "/var/lib/with space"};
	struct mounts m, mfs;

	(void)state;
	assert_int_equal(mounts_parse(&m, &mfs, table, NULL), 0);
	assert_int_equal(mfs.count, 1);
	assert_string_equal(mfs.points[0], "/mfs");
	mounts_done(&mfs);
	assert_int_equal(m.count, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < m.count; i++)
		assert_string_equal(m.points[i], want[i]);
	mounts_done(&m);
}

static bool not_home(const char *point, unsigned long id)
{
	(void)point;
	return id != 33 && id != 34;
}

static void test_hidden(void **state)
{
	struct mounts m, mfs;

	(void)state;
	assert_int_equal(mounts_parse(&m, &mfs, table, not_home), 0);
	mounts_done(&mfs);
	assert_int_equal(m.count, 6);
	assert_string_equal(m.points[1], "/home/user/remote");
	mounts_done(&m);
}

static void test_nonsense(void **state)
{
	static const char *const bad[] = {"x\n", "1 2 3\n", "1 2 3 4 - x y z\n", "- - -\n"};
	struct mounts m = {0}, mfs = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(mounts_parse(&m, &mfs, bad[i], NULL), -EINVAL);
	assert_null(m.points);
	assert_int_equal(mounts_parse(&m, &mfs, "", NULL), 0);
	mounts_done(&m);
}

static void test_too_many(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct mounts m = {0}, mfs = {0};

	(void)state;
	assert_non_null(f);
	for (int i = 0; i <= MOUNTS_MAX; i++)
		fprintf(f, "%d 1 8:1 / /mnt/%d rw - ext4 /dev/sda rw\n", i + 2, i);
	fclose(f);
	assert_int_equal(mounts_parse(&m, &mfs, text, NULL), -ENOSPC);
	assert_null(m.points);
	free(text);
}

static void test_valid(void **state)
{
	static const char *const good[] = {"/home", "/a/b/c", "/.hidden", "/a..b", "/device"};
	static const char *const bad[] = {"",        "/",    "home",     "/home/",   "/a//b",
					  "/a/../b", "/..",  "/a/.",     "/proc",    "/proc/x",
					  "/sys/fs", "/dev", "/dev/pts", "/run/user"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(mounts_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(mounts_valid(bad[i]));
}

static void test_this_machine(void **state)
{
	struct mounts m, mfs;

	(void)state;
	assert_int_equal(mounts_home(&m, &mfs), 0);
	mounts_done(&mfs);
	for (size_t i = 0; i < m.count; i++) {
		assert_true(mounts_valid(m.points[i]));
		if (i)
			assert_true(strcmp(m.points[i - 1], m.points[i]) < 0);
	}
	mounts_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),    cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_nonsense), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_valid),    cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
