/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as a file with a path, for parsers that read files.
 */
#ifndef MOSIX_TEST_FUZZ_TEXT_FILE_H
#define MOSIX_TEST_FUZZ_TEXT_FILE_H

#include <stdio.h>

#include "common/fd.h"
#include "test/fuzz/fuzz.h"

/* Returns the descriptor, which the caller closes. */
static inline int text_file(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_from("fuzz", data, size);

	fuzz_check(fd >= 0);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
