/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seeded random numbers: xoshiro256** 1.0, its state filled by splitmix64.
 */
#include "policy/random.h"

static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void random_seed(struct random *r, uint64_t seed)
{
	for (unsigned int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, unsigned int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t random_next(struct random *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint32_t random_below(struct random *r, uint32_t n)
{
	uint32_t too_many;
	uint64_t m;

	if (n == 0)
		return 0;
	/* The upper half of a product, drawn again where 2^32 is not a multiple of n (Lemire). */
	too_many = (uint32_t)-n % n;
	do
		m = (random_next(r) >> 32) * n;
	while ((uint32_t)m < too_many);
	return (uint32_t)(m >> 32);
}

double random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) * 0x1p-53;
}
