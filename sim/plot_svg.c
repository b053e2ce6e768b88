/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Simple charts as SVG. Numbers are printed with fixed digits, so that equal runs give equal files.
 */
#include "sim/plot_svg.h"
#include <math.h>
#include <stddef.h>

#define WIDTH 900.0
#define HEIGHT 520.0
#define LEFT 70.0
#define RIGHT 170.0
#define TOP 44.0
#define BOTTOM 56.0
#define TICKS 6

static const char *const colours[] = {
	"#888888", "#c9a227", "#8c564b", "#2ca02c", "#17becf",
	"#9467bd", "#ff7f0e", "#1f77b4", "#d62728", "#111111",
};

static const char *colour(const struct svg *g, uint32_t i)
{
	(void)g;
	return colours[i % (sizeof(colours) / sizeof(colours[0]))];
}

static double share(const struct axis *a, double v)
{
	double x;

	if (a->high <= a->low)
		return 0;
	if (a->log)
		x = log(fmax(v, a->low) / a->low) / log(a->high / a->low);
	else
		x = (v - a->low) / (a->high - a->low);
	return fmin(fmax(x, 0), 1);
}

static double at_x(const struct svg *g, double v)
{
	return LEFT + share(&g->x, v) * (WIDTH - LEFT - RIGHT);
}

static double at_y(const struct svg *g, double v)
{
	return HEIGHT - BOTTOM - share(&g->y, v) * (HEIGHT - TOP - BOTTOM);
}

/* ------------------------------------------------------------------ axes */

static void tick_x(struct svg *g, double v)
{
	double x = at_x(g, v);

	fprintf(g->f,
		"<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#dddddd'/>"
		"<text x='%.1f' y='%.1f' text-anchor='middle'>%.4g</text>\n",
		x, TOP, x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 18, v);
}

static void tick_y(struct svg *g, double v)
{
	double y = at_y(g, v);

	fprintf(g->f,
		"<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#dddddd'/>"
		"<text x='%.1f' y='%.1f' text-anchor='end'>%.4g</text>\n",
		LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, v);
}

/* 1, 2 or 5 times a power of ten. */
static double round_step(double span)
{
	double power = pow(10, floor(log10(span))), m = span / power;

	return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static void ticks(struct svg *g, const struct axis *a, void (*tick)(struct svg *, double))
{
	double step;

	if (a->high <= a->low)
		return;
	if (a->log) {
		for (double v = pow(10, ceil(log10(a->low) - 1e-9)); v <= a->high * 1.0001; v *= 10)
			tick(g, v);
		return;
	}
	step = round_step((a->high - a->low) / TICKS);
	for (double v = ceil(a->low / step) * step; v <= a->high + step * 1e-6; v += step)
		tick(g, fabs(v) < step * 1e-6 ? 0 : v);
}

void svg_begin(struct svg *g, FILE *f, const char *title, struct axis x, struct axis y)
{
	*g = (struct svg){.f = f, .x = x, .y = y};
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %.0f %.0f' "
		"font-family='sans-serif' font-size='12'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n"
		"<text x='%.1f' y='24' font-size='16'>%s</text>\n",
		WIDTH, HEIGHT, LEFT, title);
	if (x.label)
		ticks(g, &x, tick_x);
	ticks(g, &y, tick_y);
	fprintf(f,
		"<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>\n"
		"<text transform='translate(16 %.1f) rotate(-90)' text-anchor='middle'>%s</text>\n",
		(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x.label ? x.label : "",
		(TOP + HEIGHT - BOTTOM) / 2, y.label);
}

void svg_end(struct svg *g)
{
	fprintf(g->f,
		"<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='none' "
		"stroke='black'/>\n</svg>\n",
		LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
}

/* ------------------------------------------------------------------ series */

void svg_line(struct svg *g, const char *name, bool dashed)
{
	const char *c = colour(g, g->series), *dash = dashed ? " stroke-dasharray='6 4'" : "";
	double y = TOP + 12 + 18 * g->series;

	fprintf(g->f,
		"<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-width='2'%s/>"
		"<text x='%.1f' y='%.1f'>%s</text>\n",
		WIDTH - RIGHT + 10, y, WIDTH - RIGHT + 34, y, c, dash, WIDTH - RIGHT + 40, y + 4,
		name);
	fprintf(g->f, "<polyline fill='none' stroke='%s' stroke-width='1.5'%s points='", c, dash);
	g->series++;
}

void svg_point(struct svg *g, double x, double y)
{
	fprintf(g->f, "%.1f,%.1f ", at_x(g, x), at_y(g, y));
}

void svg_line_end(struct svg *g)
{
	fprintf(g->f, "'/>\n");
}

void svg_bar(struct svg *g, uint32_t i, uint32_t n, const char *name, double height,
	     const double *marks, uint32_t mark_count)
{
	double wide = (WIDTH - LEFT - RIGHT) / n, x = LEFT + wide * i + wide * 0.15;
	double y = at_y(g, height), right = x + wide * 0.7;

	fprintf(g->f, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s'/>\n", x, y,
		wide * 0.7, HEIGHT - BOTTOM - y, colour(g, i));
	fprintf(g->f,
		"<text x='%.1f' y='%.1f' text-anchor='middle' font-size='11'>%s</text>"
		"<text x='%.1f' y='%.1f' text-anchor='middle'>%.2f</text>\n",
		(x + right) / 2, HEIGHT - BOTTOM + 16 + 12 * (i % 2), name, (x + right) / 2, y - 4,
		height);
	for (uint32_t k = 0; k < mark_count; k++)
		fprintf(g->f,
			"<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='black' "
			"stroke-width='1.5'/>\n",
			x, at_y(g, marks[k]), right, at_y(g, marks[k]));
}
