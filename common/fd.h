/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors: whole reads and writes, small files, descriptor passing. Every descriptor
 * that is made here is close-on-exec. All return 0 or a negative errno unless said otherwise.
 */
#ifndef MOSIX_COMMON_FD_H
#define MOSIX_COMMON_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Closes if >= 0, keeps errno, returns -1. */
int fd_close(int fd);
void fd_closep(int *fd);

int fd_set_nonblock(int fd, bool on);
int fd_set_cloexec(int fd, bool on);

/* Exactly @len bytes from/to a blocking descriptor; -ECONNRESET at an early end of file. */
int fd_read_full(int fd, void *buf, size_t len);
int fd_write_full(int fd, const void *buf, size_t len);

/* A whole small file as a NUL-terminated string (*ret is the caller's, free()); files larger
 * than @max bytes give -EFBIG. @dirfd may be AT_FDCWD. */
int file_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len);

/* Writes into an existing file such as one of cgroupfs or procfs, with one write(). */
int file_write_at(int dirfd, const char *path, const char *text);

/* Replaces a file atomically (temporary name and rename); 0600 unless @mode says otherwise. */
int file_replace_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode);

/* A sealed-size memory file holding @data, offset 0. Returns the fd or a negative errno. */
int memfd_from(const char *name, const void *data, size_t len);

/* mkdir -p for absolute paths; existing directories are left as they are. */
int mkdir_p(const char *path, mode_t mode);

/* A listening or connected AF_UNIX stream socket; returns the fd or a negative errno. */
int unix_listen(const char *path, mode_t mode);
int unix_connect(const char *path);

#endif
