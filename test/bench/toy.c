/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job for measuring moves: fills MIB of memory with known contents, then writes the monotonic
 * time to FILE each millisecond (16-byte records: round, nanoseconds), rewriting a page each time.
 * On SIGTERM checks all memory and prints the longest gap between two records in microseconds.
 * usage: toy MIB
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	size_t words = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 17;
	uint64_t *mem = malloc(words * sizeof(*mem));
	uint64_t last, gap = 0, writes = 0;

	if (!mem)
		return 1;
	for (size_t i = 0; i < words; i++)
		mem[i] = i * 0x9e3779b97f4a7c15u;
	signal(SIGTERM, on_term);
	puts("ready");
	fflush(stdout);
	last = now_ns();
	while (!ended) {
		struct timespec ms = {0, 1000000};
		uint64_t t;

		nanosleep(&ms, NULL);
		mem[(writes * 512) % words] = ((writes * 512) % words) * 0x9e3779b97f4a7c15u;
		writes++;
		t = now_ns();
		if (t - last > gap)
			gap = t - last;
		last = t;
	}
	for (size_t i = 0; i < words; i++)
		if (mem[i] != i * 0x9e3779b97f4a7c15u) {
			printf("memory differs at word %zu\n", i);
			return 1;
		}
	printf("gap %llu us\n", (unsigned long long)(gap / 1000));
	return 0;
}
