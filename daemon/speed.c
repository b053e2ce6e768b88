/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast a CPU is. */
#include "daemon/speed.h"

#include "policy/facts.h"
#include <stddef.h>
#include <time.h>

#define STANDARD_NS 500000u /* per piece, of the standard CPU */
#define TOTAL_NS 150000000
#define PIECES_MIN 8
#define PIECES_MAX 4096

#define SORTED 2048
#define HOPS 65536u /* of 4 bytes: more than the smallest cache */
#define HOP_STEPS 24576
#define MULTIPLY_STEPS 98304

static uint32_t hops[HOPS], numbers[SORTED];

static uint32_t next_number(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* One cycle through all of it, with no order that could be foreseen. */
static void make_hops(void)
{
	uint32_t x = 2463534242u;

	for (uint32_t i = 0; i < HOPS; i++)
		hops[i] = i;
	for (uint32_t i = HOPS - 1; i > 0; i--) {
		uint32_t j = next_number(&x) % i, t = hops[i];

		hops[i] = hops[j];
		hops[j] = t;
	}
}

static uint32_t sort(uint32_t seed)
{
	for (size_t i = 0; i < SORTED; i++)
		numbers[i] = next_number(&seed);
	for (size_t gap = SORTED / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
		for (size_t i = gap; i < SORTED; i++) {
			uint32_t v = numbers[i];
			size_t j = i;

			for (; j >= gap && numbers[j - gap] > v; j -= gap)
				numbers[j] = numbers[j - gap];
			numbers[j] = v;
		}
	return numbers[SORTED / 2];
}

static uint32_t walk(uint32_t at)
{
	at %= HOPS;
	for (int i = 0; i < HOP_STEPS; i++)
		at = hops[at];
	return at;
}

static uint32_t multiply(uint64_t x)
{
	for (int i = 0; i < MULTIPLY_STEPS; i++)
		x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9u + (uint64_t)i;
	return (uint32_t)(x >> 32);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The fastest tenth is what was least disturbed: the slowest of it, as a single one may be luck. */
static int64_t undisturbed(int64_t *ns, size_t n)
{
	size_t rank = n / 10;

	for (size_t i = 0; i <= rank; i++)
		for (size_t j = i + 1; j < n; j++)
			if (ns[j] < ns[i]) {
				int64_t t = ns[i];

				ns[i] = ns[j];
				ns[j] = t;
			}
	return ns[rank];
}

uint32_t speed_measure(void)
{
	static int64_t ns[PIECES_MAX];
	int64_t begin = cpu_ns(), last = begin;
	volatile uint32_t result = 1;
	uint64_t speed;
	size_t n = 0;

	make_hops();
	while (n < PIECES_MAX && (n < PIECES_MIN || last - begin < TOTAL_NS)) {
		int64_t t = cpu_ns();

		result = sort(result | 1) ^ walk(result) ^ multiply(result);
		last = cpu_ns();
		ns[n++] = last - t;
	}
	last = undisturbed(ns, n);
	speed = (uint64_t)SPEED_STANDARD * STANDARD_NS / (uint64_t)(last > 0 ? last : 1);
	return speed < SPEED_MIN ? SPEED_MIN : speed > SPEED_MAX ? SPEED_MAX : (uint32_t)speed;
}
