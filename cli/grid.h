/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A picture made of characters: what is drawn here is shown by cli/screen.h, or looked at by a
 * test.
 */
#ifndef MOSIX_CLI_GRID_H
#define MOSIX_CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRID_ROWS_MAX 500
#define GRID_COLS_MAX 1000

enum grid_style {
	GRID_PLAIN,
	GRID_TITLE,
	GRID_DIM,
	GRID_GOOD,
	GRID_WARN,
	GRID_BAD,
	GRID_SECOND, /* the other part of a bar */
	GRID_SELECTED,
	GRID_STYLES,
};

struct grid_cell {
	uint32_t ch; /* Unicode, one column wide */
	uint8_t style;
};

struct grid {
	unsigned int rows, cols;
	bool utf8; /* else nothing but ASCII comes out */
	struct grid_cell *cells;
};

/* Makes it empty, of that size as far as it may be. 0 or -ENOMEM. */
int grid_reset(struct grid *g, unsigned int rows, unsigned int cols);
void grid_done(struct grid *g);

static inline struct grid_cell *grid_at(struct grid *g, unsigned int row, unsigned int col)
{
	return row < g->rows && col < g->cols ? &g->cells[row * g->cols + col] : NULL;
}

/* What is outside of the grid is not drawn. */
void grid_put(struct grid *g, unsigned int row, unsigned int col, uint32_t ch,
	      enum grid_style style);
/* Any bytes; what cannot be shown in one column becomes '?'. Returns the column behind it. */
unsigned int grid_text(struct grid *g, unsigned int row, unsigned int col, enum grid_style style,
		       const char *text);
unsigned int grid_print(struct grid *g, unsigned int row, unsigned int col, enum grid_style style,
			const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Gives the whole row that style, from @col on. */
void grid_style_row(struct grid *g, unsigned int row, unsigned int col, enum grid_style style);

struct table;
/* Which part of a table is seen. */
struct grid_scroll {
	size_t first; /* line behind the header */
	size_t left;  /* character of each line */
	int selected; /* line that is marked, -1 = none */
};

/* A table from @row to before @end: its header, then its lines. The scroll is changed so that the
 * selected line is in sight and no room is wasted. Returns how many lines the table has, or
 * -ENOMEM. */
int grid_table(struct grid *g, unsigned int row, unsigned int end, const struct table *t,
	       struct grid_scroll *s);

#endif
