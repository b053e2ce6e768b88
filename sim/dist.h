/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Distributions of job lengths and memory sizes, written as NAME:PARAMETER,…
 * Sources: Harchol-Balter & Downey, "Exploiting process lifetime distributions for dynamic load
 * balancing" (lifetimes follow a power law, P(life > t) ~ 1/t).
 */
#ifndef MOSIX_SIM_DIST_H
#define MOSIX_SIM_DIST_H

#include "policy/random.h"
#include <stdbool.h>
#include <stddef.h>

enum dist_kind {
	DIST_FIXED,     /* fixed:X */
	DIST_UNIFORM,   /* uniform:LOW,HIGH */
	DIST_EXP,       /* exp:MEAN */
	DIST_PARETO,    /* pareto:ALPHA,MIN */
	DIST_BPARETO,   /* bpareto:ALPHA,MIN,MAX (bounded) */
	DIST_HYPER,     /* hyper:MEAN,CV2 (two phases with balanced means; CV2: squared coefficient
			   of variation, at least 1) */
	DIST_LOGNORMAL, /* lognormal:MEDIAN,SIGMA */
	DIST_KINDS,
};

struct dist {
	enum dist_kind kind;
	double p[3];
};

/* @units: "K", "M", … behind a number multiply it, in MiB (sizes); otherwise plain numbers.
 * False: not a distribution, or its parameters make no sense. */
bool dist_parse(struct dist *ret, const char *text, bool units);
/* In the same form. */
void dist_print(const struct dist *d, char *buf, size_t size);
double dist_draw(const struct dist *d, struct random *r);
/* The mean; infinite for a Pareto distribution with ALPHA <= 1. */
double dist_mean(const struct dist *d);

/* "8G", "512M", "100" (MiB) as MiB. False: not a size. @ret_end: what follows. */
bool size_parse(double *ret, const char *text, const char **ret_end);

#endif
