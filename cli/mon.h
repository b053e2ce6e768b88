/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosixctl mon without terminal and daemon: what is known and selected becomes a picture, keys
 * become selections and actions. Nothing here waits, asks or looks at a clock.
 */
#ifndef MOSIX_CLI_MON_H
#define MOSIX_CLI_MON_H

#include "cli/grid.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

enum mon_view {
	/* bars of every node */
	MON_LOAD,
	MON_MEMORY,
	MON_SPEED,
	MON_GUESTS,
	MON_USED,
	/* tables */
	MON_STATUS,
	MON_JOBS,
	MON_HELP,
};

#define MON_BARS MON_STATUS /* views below it are bars */

enum mon_width {
	MON_AUTO,
	MON_WIDE,   /* number below each bar */
	MON_NARROW, /* digits of the number below each other */
	MON_DENSE,  /* and no space between bars */
	MON_WIDTHS,
};

enum mon_prompt {
	MON_NO_PROMPT,
	MON_ASK_NODE, /* to which node? */
	MON_CONFIRM,  /* really? */
};

struct mon_action {
	Mosix__RequestOp op;
	uint64_t job;
	uint32_t signal;
	char node[64];
};

struct mon {
	/* What is known; NULL: nothing yet. Borrowed. */
	const Mosix__Reply *nodes, *jobs;
	const char *problem; /* why nothing newer comes; "" or NULL: it does */

	enum mon_view view, bars, before_help;
	enum mon_width width;
	bool hide_dead;
	uint32_t node; /* selected; 0: none */
	uint64_t job;  /* the same */
	unsigned int sort;

	/* where the picture was last: kept from one to the next */
	size_t first, page; /* node of the first bar, how many there are */
	struct grid_scroll table;

	enum mon_prompt prompt;
	struct mon_action pending; /* what the prompt is about */
	char input[64];
	char message[256];
	bool message_bad;
	bool quit;
};

void mon_init(struct mon *m);

/* Draws into @g, which was reset. 0 or -ENOMEM. */
int mon_draw(struct mon *m, struct grid *g);
/* True if *ret is to be done. */
bool mon_key(struct mon *m, int key, struct mon_action *ret);
/* What will be said while @a is under way: "Moving 1.17 to n3". */
void mon_action_text(const struct mon_action *a, char *buf, size_t size);
void mon_say(struct mon *m, bool bad, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Within mon_*.c: the nodes that are shown, in order; free() it. NULL when out of memory. */
const Mosix__NodeRow **mon_shown(const struct mon *m, size_t *ret_count);
/* Place of the selected one in it; the first if there is none. */
size_t mon_selected(const struct mon *m, const Mosix__NodeRow *const *rows, size_t count);
const Mosix__JobRow *mon_selected_job(const struct mon *m);
const char *mon_sort_field(const struct mon *m);
/* Bars from @top to before @end, with axis and numbers. */
void mon_draw_bars(struct mon *m, struct grid *g, unsigned int top, unsigned int end,
		   const Mosix__NodeRow *const *rows, size_t count);

#endif
