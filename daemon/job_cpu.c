/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a job may rely on of a processor: programs choose instructions when they start, and those
 * started on another node choose by that one. So a job carries the union of all nodes it has been
 * on, and moves only to where all of that is.
 */
#include "daemon/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Both lists are sorted. @ret has room for all; gets copies. */
static int merge(char **a, size_t na, char **b, size_t nb, struct cpu *ret)
{
	while (na || nb) {
		int c = !na ? 1 : !nb ? -1 : strcmp(*a, *b);
		char *copy = strdup(c <= 0 ? *a : *b);

		if (!copy)
			return -ENOMEM;
		ret->flags[ret->flag_count++] = copy;
		if (c <= 0) {
			a++;
			na--;
		}
		if (c >= 0) {
			b++;
			nb--;
		}
	}
	return 0;
}

int job_note_cpu(struct job *j, const Mosix__NodeInfo *info)
{
	struct cpu sum = {0};
	int r;

	if (!info)
		return 0;
	if (info->n_cpu_flags > CPU_FLAGS_MAX)
		return -EPROTO;
	sum.xfeatures = j->cpu.xfeatures | info->xfeatures;
	sum.flags = calloc(j->cpu.flag_count + info->n_cpu_flags + 1, sizeof(*sum.flags));
	if (!sum.flags)
		return -ENOMEM;
	r = merge(j->cpu.flags, j->cpu.flag_count, info->cpu_flags, info->n_cpu_flags, &sum);
	if (r < 0) {
		cpu_done(&sum);
		return r;
	}
	cpu_done(&j->cpu);
	j->cpu = sum;
	return 0;
}
