/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results for people, for programs, and as pictures. */
#ifndef MOSIX_SIM_REPORT_H
#define MOSIX_SIM_REPORT_H

#include "common/err.h"
#include "sim/result.h"
#include "sim/trace.h"
#include <stdio.h>

struct report {
	const struct sim_conf *conf;
	const struct trace *trace;
	const struct result *results;
	uint32_t count;
};

void report_text(const struct report *r, FILE *out);
/* 0 or -ENOMEM, -EIO. */
int report_json(const struct report *r, FILE *out);
/* slowdown.svg, slowdown-cdf.svg, spread.svg and gossip-age.svg in the directory, which is made if
 * need be. 0 or negative errno with a sentence. */
int report_plots(const struct report *r, const char *dir, struct err *e);

#endif
