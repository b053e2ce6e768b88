/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What control groups leave this process of the machine: limits up the chain of its groups, v2 or
 * v1, wherever they are mounted.
 */
#ifndef MOSIX_COMMON_LIMITS_H
#define MOSIX_COMMON_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define LIMITS_LEVELS 12
#define LIMITS_PATH_MAX 512

/* One hierarchy: the groups from our own up to what is seen of the root. */
struct limits_chain {
	bool v1;
	unsigned int count;
	char dirs[LIMITS_LEVELS][LIMITS_PATH_MAX];
};

struct limits {
	const char *root;                /* in front of every path: "" but in tests; not owned */
	struct limits_chain v2;          /* count 0: none */
	struct limits_chain cpu, memory; /* v1 */
};

/* Finds the groups through /proc/self/cgroup and /proc/self/mountinfo. 0 or negative; a system
 * without control groups is no error. */
int limits_find(struct limits *l, const char *root);

/* CPU time that may be used per time, in 1/1000 of one CPU; 0 = no limit. */
uint32_t limits_cpu(const struct limits *l);

/* Bytes. @total and @free are what is known without groups, and become less if groups say so.
 * True: there is a limit. */
bool limits_memory(const struct limits *l, uint64_t *total, uint64_t *free);
/* The same of swap. */
void limits_swap(const struct limits *l, uint64_t *total, uint64_t *free);

/* The group nearest to the root that we see: a container's own; NULL if there is none (v2). */
const char *limits_top(const struct limits *l);

/* A small file of the kernel into @buf. False: it is not there or too large. */
bool limits_read(const char *dir, const char *name, char *buf, unsigned int size);
/* The number behind "@key " in lines of keys. False: not there. */
bool limits_key(const char *text, const char *key, uint64_t *ret);

#endif
