/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sentences for users: set, set with the system's reason, and wrapped on the way up.
 */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(struct err *e, const char *text)
{
	size_t n = strlen(e->text);

	snprintf(e->text + n, sizeof(e->text) - n, "%s", text);
}

int err_set(struct err *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return r;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return r;
}

int err_sys(struct err *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return r;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	append(e, ": ");
	append(e, strerror(-r));
	return r;
}

int err_wrap(struct err *e, int r, const char *fmt, ...)
{
	struct err inner;
	va_list ap;

	if (!e)
		return r;
	inner = *e;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	append(e, ": ");
	append(e, inner.text);
	return r;
}
