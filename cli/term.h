/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's terminal, if any standard descriptor is one. The job has a terminal of its own,
 * whose line discipline does the work; ours is switched to raw mode and back, and only while we
 * are in the foreground.
 */
#ifndef MOSIX_CLI_TERM_H
#define MOSIX_CLI_TERM_H

#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>

struct term {
	int fd;           /* our own, O_NONBLOCK; -1 = there is none */
	unsigned int dev; /* as TIOCGDEV says: /dev/tty reads as what it stands for */
	bool shared;      /* not our own after all: keep it blocking, poll first */
	bool raw;
	struct termios saved; /* the user's modes while raw */
};

/* Takes the terminal that @fd is, unless there is one already. */
void term_init(struct term *t);
void term_take(struct term *t, int fd, unsigned int dev);
void term_done(struct term *t);

static inline bool term_exists(const struct term *t)
{
	return t->fd >= 0;
}

/* Whether our process group may read it and set its modes. */
bool term_foreground(const struct term *t);
/* Whether it is the controlling terminal, and another group has it. */
bool term_background(const struct term *t);
/* Whether lines are collected, as the shell leaves it: nobody else reads single keys. */
bool term_canonical(const struct term *t);

/* Its modes for the job's terminal; those of a shell that is editing a line are of no use, so in
 * the background it is what "stty sane" would set. Returns false if it cannot be known. */
bool term_modes(const struct term *t, struct termios *ret);
bool term_size(const struct term *t, struct winsize *ret);

/* Each does nothing if it is that already or if we are in the background. */
void term_set_raw(struct term *t);
void term_set_cooked(struct term *t);

/* From now on a fatal signal (SIGSEGV, …) sets the modes back before it kills. */
void term_restore_on_crash(const struct term *t);

#endif
