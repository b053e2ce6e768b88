/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cluster key's file and the keys that come from it.
 */
#include "test/unit/harness.h"

#include <sys/stat.h>

#include "common/key.h"

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static char *dir;

static int load(const char *text, mode_t mode, uint8_t key[KEY_SIZE], struct err *e)
{
	test_write(test_path(dir, "k"), text);
	assert_int_equal(chmod(test_path(dir, "k"), mode), 0);
	return key_load(test_path(dir, "k"), key, e);
}

static void test_load(void **state)
{
	uint8_t key[KEY_SIZE];
	struct err e;

	(void)state;
	assert_int_equal(load(HEX "\n", 0600, key, &e), 0);
	for (uint8_t i = 0; i < KEY_SIZE; i++)
		assert_int_equal(key[i], i);
	assert_int_equal(load(HEX, 0400, key, &e), 0);
}

static void test_modes(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610, 0666};
	uint8_t key[KEY_SIZE] = {7};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(HEX "\n", bad[i], key, &e), -EACCES);
		assert_non_null(strstr(e.text, "chmod 600"));
		assert_int_equal(key[0], 7);
	}
}

static void test_owner(void **state)
{
	uint8_t key[KEY_SIZE] = {7};
	struct err e;

	(void)state;
	assert_int_equal(load(HEX "\n", 0600, key, &e), 0);
	if (chown(test_path(dir, "k"), geteuid() + 1000, (gid_t)-1) < 0)
		skip();
	key[0] = 7;
	assert_int_equal(key_load(test_path(dir, "k"), key, &e), -EACCES);
	assert_non_null(strstr(e.text, "chown"));
	assert_int_equal(key[0], 7);
	assert_int_equal(unlink(test_path(dir, "k")), 0);
}

static void test_bad_files(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"00\n",
		(HEX "0\n"),
		(HEX "\n\n"),
		(HEX " \n"),
		(HEX "00"),
		(" " HEX),
		"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		"0001020304050607\n8090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
	};
	uint8_t key[KEY_SIZE] = {7};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i], 0600, key, &e), -EINVAL);
		assert_non_null(strstr(e.text, "64 hexadecimal digits"));
		/* What is in the file is nobody's business. */
		assert_null(strstr(e.text, "0102"));
		assert_int_equal(key[0], 7);
	}
	assert_int_equal(key_load(test_path(dir, "none"), key, &e), -ENOENT);
	assert_int_equal(key_load(dir, key, &e), -EINVAL);
	assert_int_equal(mkfifo(test_path(dir, "fifo"), 0600), 0);
	assert_int_equal(key_load(test_path(dir, "fifo"), key, &e), -EINVAL);
}

static void test_create(void **state)
{
	uint8_t one[KEY_SIZE], two[KEY_SIZE];
	mode_t old = umask(0);
	struct stat st;
	struct err e;

	(void)state;
	assert_int_equal(key_create(test_path(dir, "new"), &e), 0);
	assert_int_equal(stat(test_path(dir, "new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 65);
	assert_int_equal(key_load(test_path(dir, "new"), one, &e), 0);
	assert_int_equal(key_create(test_path(dir, "new"), &e), -EEXIST);
	assert_int_equal(key_load(test_path(dir, "new"), two, &e), 0);
	assert_memory_equal(one, two, KEY_SIZE);
	assert_int_equal(key_create(test_path(dir, "new2"), &e), 0);
	assert_int_equal(key_load(test_path(dir, "new2"), two, &e), 0);
	assert_memory_not_equal(one, two, KEY_SIZE);
	umask(old);
}

/* Against an independent implementation: HKDF-SHA256, no salt, info "mosix peer". */
static void test_derive(void **state)
{
	static const uint8_t want[KEY_SIZE] = {0xff, 0xf2, 0x8e, 0x80, 0x80, 0x73, 0xcc, 0x2e,
					       0xe7, 0x99, 0xbb, 0xfe, 0x7c, 0x87, 0x0e, 0x72,
					       0xae, 0x19, 0x2a, 0x72, 0xa8, 0xaf, 0x4a, 0xca,
					       0x06, 0x0c, 0x80, 0x8e, 0x7d, 0x56, 0xd7, 0xf8};
	uint8_t key[KEY_SIZE], peer[KEY_SIZE], mfs[KEY_SIZE];
	char label[100];

	(void)state;
	for (uint8_t i = 0; i < KEY_SIZE; i++)
		key[i] = i;
	assert_int_equal(key_derive(key, "peer", peer), 0);
	assert_memory_equal(peer, want, KEY_SIZE);
	assert_int_equal(key_derive(key, "mfs", mfs), 0);
	assert_memory_not_equal(peer, mfs, KEY_SIZE);
	memset(label, 'x', sizeof(label));
	label[sizeof(label) - 1] = '\0';
	assert_int_equal(key_derive(key, label, mfs), -EINVAL);
}

static void test_random(void **state)
{
	uint8_t a[300] = {0}, b[300] = {0};

	(void)state;
	assert_int_equal(key_random(a, sizeof(a)), 0);
	assert_int_equal(key_random(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 280, b + 280, 20);
}

static int setup(void **state)
{
	(void)state;
	dir = test_mkdir();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_rmdir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),   cmocka_unit_test(test_modes),
		cmocka_unit_test(test_owner),  cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_create), cmocka_unit_test(test_derive),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
