/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spin [N]: computes, N million steps or until SIGTERM, then prints how many steps it did and what
 * came out: where a linear congruential generator is after so many, which can be known without
 * doing them (test/it/spin_check.py). Steps that were lost or done twice show.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

int main(int argc, char **argv)
{
	uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX;
	uint64_t x = 1, done;

	signal(SIGTERM, on_term);
	for (done = 0; done < most && !ended; done++)
		for (int i = 0; i < 1000000; i++)
			x = x * 6364136223846793005u + 1442695040888963407u;
	printf("%" PRIu64 " %" PRIu64 "\n", done * 1000000, x);
	return 0;
}
