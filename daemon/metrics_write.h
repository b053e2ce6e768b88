/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OpenMetrics 1.0 text: families and samples, with what the format asks for between them. Source:
 * https://github.com/prometheus/OpenMetrics, specification/OpenMetrics.md.
 */
#ifndef MOSIX_DAEMON_METRICS_WRITE_H
#define MOSIX_DAEMON_METRICS_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_BUCKETS 12

/* Of seconds; the last bucket has no upper bound. */
struct histogram {
	const double *bounds; /* HISTOGRAM_BUCKETS - 1 of them, rising; of static storage */
	uint64_t count[HISTOGRAM_BUCKETS];
	double sum;
};

void histogram_add(struct histogram *h, double seconds);

struct metrics_write {
	FILE *f;
	char family[64];
};

/* @type: "gauge", "counter", "info", "histogram"; @unit: NULL, or what @name ends with. */
void metrics_family(struct metrics_write *w, const char *name, const char *type, const char *unit,
		    const char *help);
/* metrics_sample(w, value, suffix, name, label, …): one sample of the last family. The suffix is
 * "",
 * "_total" or "_info"; labels may be any text. */
#define metrics_sample(...) metrics_sample_end(__VA_ARGS__, (const char *)0)
void metrics_sample_end(struct metrics_write *w, double value, const char *suffix, ...)
	__attribute__((sentinel));
void metrics_histogram(struct metrics_write *w, const struct histogram *h);
void metrics_end(struct metrics_write *w);

#endif
