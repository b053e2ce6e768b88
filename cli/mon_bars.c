/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classic display: a bar for each node. */
#include "cli/human.h"
#include "cli/mon.h"
#include "cli/node_text.h"
#include <math.h>
#include <string.h>

#define AXIS 8u /* columns for the scale and its line */
#define CELL_MAX 9u
#define GIB (1024.0 * 1024 * 1024)

/* Second stands on top of main. */
struct bar {
	double main, second;
};

struct chart {
	const struct mon *m;
	struct grid *g;
	unsigned int top, height;  /* of the bars */
	unsigned int cell, digits; /* columns for a node; of the largest number */
	bool upright;              /* numbers are written downwards */
	double scale;
};

static struct bar bar_of(enum mon_view view, const Mosix__NodeRow *row)
{
	const Mosix__Load *l = node_load_of(row);
	double total = (double)node_memory(row), cpus = node_cpus(row);
	struct bar b = {0};

	if (view == MON_LOAD)
		b.main = l->load / 100.0;
	else if (view == MON_SPEED)
		b.main = cpus * l->speed / 1e7;
	else if (view == MON_USED && cpus > 0)
		b.main = fmin(100.0 * l->runnable / cpus, 100);
	if (view == MON_GUESTS) {
		b.main = l->guests;
		b.second = l->jobs;
	}
	if (view == MON_MEMORY) {
		b.second = fmin((double)l->memory_free, total);
		b.main = total - b.second;
	}
	return b;
}

/* ------------------------------------------------------------------ the scale */

/* 1, 2 or 5 with zeros behind or before it, at least @v. */
static double round_up(double v)
{
	double power = pow(10, floor(log10(v)));

	for (double step = 1; step < 10; step = step < 2 ? 2 : step < 5 ? 5 : 10)
		if (v <= step * power * 1.000001)
			return step * power;
	return 10 * power;
}

static double choose_scale(enum mon_view view, double most)
{
	static const double least[] = {
		[MON_LOAD] = 1,   [MON_MEMORY] = GIB, [MON_SPEED] = 1,
		[MON_GUESTS] = 5, [MON_USED] = 100,
	};

	most = fmax(most, least[view]);
	if (view == MON_MEMORY)
		return GIB * pow(2, ceil(log2(most / GIB) - 0.000001));
	return view == MON_USED ? 100 : round_up(most);
}

static void scale_text(enum mon_view view, double v, char *buf, size_t size)
{
	/* Powers of two, and halves of them. */
	if (view == MON_MEMORY && v > 0)
		snprintf(buf, size, v < 1024 * GIB ? "%g GiB" : "%g TiB",
			 v < 1024 * GIB ? v / GIB : v / GIB / 1024);
	else
		snprintf(buf, size, "%g%s", v, view == MON_USED ? "%" : "");
}

static void draw_label(const struct chart *c, unsigned int row, double v)
{
	char text[HUMAN_MAX];
	size_t len;

	scale_text(c->m->view, v, text, sizeof(text));
	len = strlen(text);
	grid_text(c->g, row, len < AXIS ? AXIS - 1 - (unsigned int)len : 0, GRID_DIM, text);
}

static void draw_axis(const struct chart *c)
{
	unsigned int bottom = c->top + c->height;
	bool utf8 = c->g->utf8;

	for (unsigned int row = c->top; row < bottom; row++)
		grid_put(c->g, row, AXIS - 1, utf8 ? 0x2502 : '|', GRID_DIM);
	grid_put(c->g, bottom, AXIS - 1, utf8 ? 0x2514 : '+', GRID_DIM);
	for (unsigned int col = AXIS; col < c->g->cols; col++)
		grid_put(c->g, bottom, col, utf8 ? 0x2500 : '-', GRID_DIM);
	draw_label(c, c->top, c->scale);
	if (c->height >= 4)
		draw_label(c, c->top + c->height / 2, c->scale / 2);
	draw_label(c, bottom, 0);
}

/* ------------------------------------------------------------------ bars */

/* @eighths of a character, from below. */
static uint32_t block(bool utf8, bool second, unsigned int eighths)
{
	if (!utf8)
		return second         ? (eighths >= 4 ? '.' : ' ')
		       : eighths >= 7 ? '#'
		       : eighths >= 4 ? ':'
				      : '.';
	if (second)
		return eighths >= 4 ? 0x2591 : ' ';
	return 0x2580 + eighths;
}

static enum grid_style style_of(const Mosix__NodeRow *row)
{
	const char *state = node_short_state(row);

	if (!node_is_there(row))
		return GRID_BAD;
	return strcmp(state, "alive") != 0 ? GRID_WARN : GRID_GOOD;
}

static unsigned int eighths_of(const struct chart *c, double v)
{
	double n = v / c->scale * c->height * 8;

	/* What is there at all is seen. */
	return n <= 0                ? 0
	       : n < 1               ? 1
	       : n < c->height * 8.0 ? (unsigned int)lround(n)
				     : c->height * 8;
}

