/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Simple charts as SVG: axes with numbers, bars, lines, a legend. */
#ifndef MOSIX_SIM_PLOT_SVG_H
#define MOSIX_SIM_PLOT_SVG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct axis {
	const char *label;
	double low, high;
	bool log; /* low > 0 */
};

struct svg {
	FILE *f;
	struct axis x, y;
	uint32_t series; /* drawn so far */
};

void svg_begin(struct svg *g, FILE *f, const char *title, struct axis x, struct axis y);
/* A new line: then its points, from left to right. */
void svg_line(struct svg *g, const char *name, bool dashed);
void svg_point(struct svg *g, double x, double y);
void svg_line_end(struct svg *g);
/* Bar @i of @n, in place of an x axis with numbers (x.label NULL). @marks: heights of ticks on it.
 */
void svg_bar(struct svg *g, uint32_t i, uint32_t n, const char *name, double height,
	     const double *marks, uint32_t mark_count);
void svg_end(struct svg *g);

#endif
