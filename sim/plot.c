/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The charts of a report. */
#include "common/cleanup.h"
#include "sim/plot_svg.h"
#include "sim/report.h"
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#define CDF_POINTS 400u

static void plot_slowdown(const struct report *r, FILE *f)
{
	double high = 10;
	struct svg g;

	for (uint32_t i = 0; i < r->count; i++)
		high = fmax(high, r->results[i].p99 * 1.2);
	svg_begin(&g, f, "Slowdown: mean (bar), median, 95 % and 99 % (lines)", (struct axis){0},
		  (struct axis){"times as long as alone on the fastest node", 1, high, true});
	for (uint32_t i = 0; i < r->count; i++) {
		const struct result *p = &r->results[i];
		const double marks[] = {p->p50, p->p95, p->p99};

		svg_bar(&g, i, r->count, p->policy, p->mean, marks, 3);
	}
	svg_end(&g);
}

static void plot_cdf(const struct report *r, FILE *f)
{
	double high = 10;
	struct svg g;

	for (uint32_t i = 0; i < r->count; i++)
		high = fmax(high, r->results[i].p99 * 1.5);
	svg_begin(&g, f, "Share of jobs whose slowdown is not larger",
		  (struct axis){"slowdown", 1, high, true}, (struct axis){"share", 0, 1, false});
	for (uint32_t i = 0; i < r->count; i++) {
		const struct result *p = &r->results[i];

		svg_line(&g, p->policy, false);
		for (uint32_t k = 0; k < CDF_POINTS && p->slowdown_count; k++) {
			double q = (k + 0.5) / CDF_POINTS;
			uint32_t at = (uint32_t)(q * p->slowdown_count);

			svg_point(&g, (double)p->slowdowns[at], q);
		}
		svg_line_end(&g);
	}
	svg_end(&g);
}

static void plot_spread(const struct report *r, FILE *f)
{
	double wide = 1, high = 0.1;
	struct svg g;

	for (uint32_t i = 0; i < r->count; i++)
		for (uint32_t k = 0; k < r->results[i].point_count; k++) {
			wide = fmax(wide, (double)r->results[i].points[k].seconds);
			high = fmax(high, (double)r->results[i].points[k].spread);
		}
	svg_begin(&g, f, "Spread of load over the nodes", (struct axis){"seconds", 0, wide, false},
		  (struct axis){"standard deviation of jobs per standard CPU", 0, high, false});
	for (uint32_t i = 0; i < r->count; i++) {
		const struct result *p = &r->results[i];

		svg_line(&g, p->policy, false);
		for (uint32_t k = 0; k < p->point_count; k++)
			svg_point(&g, (double)p->points[k].seconds, (double)p->points[k].spread);
		svg_line_end(&g);
	}
	svg_end(&g);
}

static void age_line(struct svg *g, const char *name, double x, double high)
{
	svg_line(g, name, true);
	svg_point(g, x, 0);
	svg_point(g, x, high);
	svg_line_end(g);
}

static void plot_ages(const struct report *r, FILE *f)
{
	const struct result *p = &r->results[r->count - 1];
	const struct know_stats *s = &p->gossip;
	double high = 0, wide = 10, all = s->age_count ? (double)s->age_count : 1;
	struct svg g;

	for (uint32_t i = 0; i < KNOW_AGE_BINS; i++) {
		high = fmax(high, (double)s->ages[i] / all);
		if (s->ages[i])
			wide = i + 1;
	}
	svg_begin(&g, f, "Age of what a node knows of another",
		  (struct axis){"steps", 0, wide, false}, (struct axis){"share", 0, high, false});
	svg_line(&g, "ages", false);
	for (uint32_t i = 0; i < (uint32_t)wide; i++)
		svg_point(&g, i + 0.5, (double)s->ages[i] / all);
	svg_line_end(&g);
	age_line(&g, "average", s->age_sum / all, high);
	age_line(&g, "formula", p->age_average, high);
	age_line(&g, "largest, formula", p->age_bound, high);
	svg_end(&g);
}

static int plot(const struct report *r, const char *dir, const char *name,
		void (*draw)(const struct report *, FILE *), struct err *e)
{
	_cleanup_file_ FILE *f = NULL;
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return err_set(e, -ENOMEM, "no memory for a chart");
	}
	f = fopen(path, "we");
	if (!f)
		return err_sys(e, -errno, "the chart %s cannot be written", path);
	draw(r, f);
	if (fflush(f) || ferror(f))
		return err_sys(e, -EIO, "the chart %s cannot be written", path);
	return 0;
}

int report_plots(const struct report *r, const char *dir, struct err *e)
{
	static const struct {
		const char *name;
		void (*draw)(const struct report *, FILE *);
	} charts[] = {
		{"slowdown.svg", plot_slowdown},
		{"slowdown-cdf.svg", plot_cdf},
		{"spread.svg", plot_spread},
		{"gossip-age.svg", plot_ages},
	};
	int n = 0;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "%s cannot be made", dir);
	for (size_t i = 0; i < sizeof(charts) / sizeof(charts[0]) && !n; i++)
		n = plot(r, dir, charts[i].name, charts[i].draw, e);
	return n;
}