static void draw_bar(const struct chart *c, unsigned int col, unsigned int width,
		     const Mosix__NodeRow *row)
{
	struct bar b = bar_of(c->m->view, row);
	unsigned int main = eighths_of(c, b.main), all = eighths_of(c, b.main + b.second);

	for (unsigned int i = 0; i < c->height; i++) {
		unsigned int from = 8 * i, y = c->top + c->height - 1 - i;
		bool second = main <= from;
		unsigned int upto = second ? all : main;
		uint32_t ch;

		if (upto <= from)
			break;
		ch = block(c->g->utf8, second, upto - from < 8 ? upto - from : 8);
		for (unsigned int k = 0; k < width; k++)
			grid_put(c->g, y, col + k, ch, second ? GRID_SECOND : style_of(row));
	}
}

/* "dead" from below, as far as there is room. */
static void draw_absent(const struct chart *c, unsigned int col, const Mosix__NodeRow *row)
{
	const char *text = node_state_text(row);
	unsigned int len = (unsigned int)strlen(text);

	for (unsigned int i = 0; i < len && i < c->height; i++)
		grid_put(c->g, c->top + c->height - (len < c->height ? len : c->height) + i, col,
			 (unsigned char)text[i], GRID_BAD);
}

/* ------------------------------------------------------------------ numbers */

static void draw_number(const struct chart *c, unsigned int col, const Mosix__NodeRow *row)
{
	bool selected = c->m->node == row->node;
	enum grid_style style = selected ? GRID_SELECTED : style_of(row);
	unsigned int y = c->top + c->height + 1, len;
	char text[16];

	if (style == GRID_GOOD)
		style = GRID_PLAIN;
	len = (unsigned int)snprintf(text, sizeof(text), "%u", row->node);
	for (unsigned int i = 0; i < len; i++) {
		if (c->upright)
			grid_put(c->g, y + c->digits - len + i, col, (unsigned char)text[i], style);
		else
			grid_put(c->g, y, col + (c->cell - 1 - len) / 2 + i, (unsigned char)text[i],
				 style);
	}
}

static unsigned int digits_of(uint32_t n)
{
	unsigned int digits = 1;

	while (n /= 10)
		digits++;
	return digits;
}

/* How much room a node gets: as much as there is if all fit, else as little as can be read. */
static void choose_cell(struct chart *c, const Mosix__NodeRow *const *rows, size_t count)
{
	unsigned int room = c->g->cols > AXIS ? c->g->cols - AXIS : 1;
	enum mon_width width = c->m->width;
	unsigned int wide;

	c->digits = 1;
	for (size_t i = 0; i < count; i++)
		if (digits_of(rows[i]->node) > c->digits)
			c->digits = digits_of(rows[i]->node);
	wide = c->digits + 1 > 3 ? c->digits + 1 : 3;
	if (width == MON_AUTO)
		width = count * wide <= room ? MON_WIDE
			: count * 2 <= room  ? MON_NARROW
					     : MON_DENSE;
	if (width == MON_WIDE && count && room / count > wide)
		wide = (unsigned int)(room / count < CELL_MAX ? room / count : CELL_MAX);
	c->cell = width == MON_WIDE ? wide : width == MON_NARROW ? 2 : 1;
	c->upright = width != MON_WIDE;
}

/* ------------------------------------------------------------------ all of it */

static void choose_page(struct mon *m, const struct chart *c, size_t selected, size_t count)
{
	size_t room = c->g->cols > AXIS ? (c->g->cols - AXIS) / c->cell : 1;

	m->page = room ? room : 1;
	if (selected < m->first)
		m->first = selected;
	if (selected >= m->first + m->page)
		m->first = selected - m->page + 1;
	if (m->first + m->page > count)
		m->first = count > m->page ? count - m->page : 0;
}

void mon_draw_bars(struct mon *m, struct grid *g, unsigned int top, unsigned int end,
		   const Mosix__NodeRow *const *rows, size_t count)
{
	struct chart c = {.m = m, .g = g, .top = top};
	unsigned int labels;
	double most = 0;

	choose_cell(&c, rows, count);
	labels = 1 + (c.upright ? c.digits : 1);
	if (end < top + labels + 1)
		return;
	c.height = end - top - labels;
	for (size_t i = 0; i < count; i++)
		if (node_is_there(rows[i]))
			most = fmax(most, bar_of(m->view, rows[i]).main +
						  bar_of(m->view, rows[i]).second);
	c.scale = choose_scale(m->view, most);
	choose_page(m, &c, mon_selected(m, rows, count), count);
	draw_axis(&c);
	for (size_t i = m->first; i < count && i < m->first + m->page; i++) {
		unsigned int col = AXIS + (unsigned int)(i - m->first) * c.cell;

		if (node_is_there(rows[i]))
			draw_bar(&c, col, c.cell > 1 ? c.cell - 1 : 1, rows[i]);
		else
			draw_absent(&c, col + (c.upright ? 0 : (c.cell - 1) / 2), rows[i]);
		draw_number(&c, col, rows[i]);
	}
}
