/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files, descriptors, AF_UNIX sockets.
 */
#include "test/unit/harness.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fd.h"

static void test_close(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int copy = fd;

	(void)state;
	errno = EBUSY;
	fd_closep(&copy);
	assert_int_equal(copy, -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fd_close(-1), -1);
}

static void test_flags(void **state)
{
	_cleanup_fd_ int fd = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(fd_set_cloexec(fd, true), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(fd, false), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fd, false), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
}

static void test_whole(void **state)
{
	int s[2];
	char buf[8];

	(void)state;
	test_socketpair(s);
	assert_int_equal(fd_write_full(s[0], "abcdef", 6), 0);
	assert_int_equal(fd_read_full(s[1], buf, 4), 0);
	assert_memory_equal(buf, "abcd", 4);
	fd_closep(&s[0]);
	assert_int_equal(fd_read_full(s[1], buf, 4), -ECONNRESET);
	fd_closep(&s[1]);
}

static void test_file_read(void **state)
{
	char *dir = test_mkdir();
	_cleanup_free_ char *text = NULL;
	char *untouched = dir, *empty;
	size_t len = 0;

	(void)state;
	test_write(test_path(dir, "f"), "0123456789");
	assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "f"), 10, &text, &len), 0);
	assert_string_equal(text, "0123456789");
	assert_int_equal(len, 10);
	assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "f"), 9, &untouched, &len), -EFBIG);
	assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "g"), 9, &untouched, &len), -ENOENT);
	assert_int_equal(file_read_at(AT_FDCWD, dir, 9, &untouched, &len), -EISDIR);
	assert_ptr_equal(untouched, dir);
	test_write(test_path(dir, "e"), "");
	assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "e"), 0, &empty, NULL), 0);
	assert_string_equal(empty, "");
	free(empty);
	test_rmdir(dir);
}

static void test_file_read_large(void **state)
{
	char *dir = test_mkdir(), *text;
	size_t size = 100 << 10, len;
	char *big = malloc(size + 1);

	(void)state;
	memset(big, 'x', size);
	big[size] = '\0';
	test_write(test_path(dir, "f"), big);
	for (size_t max = size - 2; max < size; max++)
		assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "f"), max, &text, &len),
				 -EFBIG);
	for (size_t max = size; max < size + 3; max++) {
		assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "f"), max, &text, &len), 0);
		assert_int_equal(len, size);
		assert_string_equal(text, big);
		free(text);
	}
	free(big);
	test_rmdir(dir);
}

static int count_names(const char *dir)
{
	_cleanup_dir_ DIR *d = opendir(dir);
	int count = 0;

	while (readdir(d))
		count++;
	return count - 2;
}

static void test_file_replace(void **state)
{
	char *dir = test_mkdir(), *text;
	_cleanup_fd_ int dirfd = open(dir, O_DIRECTORY | O_CLOEXEC);
	mode_t old = umask(077);
	struct stat st;

	(void)state;
	assert_int_equal(file_replace_at(dirfd, "f", "one", 3, 0600), 0);
	assert_int_equal(file_replace_at(dirfd, "f", "two", 3, 0644), 0);
	assert_int_equal(fstatat(dirfd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_read_at(dirfd, "f", 3, &text, NULL), 0);
	assert_string_equal(text, "two");
	free(text);
	assert_int_equal(file_replace_at(AT_FDCWD, test_path(dir, "f"), "3", 1, 0600), 0);
	/* A failure leaves the file and nothing besides. */
	assert_int_equal(mkdirat(dirfd, "d", 0700), 0);
	assert_int_equal(file_replace_at(dirfd, "d", "x", 1, 0600), -EISDIR);
	assert_int_equal(file_replace_at(dirfd, "no/f", "x", 1, 0600), -ENOENT);
	assert_int_equal(count_names(dir), 2);
	umask(old);
	test_rmdir(dir);
}

static void test_file_write(void **state)
{
	char *dir = test_mkdir(), *text;

	(void)state;
	assert_int_equal(file_write_at(AT_FDCWD, test_path(dir, "f"), "x"), -ENOENT);
	test_write(test_path(dir, "f"), "");
	assert_int_equal(file_write_at(AT_FDCWD, test_path(dir, "f"), "x"), 0);
	assert_int_equal(file_read_at(AT_FDCWD, test_path(dir, "f"), 3, &text, NULL), 0);
	assert_string_equal(text, "x");
	free(text);
	test_rmdir(dir);
}

static void test_memfd(void **state)
{
	_cleanup_fd_ int fd = memfd_from("test", "hello", 5);
	char buf[8];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(fd, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(write(fd, "more", 4), -1);
}

static void test_mkdir_p(void **state)
{
	char *dir = test_mkdir();
	struct stat st;

	(void)state;
	assert_int_equal(mkdir_p(test_path(dir, "a/b//c/"), 0700), 0);
	assert_int_equal(stat(test_path(dir, "a/b/c"), &st), 0);
	assert_int_equal(mkdir_p(test_path(dir, "a/b/c"), 0755), 0);
	assert_int_equal(stat(test_path(dir, "a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(mkdir_p("relative", 0700), -EINVAL);
	test_write(test_path(dir, "f"), "");
	assert_int_equal(mkdir_p(test_path(dir, "f/x"), 0700), -ENOTDIR);
	test_rmdir(dir);
}

static void test_unix_sockets(void **state)
{
	char *dir = test_mkdir(), *path = strdup(test_path(dir, "s"));
	_cleanup_fd_ int l = -1, c = -1, l2 = -1;
	char long_path[200];
	mode_t old = umask(077);
	struct stat st;

	(void)state;
	assert_int_equal(unix_connect(path), -ENOENT);
	l = unix_listen(path, 0666);
	assert_true(l >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	c = unix_connect(path);
	assert_true(c >= 0);
	assert_int_equal(fcntl(c, F_GETFD), FD_CLOEXEC);
	/* A stale name does not hinder the next one. */
	fd_closep(&l);
	assert_int_equal(unix_connect(path), -ECONNREFUSED);
	l2 = unix_listen(path, 0600);
	assert_true(l2 >= 0);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(unix_listen(long_path, 0600), -ENAMETOOLONG);
	umask(old);
	free(path);
	test_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close),           cmocka_unit_test(test_flags),
		cmocka_unit_test(test_whole),           cmocka_unit_test(test_file_read),
		cmocka_unit_test(test_file_read_large), cmocka_unit_test(test_file_replace),
		cmocka_unit_test(test_file_write),      cmocka_unit_test(test_memfd),
		cmocka_unit_test(test_mkdir_p),         cmocka_unit_test(test_unix_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
