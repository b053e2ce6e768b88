/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Distributions of job lengths and memory sizes: parsing, drawing, means. */
#include "sim/dist.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned int params;
} kinds[DIST_KINDS] = {
	[DIST_FIXED] = {"fixed", 1},
	[DIST_UNIFORM] = {"uniform", 2},
	[DIST_EXP] = {"exp", 1},
	[DIST_PARETO] = {"pareto", 2},
	[DIST_BPARETO] = {"bpareto", 3},
	[DIST_HYPER] = {"hyper", 2},
	[DIST_LOGNORMAL] = {"lognormal", 2},
};

/* ------------------------------------------------------------------ parsing */

static double unit_of(char c)
{
	switch (c) {
	case 'K':
		return 1.0 / 1024;
	case 'M':
		return 1;
	case 'G':
		return 1024;
	case 'T':
		return 1024 * 1024;
	default:
		return 0;
	}
}

bool size_parse(double *ret, const char *text, const char **ret_end)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || !isfinite(v) || v < 0)
		return false;
	if (unit_of(*end) > 0)
		v *= unit_of(*end++);
	if (ret_end)
		*ret_end = end;
	else if (*end)
		return false;
	*ret = v;
	return true;
}

static bool plain_parse(double *ret, const char *text, const char **ret_end)
{
	char *end;

	*ret = strtod(text, &end);
	*ret_end = end;
	return end != text && isfinite(*ret);
}

static bool sensible(const struct dist *d)
{
	const double *p = d->p;

	switch (d->kind) {
	case DIST_FIXED:
	case DIST_EXP:
		return p[0] > 0;
	case DIST_UNIFORM:
		return p[0] > 0 && p[1] >= p[0];
	case DIST_PARETO:
	case DIST_LOGNORMAL:
		return p[0] > 0 && p[1] > 0;
	case DIST_BPARETO:
		return p[0] > 0 && p[1] > 0 && p[2] > p[1];
	case DIST_HYPER:
		return p[0] > 0 && p[1] >= 1;
	case DIST_KINDS:
		break;
	}
	return false;
}

/* Has parameter @i of this kind the dimension of what is drawn? */
static bool is_size(enum dist_kind kind, unsigned int i)
{
	switch (kind) {
	case DIST_PARETO:
	case DIST_BPARETO:
		return i > 0;
	case DIST_HYPER:
	case DIST_LOGNORMAL:
		return i == 0;
	case DIST_FIXED:
	case DIST_UNIFORM:
	case DIST_EXP:
	case DIST_KINDS:
		break;
	}
	return true;
}

static bool parse_params(struct dist *d, const char *p, bool units)
{
	for (unsigned int i = 0; i < kinds[d->kind].params; i++) {
		if (i && *p++ != ',')
			return false;
		if (!(units && is_size(d->kind, i) ? size_parse(&d->p[i], p, &p)
						   : plain_parse(&d->p[i], p, &p)))
			return false;
	}
	return !*p && sensible(d);
}

bool dist_parse(struct dist *ret, const char *text, bool units)
{
	struct dist d = {0};

	for (int k = 0; k < DIST_KINDS; k++) {
		size_t n = strlen(kinds[k].name);

		if (strncmp(text, kinds[k].name, n) != 0 || text[n] != ':')
			continue;
		d.kind = (enum dist_kind)k;
		if (!parse_params(&d, text + n + 1, units))
			return false;
		*ret = d;
		return true;
	}
	return false;
}

void dist_print(const struct dist *d, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s:", kinds[d->kind].name);

	for (unsigned int i = 0; i < kinds[d->kind].params && n >= 0 && (size_t)n < size; i++)
		n += snprintf(buf + n, size - (size_t)n, "%s%g", i ? "," : "", d->p[i]);
}

/* ------------------------------------------------------------------ drawing */

/* 0 < x <= 1 */
static double draw_positive(struct random *r)
{
	return 1 - random_unit(r);
}

static double draw_exp(struct random *r, double mean)
{
	return -mean * log(draw_positive(r));
}

/* Inverse of the distribution function. */
static double draw_bpareto(struct random *r, double alpha, double low, double high)
{
	double ratio = pow(low / high, alpha);

	return low * pow(1 - random_unit(r) * (1 - ratio), -1 / alpha);
}

/* Balanced means: each phase contributes half of the work. */
static double draw_hyper(struct random *r, double mean, double cv2)
{
	double p = (1 + sqrt((cv2 - 1) / (cv2 + 1))) / 2;

	return random_unit(r) < p ? draw_exp(r, mean / (2 * p)) : draw_exp(r, mean / (2 * (1 - p)));
}

/* Box & Muller. */
static double draw_normal(struct random *r)
{
	double radius = sqrt(-2 * log(draw_positive(r)));

	return radius * cos(2 * M_PI * random_unit(r));
}

double dist_draw(const struct dist *d, struct random *r)
{
	const double *p = d->p;

	switch (d->kind) {
	case DIST_FIXED:
		return p[0];
	case DIST_UNIFORM:
		return p[0] + (p[1] - p[0]) * random_unit(r);
	case DIST_EXP:
		return draw_exp(r, p[0]);
	case DIST_PARETO:
		return p[1] * pow(draw_positive(r), -1 / p[0]);
	case DIST_BPARETO:
		return draw_bpareto(r, p[0], p[1], p[2]);
	case DIST_HYPER:
		return draw_hyper(r, p[0], p[1]);
	case DIST_LOGNORMAL:
		return p[0] * exp(p[1] * draw_normal(r));
	case DIST_KINDS:
		break;
	}
	return 0;
}

static double bpareto_mean(double a, double low, double high)
{
	double ratio = pow(low / high, a);

	if (fabs(a - 1) < 1e-9)
		return low / (1 - low / high) * log(high / low);
	return pow(low, a) / (1 - ratio) * a / (a - 1) * (pow(low, 1 - a) - pow(high, 1 - a));
}

double dist_mean(const struct dist *d)
{
	const double *p = d->p;

	switch (d->kind) {
	case DIST_FIXED:
	case DIST_EXP:
	case DIST_HYPER:
		return p[0];
	case DIST_UNIFORM:
		return (p[0] + p[1]) / 2;
	case DIST_PARETO:
		return p[0] > 1 ? p[0] * p[1] / (p[0] - 1) : HUGE_VAL;
	case DIST_BPARETO:
		return bpareto_mean(p[0], p[1], p[2]);
	case DIST_LOGNORMAL:
		return p[0] * exp(p[1] * p[1] / 2);
	case DIST_KINDS:
		break;
	}
	return 0;
}
