/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The preamble: what is accepted packs to the very same bytes.
 */
#include <errno.h>
#include <string.h>

#include "common/preamble.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[PREAMBLE_SIZE];
	struct preamble p;
	int r;

	if (size != PREAMBLE_SIZE)
		return 0;
	r = preamble_unpack(data, &p);
	if (r < 0) {
		fuzz_check(r == -EPROTO);
		return 0;
	}
	preamble_pack(&p, again);
	fuzz_check(memcmp(again, data, sizeof(again)) == 0);
	return 0;
}
