/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal, by ncurses. */
#include "cli/screen.h"
#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SCREEN *terminal;
static bool utf8;
static attr_t attributes[GRID_STYLES];
static short pairs[GRID_STYLES];
static volatile sig_atomic_t stop_signal;

static void on_stop(int sig)
{
	stop_signal = sig;
}

static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	/* No SA_RESTART: the wait for a key is to end. */
	struct sigaction sa = {.sa_handler = on_stop};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &sa, NULL);
}

static void set_colors(void)
{
	static const struct {
		short color;
		attr_t with, without; /* with colours and without */
	} styles[GRID_STYLES] = {
		[GRID_PLAIN] = {-1, A_NORMAL, A_NORMAL},
		[GRID_TITLE] = {-1, A_BOLD, A_BOLD},
		[GRID_DIM] = {-1, A_DIM, A_NORMAL},
		[GRID_GOOD] = {COLOR_GREEN, A_NORMAL, A_NORMAL},
		[GRID_WARN] = {COLOR_YELLOW, A_NORMAL, A_BOLD},
		[GRID_BAD] = {COLOR_RED, A_NORMAL, A_BOLD},
		[GRID_SECOND] = {COLOR_CYAN, A_NORMAL, A_NORMAL},
		[GRID_SELECTED] = {-1, A_REVERSE, A_REVERSE},
	};
	bool colors = has_colors() && start_color() == OK && use_default_colors() == OK;

	for (short i = 0; i < GRID_STYLES; i++) {
		attributes[i] = colors ? styles[i].with : styles[i].without;
		pairs[i] = 0;
		if (colors && styles[i].color >= 0 &&
		    init_pair((short)(i + 1), styles[i].color, -1) == OK)
			pairs[i] = (short)(i + 1);
	}
}

int screen_start(bool ascii, struct err *e)
{
	const char *name = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, -ENOTTY,
			       "this needs a terminal; scripts can use --json or, of top, --batch");
	set_escdelay(25);
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return err_set(e, -ENOTTY, "the terminal '%s' is not known (set TERM)",
			       name ? name : "");
	utf8 = !ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	catch_signals();
	set_colors();
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	return 0;
}

void screen_stop(void)
{
	int sig = stop_signal;

	if (!terminal)
		return;
	endwin();
	delscreen(terminal);
	terminal = NULL;
	if (!sig)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

bool screen_stopped(void)
{
	return stop_signal != 0;
}

int screen_reset(struct grid *g)
{
	int rows, cols;

	getmaxyx(stdscr, rows, cols);
	g->utf8 = utf8;
	return grid_reset(g, rows > 0 ? (unsigned int)rows : 1, cols > 0 ? (unsigned int)cols : 1);
}

void screen_show(struct grid *g)
{
	WINDOW *w = stdscr;

	if (!w)
		return;
	for (unsigned int row = 0; row < g->rows; row++) {
		for (unsigned int col = 0; col < g->cols; col++) {
			const struct grid_cell *cell = &g->cells[row * g->cols + col];
			wchar_t text[2] = {(wchar_t)cell->ch, 0};
			cchar_t c;

			setcchar(&c, text, attributes[cell->style], pairs[cell->style], NULL);
			mvwadd_wch(w, (int)row, (int)col, &c);
		}
	}
	wrefresh(w);
}

/* A terminal that hung up can be read without end and never says anything. */
static bool is_gone(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

int screen_key(void)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{KEY_UP, SCREEN_UP},          {KEY_DOWN, SCREEN_DOWN},
		{KEY_LEFT, SCREEN_LEFT},      {KEY_RIGHT, SCREEN_RIGHT},
		{KEY_PPAGE, SCREEN_PAGE_UP},  {KEY_NPAGE, SCREEN_PAGE_DOWN},
		{KEY_HOME, SCREEN_HOME},      {KEY_END, SCREEN_END},
		{KEY_RESIZE, SCREEN_RESIZED}, {KEY_BACKSPACE, SCREEN_RUBOUT},
		{KEY_ENTER, SCREEN_ENTER},    {'\r', SCREEN_ENTER},
		{'\b', SCREEN_RUBOUT},
	};
	int key = getch();

	if (key == ERR)
		return is_gone() ? SCREEN_GONE : SCREEN_NONE;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].curses == key)
			return keys[i].key;
	/* ^L paints everything anew. */
	if (key == 'L' - '@')
		clearok(curscr, TRUE);
	return key < 256 ? key : SCREEN_RESIZED;
}
