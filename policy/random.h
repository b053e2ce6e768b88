/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random numbers for decisions: seeded, so that the same events give the same actions. Not for
 * keys. Source: Blackman & Vigna, xoshiro256**; seeded by splitmix64.
 */
#ifndef MOSIX_POLICY_RANDOM_H
#define MOSIX_POLICY_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t s[4];
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);
/* 0 … @n - 1, each as likely; 0 if @n is 0. */
uint32_t random_below(struct random *r, uint32_t n);
/* 0 ≤ x < 1 */
double random_unit(struct random *r);

#endif
