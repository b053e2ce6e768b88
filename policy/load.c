/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Load: the index and its smoothing.
 */
#include "policy/load.h"

#include <math.h>

/* (a·old + b·new)/(a + b), rounded towards new, so that it gets there. */
static uint32_t smooth(uint32_t old, uint32_t sample, uint32_t a, uint32_t b)
{
	uint64_t sum = (uint64_t)a * old + (uint64_t)b * sample;

	if (sample > old)
		sum += a + b - 1;
	return (uint32_t)(sum / (a + b));
}

void load_sample(struct load_views *v, uint32_t runnable)
{
	if (!v->primed) {
		*v = (struct load_views){runnable, runnable, true};
		return;
	}
	v->leaving = runnable < v->leaving ? runnable : smooth(v->leaving, runnable, 5, 3);
	v->exporting = runnable > v->exporting ? runnable : smooth(v->exporting, runnable, 7, 1);
}

uint32_t load_smooth_demand(uint32_t old, uint32_t sample)
{
	return smooth(old, sample, 5, 3);
}

uint32_t load_smooth_used(uint32_t old, uint32_t sample)
{
	return smooth(old, sample, 3, 1);
}

uint64_t load_smooth_growth(uint64_t old, uint64_t sample, int64_t ms)
{
	double kept = pow(0.75, ms > 0 ? (double)ms / 1000 : 0);

	return (uint64_t)fmin(kept * (double)old + (1 - kept) * (double)sample, 0x1p63);
}

bool load_owner_busy(bool was, const struct node_facts *n, uint64_t guests)
{
	uint64_t own = n->runnable > guests ? n->runnable - guests : 0;

	return own * (was ? 4 : 2) >= n->cpus;
}

bool load_memory_low(bool was, const struct node_facts *n, uint32_t stalled)
{
	return n->mem_free < n->mem_total / 4 && stalled >= (was ? 25 : 100);
}

uint32_t node_capacity(const struct node_facts *n)
{
	uint64_t c = (uint64_t)n->cpus * n->speed / SPEED_STANDARD;

	return c == 0 ? 1 : c > UINT32_MAX ? UINT32_MAX : (uint32_t)c;
}

uint32_t load_index_with(const struct node_facts *n, int64_t more)
{
	int64_t runnable = n->runnable;
	uint64_t index;

	if (more > 0 && more > (int64_t)UINT32_MAX - runnable)
		runnable = UINT32_MAX;
	else
		runnable += more;
	if (runnable <= 0)
		return 0;
	index = LOAD_STANDARD * (uint64_t)runnable / node_capacity(n);
	return index > UINT32_MAX ? UINT32_MAX : (uint32_t)index;
}

uint32_t load_index(const struct node_facts *n)
{
	return load_index_with(n, 0);
}
