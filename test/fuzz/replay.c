/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target on files: as they are, cut at every length, and with each byte changed.
 */
#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"
#include "test/fuzz/fuzz.h"

/* Larger files are not varied, only run. */
#define VARY_MAX 512
#define FILE_MAX (8u << 20)

static void run(const uint8_t *data, size_t len)
{
	/* A copy of the exact size, so that sanitizers see a byte too far. */
	uint8_t *copy = malloc(len ? len : 1);

	fuzz_check(copy);
	if (len)
		memcpy(copy, data, len);
	fuzz_check(LLVMFuzzerTestOneInput(copy, len) == 0);
	free(copy);
}

static void vary(uint8_t *data, size_t len)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};

	for (size_t cut = 0; cut < len; cut++)
		run(data, cut);
	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < sizeof(masks); k++) {
			data[i] ^= masks[k];
			run(data, len);
			data[i] ^= masks[k];
		}
	}
}

static int replay(const char *path)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	_cleanup_free_ uint8_t *data = malloc(FILE_MAX);
	size_t len;

	if (!f || !data) {
		perror(path);
		return -1;
	}
	len = fread(data, 1, FILE_MAX, f);
	if (ferror(f)) {
		perror(path);
		return -1;
	}
	run(data, len);
	if (len <= VARY_MAX)
		vary(data, len);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]) < 0;
	printf("%d files replayed\n", argc - 1);
	return failed;
}
