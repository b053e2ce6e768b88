/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units and safe text for people; the tables are in table.c. */
#include "cli/human.h"
#include "common/cleanup.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct human human_bytes(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	struct human h;
	size_t i = 0;

	/* 1023.95 would be printed as 1024.0 */
	while (v >= 1023.95 && i + 1 < sizeof(units) / sizeof(*units)) {
		v /= 1024;
		i++;
	}
	snprintf(h.s, sizeof(h.s), i && v < 99.95 ? "%.1f %s" : "%.0f %s", v, units[i]);
	return h;
}

static void two_units(struct human *h, uint64_t v, uint64_t per, const char *big, const char *small)
{
	if (v % per)
		snprintf(h->s, sizeof(h->s), "%" PRIu64 " %s %" PRIu64 " %s", v / per, big, v % per,
			 small);
	else
		snprintf(h->s, sizeof(h->s), "%" PRIu64 " %s", v / per, big);
}

struct human human_usec(uint64_t usec)
{
	uint64_t s = usec / 1000000;
	struct human h;

	if (usec < 1000)
		snprintf(h.s, sizeof(h.s), "%" PRIu64 " us", usec);
	else if (usec < 1000000)
		snprintf(h.s, sizeof(h.s), "%" PRIu64 " ms", usec / 1000);
	else if (s < 60)
		snprintf(h.s, sizeof(h.s), "%" PRIu64 ".%02" PRIu64 " s", s, usec / 10000 % 100);
	else if (s < 3600)
		two_units(&h, s, 60, "min", "s");
	else if (s < 86400)
		two_units(&h, s / 60, 60, "h", "min");
	else
		two_units(&h, s / 3600, 24, "d", "h");
	return h;
}

/* Length of the UTF-8 character at @s; 0 if it is none, or a control character. */
static size_t safe_char(const unsigned char *s)
{
	static const unsigned char lead[] = {0, 0, 0xc2, 0xe0, 0xf0};
	size_t n, i;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < lead[n] || s[0] > 0xf4)
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* C1 controls, of which some terminals make escape sequences; overlong forms. */
	if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90))
		return 0;
	return n;
}

char *human_safe(const char *text)
{
	char *copy = strdup(text ? text : "");
	size_t n;

	if (!copy)
		return NULL;
	for (char *p = copy; *p; p += n) {
		n = safe_char((const unsigned char *)p);
		if (!n) {
			*p = '?';
			n = 1;
		}
	}
	return copy;
}

char *human_vsafe(const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	return text ? human_safe(text) : NULL;
}

size_t human_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}
