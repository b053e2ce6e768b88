/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures made of characters. */
#include "cli/grid.h"
#include "cli/human.h"
#include "common/cleanup.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

int grid_reset(struct grid *g, unsigned int rows, unsigned int cols)
{
	struct grid_cell *cells;

	rows = rows < GRID_ROWS_MAX ? rows : GRID_ROWS_MAX;
	cols = cols < GRID_COLS_MAX ? cols : GRID_COLS_MAX;
	cells = calloc((size_t)rows * cols + 1, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	for (size_t i = 0; i < (size_t)rows * cols; i++)
		cells[i].ch = ' ';
	free(g->cells);
	g->cells = cells;
	g->rows = rows;
	g->cols = cols;
	return 0;
}

void grid_done(struct grid *g)
{
	free(g->cells);
	g->cells = NULL;
	g->rows = g->cols = 0;
}

void grid_put(struct grid *g, unsigned int row, unsigned int col, uint32_t ch,
	      enum grid_style style)
{
	struct grid_cell *c = grid_at(g, row, col);

	if (!c)
		return;
	c->ch = ch < 0x7f || g->utf8 ? ch : '?';
	c->style = (uint8_t)style;
}

/* The character at *text of a string that human_safe() made. */
static uint32_t next_char(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	unsigned int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
	uint32_t ch = *p++;

	ch &= more ? 0x3fu >> more : 0x7f;
	while (more--)
		ch = ch << 6 | (*p++ & 0x3f);
	*text = (const char *)p;
	return ch;
}

unsigned int grid_text(struct grid *g, unsigned int row, unsigned int col, enum grid_style style,
		       const char *text)
{
	_cleanup_free_ char *safe = human_safe(text);
	const char *p = safe ? safe : "";

	while (*p && col < g->cols) {
		uint32_t ch = next_char(&p);

		grid_put(g, row, col++, ch < 0x80 || wcwidth((wchar_t)ch) == 1 ? ch : '?', style);
	}
	return col;
}

unsigned int grid_print(struct grid *g, unsigned int row, unsigned int col, enum grid_style style,
			const char *fmt, ...)
{
	char text[GRID_COLS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return grid_text(g, row, col, style, text);
}

void grid_style_row(struct grid *g, unsigned int row, unsigned int col, enum grid_style style)
{
	for (; col < g->cols; col++)
		if (grid_at(g, row, col))
			grid_at(g, row, col)->style = (uint8_t)style;
}

/* ------------------------------------------------------------------ tables */

static size_t count_lines(const char *text, size_t *ret_width)
{
	size_t n = 0, width = 0;

	*ret_width = 0;
	for (; *text; text++) {
		n += *text == '\n';
		width = *text == '\n' ? 0 : width + ((*text & 0xc0) != 0x80);
		*ret_width = width > *ret_width ? width : *ret_width;
	}
	return n;
}

static void fit(struct grid_scroll *s, size_t lines, size_t room, size_t width, size_t cols)
{
	size_t most = lines > room ? lines - room : 0;

	if (s->selected >= 0 && (size_t)s->selected < s->first)
		s->first = (size_t)s->selected;
	if (s->selected >= 0 && room && (size_t)s->selected >= s->first + room)
		s->first = (size_t)s->selected - room + 1;
	s->first = s->first < most ? s->first : most;
	most = width > cols ? width - cols : 0;
	s->left = s->left < most ? s->left : most;
}

static void draw_line(struct grid *g, unsigned int row, enum grid_style style, const char *line,
		      size_t left)
{
	while (left && *line) {
		(void)next_char(&line);
		left--;
	}
	grid_text(g, row, 0, style, line);
	if (style != GRID_PLAIN)
		grid_style_row(g, row, 0, style);
}

static void draw_lines(struct grid *g, unsigned int row, unsigned int end, char *text,
		       const struct grid_scroll *s)
{
	char *line = strsep(&text, "\n");

	draw_line(g, row++, GRID_TITLE, line, s->left);
	for (size_t i = 0; (line = strsep(&text, "\n")) && row < end; i++)
		if (i >= s->first && text)
			draw_line(g, row++,
				  s->selected >= 0 && i == (size_t)s->selected ? GRID_SELECTED
									       : GRID_PLAIN,
				  line, s->left);
}

int grid_table(struct grid *g, unsigned int row, unsigned int end, const struct table *t,
	       struct grid_scroll *s)
{
	_cleanup_free_ char *text = NULL;
	size_t len, lines, width;
	FILE *f;
	int r;

	end = end < g->rows ? end : g->rows;
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	r = t ? table_print(t, f, 0) : -ENOMEM;
	if (fclose(f) || r < 0)
		return -ENOMEM;
	lines = count_lines(text, &width) - 1;
	fit(s, lines, end > row + 1 ? end - row - 1 : 0, width, g->cols);
	if (row < end)
		draw_lines(g, row, end, text, s);
	return (int)lines;
}
