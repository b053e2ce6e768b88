/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosixd.conf: values in their ranges, or a sentence that names the line.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/conf.h"
#include "test/fuzz/text_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf c, before;
	struct err e = {""};
	char path[64];
	_cleanup_fd_ int fd = text_file(data, size, path);

	memset(&c, 0x55, sizeof(c));
	before = c;
	if (conf_load(&c, path, &e) < 0) {
		fuzz_check(memcmp(&c, &before, sizeof(c)) == 0);
		fuzz_check(strstr(e.text, path));
		return 0;
	}
	fuzz_check(c.node <= 65535 && c.port && c.log_level >= 3 && c.log_level <= 7);
	fuzz_check(c.map_path[0] == '/' && strlen(c.map_path) < sizeof(c.map_path));
	fuzz_check(c.key_path[0] == '/' && strlen(c.key_path) < sizeof(c.key_path));
	return 0;
}
