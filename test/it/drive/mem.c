/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job with memory: fills MIB megabytes, changes RATE pages a second for SECONDS, then checks
 * every page and says for how long it once stood still.
 *
 * usage: ckpt-mem MIB SECONDS [RATE]     exit status 0, or 1 if a page is wrong
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))
#define TICK_NS 500000

static uint64_t *mem;
static uint32_t *version;

static uint64_t now_ns(void)
{
	struct timespec t;

	/* The machine's clock: it goes on while the job does not. */
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static uint64_t seed(size_t page)
{
	return (page + 1) * 0x9e3779b97f4a7c15u + version[page];
}

static void fill(size_t page)
{
	uint64_t x = seed(page);

	for (size_t i = 0; i < WORDS; i++)
		mem[page * WORDS + i] = x = next(x);
}

static int check(size_t page)
{
	uint64_t x = seed(page);

	for (size_t i = 0; i < WORDS; i++) {
		x = next(x);
		if (mem[page * WORDS + i] != x)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t pages, bad = 0, rate = argc > 3 ? (size_t)atol(argv[3]) : 0;
	uint64_t end, last, gap = 0, x = 1, changed = 0, start;

	if (argc < 3)
		return 2;
	pages = (size_t)atol(argv[1]) * 256 + 1;
	mem = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	version = calloc(pages, sizeof(*version));
	if (mem == MAP_FAILED || !version)
		return 2;
	for (size_t i = 0; i < pages; i++)
		fill(i);
	printf("filled\n");
	fflush(stdout);
	start = last = now_ns();
	end = start + (uint64_t)atol(argv[2]) * 1000000000u;
	while (last < end) {
		const struct timespec tick = {.tv_nsec = TICK_NS};
		uint64_t t;

		for (; changed < rate * ((last - start) / 1000000) / 1000; changed++) {
			x = next(x);
			version[x % pages]++;
			fill(x % pages);
		}
		nanosleep(&tick, NULL);
		t = now_ns();
		if (t - last > gap)
			gap = t - last;
		last = t;
	}
	for (size_t i = 0; i < pages; i++)
		bad += (size_t)check(i);
	printf("pages %zu bad %zu gap %.1f ms\n", pages, bad, (double)gap / 1e6);
	return bad != 0;
}
