/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz targets: each checks that hostile bytes are refused or understood, never more. To search:
 *
 *	CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined \
 *		-Db_lundef=false
 *	build-fuzz/test/fuzz/fuzz_chan -max_total_time=60 NEW-CORPUS test/fuzz/corpus/chan
 *
 * What is worth keeping goes to test/fuzz/corpus/TARGET (libFuzzer's -merge=1). In any other
 * build the targets replay that corpus, with every prefix of each file and every byte changed.
 */
#ifndef MOSIX_TEST_FUZZ_FUZZ_H
#define MOSIX_TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(), in every build. */
#define fuzz_check(cond)                                                                     \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                             \
		}                                                                            \
	} while (0)

#endif
