/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image files that are put right: a changed one is an image again, and needs no change any more.
 */
#include <errno.h>

#include "ckpt/image.h"
#include "ckpt/image_fix.h"
#include "test/fuzz/fuzz.h"

static void check(int (*fix)(const uint8_t *, size_t, uint8_t **, size_t *), const uint8_t *data,
		  size_t size)
{
	uint8_t *out = NULL, *again = NULL;
	size_t len = 0, again_len = 0;
	int r = fix(data, size, &out, &len);

	fuzz_check((r > 0) == (out != NULL));
	if (r <= 0) {
		fuzz_check(r == 0 || r == -EBADMSG || r == -ENOMEM);
		return;
	}
	fuzz_check(len >= IMAGE_HEADER);
	fuzz_check(fix(out, len, &again, &again_len) == 0 && !again);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(image_fix_core, data, size);
	check(image_fix_files, data, size);
	return 0;
}
