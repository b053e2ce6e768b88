/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grow MIB RATE: takes MIB MiB of memory, RATE MiB a second, says "grown", works in it until
 * SIGTERM; checks that all of it is as it was written, and prints how much that is.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORDS (1048576 / sizeof(uint64_t)) /* in a MiB */

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t word(size_t mib, size_t i)
{
	return (mib * WORDS + i) * 0x9e3779b97f4a7c15u;
}

int main(int argc, char **argv)
{
	size_t most = argc > 1 ? strtoul(argv[1], NULL, 10) : 1, have, at = 0;
	unsigned long rate = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	struct timespec pause = {.tv_nsec = 1000000000L / (long)(rate ? rate : 1)};
	uint64_t **m = calloc(most + 1, sizeof(*m));

	signal(SIGTERM, on_term);
	if (!m || rate < 2)
		return 2;
	for (have = 0; have < most && !ended; have++) {
		m[have] = malloc(WORDS * sizeof(uint64_t));
		if (!m[have])
			return 3;
		for (size_t i = 0; i < WORDS; i++)
			m[have][i] = word(have, i);
		nanosleep(&pause, NULL);
	}
	if (have == most && (puts("grown") < 0 || fflush(stdout) != 0))
		return 4;
	while (!ended) {
		if (have)
			m[at++ % have][0] += 0;
		nanosleep(&pause, NULL);
	}
	for (size_t k = 0; k < have; k++)
		for (size_t i = 0; i < WORDS; i++)
			if (m[k][i] != word(k, i))
				return 1;
	printf("%zu MiB right\n", have);
	return 0;
}
