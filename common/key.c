/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cluster key: file, derivation, randomness.
 */
#include "common/key.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define TEXT_SIZE (2 * KEY_SIZE)
#define LABEL_MAX 64

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int parse_key(const char *text, size_t len, uint8_t ret[KEY_SIZE])
{
	uint8_t key[KEY_SIZE];

	if (len == TEXT_SIZE + 1 && text[TEXT_SIZE] == '\n')
		len--;
	if (len != TEXT_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < KEY_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		key[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, key, KEY_SIZE);
	explicit_bzero(key, sizeof(key));
	return 0;
}

/* The number of bytes, or a negative errno. */
static ssize_t read_text(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int key_load(const char *path, uint8_t ret[KEY_SIZE], struct err *e)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[TEXT_SIZE + 2];
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, -errno, "cannot open the cluster key %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "the cluster key %s is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, -EACCES,
			       "the cluster key %s belongs to user %u: chown it to root", path,
			       (unsigned int)st.st_uid);
	if (st.st_mode & 077)
		return err_set(e, -EACCES,
			       "the cluster key %s can be used by others (mode %04o): "
			       "make a new key if it may have been read, then chmod 600 it",
			       path, (unsigned int)st.st_mode & 07777);
	/* There is room for one byte too many, so that a longer file is noticed. */
	n = read_text(fd, text, sizeof(text));
	if (n < 0)
		return err_sys(e, (int)n, "cannot read the cluster key %s", path);
	r = parse_key(text, (size_t)n, ret);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return err_set(e, r, "%s is not a cluster key: it must hold %d hexadecimal digits",
			       path, TEXT_SIZE);
	return 0;
}

static int write_key(int fd)
{
	char text[TEXT_SIZE + 2];
	uint8_t key[KEY_SIZE];
	int r = key_random(key, sizeof(key));

	if (r < 0)
		return r;
	for (size_t i = 0; i < KEY_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	text[TEXT_SIZE] = '\n';
	r = fd_write_full(fd, text, TEXT_SIZE + 1);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	explicit_bzero(text, sizeof(text));
	explicit_bzero(key, sizeof(key));
	return r;
}

int key_create(const char *path, struct err *e)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(e, -errno, "cannot make the cluster key %s", path);
	r = write_key(fd);
	if (r < 0) {
		unlink(path);
		return err_sys(e, r, "cannot write the cluster key %s", path);
	}
	return 0;
}

int key_derive(const uint8_t key[KEY_SIZE], const char *label, uint8_t ret[KEY_SIZE])
{
	uint8_t in[KEY_SIZE], prk[32];
	gnutls_datum_t secret = {.data = in, .size = sizeof(in)};
	gnutls_datum_t salt = {0};
	gnutls_datum_t mid = {.data = prk, .size = sizeof(prk)};
	char info[LABEL_MAX + 8];
	gnutls_datum_t about = {.data = (unsigned char *)info};
	int n = snprintf(info, sizeof(info), "mosix %s", label);
	int r;

	if (n < 0 || (size_t)n >= sizeof(info))
		return -EINVAL;
	about.size = (unsigned int)n;
	memcpy(in, key, sizeof(in));
	r = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &secret, &salt, prk);
	if (r >= 0)
		r = gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &mid, &about, ret, KEY_SIZE);
	explicit_bzero(in, sizeof(in));
	explicit_bzero(prk, sizeof(prk));
	return r < 0 ? -EIO : 0;
}

int key_random(uint8_t *ret, size_t len)
{
	while (len) {
		ssize_t n = getrandom(ret, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		ret += n;
		len -= (size_t)n;
	}
	return 0;
}
