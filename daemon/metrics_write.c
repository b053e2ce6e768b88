/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenMetrics text. */
#include "daemon/metrics_write.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* whole numbers up to it have all their digits */

void histogram_add(struct histogram *h, double seconds)
{
	size_t i = 0;

	while (i < HISTOGRAM_BUCKETS - 1 && seconds > h->bounds[i])
		i++;
	h->count[i]++;
	h->sum += seconds;
}

static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			fputs("\\n", f);
			continue;
		}
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc(*text, f);
	}
}

static void put_number(FILE *f, double v)
{
	if (fabs(v) < EXACT_MAX && v == trunc(v))
		fprintf(f, "%.0f", v);
	else
		fprintf(f, "%.9g", v);
}

void metrics_family(struct metrics_write *w, const char *name, const char *type, const char *unit,
		    const char *help)
{
	snprintf(w->family, sizeof(w->family), "%s", name);
	fprintf(w->f, "# TYPE %s %s\n", name, type);
	if (unit)
		fprintf(w->f, "# UNIT %s %s\n", name, unit);
	fprintf(w->f, "# HELP %s ", name);
	put_escaped(w->f, help);
	fputc('\n', w->f);
}

void metrics_sample_end(struct metrics_write *w, double value, const char *suffix, ...)
{
	const char *name;
	char before = '{';
	va_list ap;

	fprintf(w->f, "%s%s", w->family, suffix);
	va_start(ap, suffix);
	while ((name = va_arg(ap, const char *))) {
		fprintf(w->f, "%c%s=\"", before, name);
		put_escaped(w->f, va_arg(ap, const char *));
		fputc('"', w->f);
		before = ',';
	}
	va_end(ap);
	fputs(before == ',' ? "} " : " ", w->f);
	put_number(w->f, value);
	fputc('\n', w->f);
}

void metrics_histogram(struct metrics_write *w, const struct histogram *h)
{
	uint64_t total = 0;
	char bound[32];

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		total += h->count[i];
		if (i < HISTOGRAM_BUCKETS - 1)
			snprintf(bound, sizeof(bound), "%g", h->bounds[i]);
		else
			strcpy(bound, "+Inf");
		/* Bounds are to be written as floating-point numbers. */
		if (!strpbrk(bound, ".eI"))
			strcat(bound, ".0");
		metrics_sample(w, (double)total, "_bucket", "le", bound);
	}
	metrics_sample(w, (double)total, "_count");
	metrics_sample(w, h->sum, "_sum");
}

void metrics_end(struct metrics_write *w)
{
	fputs("# EOF\n", w->f);
}
