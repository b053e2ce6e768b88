/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix.map: nodes in order, findable in every way, or a sentence.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/conf.h"
#include "test/fuzz/text_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(map_done) struct map m = {0};
	struct err e = {""};
	char path[64];
	_cleanup_fd_ int fd = text_file(data, size, path);

	if (map_load(&m, path, &e) < 0) {
		fuzz_check(m.count == 0 && strstr(e.text, path));
		return 0;
	}
	fuzz_check(m.count <= 65535);
	/* All of a large map would take too long. */
	for (uint32_t i = 0; i < m.count; i += 1 + m.count / 100) {
		const struct map_node *n = &m.nodes[i];

		fuzz_check(n->number >= 1 && n->number <= 65535);
		fuzz_check(i == 0 || n[-1].number < n->number);
		fuzz_check(strlen(n->name) < sizeof(n->name));
		fuzz_check(map_by_number(&m, n->number) == n);
		fuzz_check(!n->name[0] || map_by_text(&m, n->name));
	}
	return 0;
}
