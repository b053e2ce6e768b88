/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the job link: what is accepted is in range and packs to the same header.
 */
#include <errno.h>
#include <string.h>

#include "job/link.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[LINK_REF + LINK_HEADER];
	struct link_frame f;
	uint64_t job;
	uint32_t gen;

	if (link_frame_unpack(data, size, &job, &gen, &f) < 0)
		return 0;
	fuzz_check(f.kind >= LINK_DATA && f.kind < _LINK_KIND_MAX);
	fuzz_check(f.len <= LINK_DATA_MAX);
	fuzz_check(size == sizeof(again) + f.len);
	fuzz_check(f.len == 0 || f.data == data + sizeof(again));
	link_frame_pack(job, gen, &f, again);
	memset(again + 12, 0, 4);
	fuzz_check(memcmp(again, data, 12) == 0);
	fuzz_check(memcmp(again + LINK_REF, data + LINK_REF, LINK_HEADER) == 0);
	return 0;
}
