/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory of criu's image files: a file system in memory that is mounted nowhere and is gone
 * when the last descriptor is closed.
 */
#ifndef MOSIX_CKPT_IMAGES_H
#define MOSIX_CKPT_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_NAME_MAX 48
#define IMAGES_LOG "criu.log"

/* A descriptor for use with the *at() calls, or negative. @size: bytes, 0 = no limit. */
int images_open(uint64_t size);
/* What may be taken for images on this node, or in the container that it is: bytes. More would set
 * the kernel's OOM killer on jobs. */
uint64_t images_memory(void);
/* How much of that is in use in the directory: bytes. */
uint64_t images_used(int dir);
/* Is @name one of the files that a dump consists of? (Logs and statistics are not.) */
bool images_name_ok(const char *name);
/* A whole file of at most @max bytes; free(). 0 or negative. */
int images_read(int dir, const char *name, size_t max, uint8_t **ret, size_t *ret_len);
int images_write(int dir, const char *name, const uint8_t *data, size_t len);

/* Calls @fn for each image in the directory until it returns non-zero, and returns that. */
int images_each(int dir, int (*fn)(void *arg, const char *name), void *arg);

#endif
