/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this node's CPUs can do. A program picks instructions when it starts, so it may move only to
 * where all of them exist; MOSIX calls the others unsuitable.
 */
#ifndef MOSIX_CKPT_CPU_H
#define MOSIX_CKPT_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define CPU_FLAGS_MAX 1024

struct cpu {
	uint64_t xfeatures; /* XCR0; 0 = not known or not x86 */
	char **flags;       /* as in /proc/cpuinfo, sorted, none twice */
	size_t flag_count;
};

/* 0 or negative. */
int cpu_read(struct cpu *ret);
void cpu_done(struct cpu *c);
uint64_t cpu_xcr0(void);

/* From the text of /proc/cpuinfo; only what all processors have. -EBADMSG. */
int cpu_parse(struct cpu *ret, const char *cpuinfo);

/* Can what was started on @from go on at @to? If not, the sentence names what is missing; @name is
 * the other node's. Flags must be sorted; flags that no program can see do not count. */
bool cpu_subset(const struct cpu *from, const struct cpu *to, const char *name, struct err *e);

#endif
