/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Job numbers as text.
 */
#include "common/jobid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct jobid_text jobid_str(uint64_t job)
{
	struct jobid_text t;

	snprintf(t.s, sizeof(t.s), "%" PRIu32 ".%" PRIu32, jobid_home(job), jobid_seq(job));
	return t;
}

/* A decimal number from 1 to UINT32_MAX without sign, spaces or leading zeros. */
static int parse_part(const char **text, uint32_t *ret)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '1' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > UINT32_MAX)
			return -EINVAL;
	}
	*text = p;
	*ret = (uint32_t)v;
	return 0;
}

int jobid_parse(const char *text, uint64_t *ret)
{
	uint32_t home, seq;

	if (parse_part(&text, &home) < 0 || *text++ != '.')
		return -EINVAL;
	if (parse_part(&text, &seq) < 0 || *text)
		return -EINVAL;
	*ret = jobid_make(home, seq);
	return 0;
}
