/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Job numbers: (home node << 32 | sequence), both at least 1. People see HOME.SEQ.
 */
#ifndef MOSIX_COMMON_JOBID_H
#define MOSIX_COMMON_JOBID_H

#include <stdint.h>

#define JOBID_TEXT_MAX 24

struct jobid_text {
	char s[JOBID_TEXT_MAX];
};

static inline uint64_t jobid_make(uint32_t home, uint32_t seq)
{
	return (uint64_t)home << 32 | seq;
}

static inline uint32_t jobid_home(uint64_t job)
{
	return (uint32_t)(job >> 32);
}

static inline uint32_t jobid_seq(uint64_t job)
{
	return (uint32_t)job;
}

/* By value, for printf: jobid_str(job).s */
struct jobid_text jobid_str(uint64_t job);

/* Reads "HOME.SEQ"; 0 or -EINVAL. */
int jobid_parse(const char *text, uint64_t *ret);

#endif
