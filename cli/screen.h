/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal as a whole: shows grids, gives keys. There is one.
 */
#ifndef MOSIX_CLI_SCREEN_H
#define MOSIX_CLI_SCREEN_H

#include "cli/grid.h"
#include "common/err.h"

/* Other keys are what they print. */
enum screen_key {
	SCREEN_NONE = 0,
	SCREEN_TAB = '\t',
	SCREEN_ENTER = '\n',
	SCREEN_ESCAPE = 27,
	SCREEN_RUBOUT = 127,
	SCREEN_UP = 256,
	SCREEN_DOWN,
	SCREEN_LEFT,
	SCREEN_RIGHT,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_RESIZED,
	SCREEN_GONE, /* nobody is there any more */
};

/* Takes the terminal; fails with a sentence if standard input or output is none. @ascii: even if
 * the locale knows more. */
int screen_start(bool ascii, struct err *e);
/* Gives it back as it was. If a signal ended the work, it is raised here. */
void screen_stop(void);

/* A signal wants us to end. */
bool screen_stopped(void);
/* The size that a grid should have, and whether it may have more than ASCII. */
int screen_reset(struct grid *g);
void screen_show(struct grid *g);
/* What was typed, at once: SCREEN_NONE if nothing was. */
int screen_key(void);

#endif
