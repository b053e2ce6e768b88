/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables whose columns are as wide as what stands in them. */
#include "cli/human.h"
#include "common/cleanup.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

struct table {
	const char *const *columns;
	size_t cols;
	char **cells;
	size_t count;
	size_t room;
	bool lost;
};

struct table *table_new(const char *const columns[])
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	while (columns[t->cols] && t->cols < TABLE_COLS_MAX)
		t->cols++;
	return t;
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
	return NULL;
}

void table_freep(struct table **t)
{
	*t = table_free(*t);
}

static bool make_room(struct table *t)
{
	size_t room = t->room ? 2 * t->room : 64;
	char **cells;

	if (t->count < t->room)
		return true;
	cells = reallocarray(t->cells, room, sizeof(*cells));
	if (!cells)
		return false;
	t->cells = cells;
	t->room = room;
	return true;
}

void table_add(struct table *t, const char *fmt, ...)
{
	char *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (make_room(t))
		safe = human_vsafe(fmt, ap);
	va_end(ap);
	if (safe)
		t->cells[t->count++] = safe;
	else
		t->lost = true;
}

static bool to_right(const struct table *t, size_t col)
{
	return t->columns[col][0] == '>';
}

static const char *header(const struct table *t, size_t col)
{
	return t->columns[col] + to_right(t, col);
}

static size_t column_width(const struct table *t, size_t col)
{
	size_t width = human_width(header(t, col));

	for (size_t i = col; i < t->count; i += t->cols) {
		size_t w = human_width(t->cells[i]);

		width = w > width ? w : width;
	}
	return width;
}

static void print_padded(FILE *out, size_t n)
{
	fprintf(out, "%*s", (int)n, "");
}

/* At most @max characters (0: all), never half of one. */
static void print_cut(FILE *out, const char *text, size_t max)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		if (((unsigned char)*p & 0xc0) != 0x80 && max && n++ == max)
			return;
		putc(*p, out);
	}
}

static void print_cell(const struct table *t, FILE *out, size_t col, const char *text, size_t width,
		       size_t max)
{
	size_t w = human_width(text), pad = width > w ? width - w : 0;
	bool last = col + 1 == t->cols;

	if (to_right(t, col))
		print_padded(out, pad);
	print_cut(out, text, last ? max : 0);
	if (last)
		putc('\n', out);
	else
		print_padded(out, to_right(t, col) ? 2 : pad + 2);
}

int table_print(const struct table *t, FILE *out, size_t width)
{
	size_t widths[TABLE_COLS_MAX] = {0}, before = 0, max = 0;

	if (t->lost)
		return -ENOMEM;
	for (size_t i = 0; i < t->cols; i++) {
		widths[i] = column_width(t, i);
		before += i + 1 < t->cols ? widths[i] + 2 : 0;
	}
	if (width)
		max = width > before + 8 ? width - before : 8;
	for (size_t i = 0; i < t->cols; i++)
		print_cell(t, out, i, header(t, i), widths[i], 0);
	for (size_t i = 0; i < t->count; i++)
		print_cell(t, out, i % t->cols, t->cells[i], widths[i % t->cols], max);
	return 0;
}
