/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Made-up trees of files, as /proc and /sys are. */
#ifndef MOSIX_TEST_UNIT_MADE_TREE_H
#define MOSIX_TEST_UNIT_MADE_TREE_H

#include "test/unit/harness.h"

#include "common/fd.h"

/* DIR/PATH with the text; folders are made. */
static inline void put(const char *dir, const char *path, const char *text)
{
	char full[512], *slash;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(mkdir_p(full, 0755), 0);
	*slash = '/';
	test_write(full, text);
}

#endif
