/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user reads when something fails: one sentence that says what failed, on what, and
 * what to do. Functions that can explain themselves take a `struct err *`, which may be NULL.
 */
#ifndef MOSIX_COMMON_ERR_H
#define MOSIX_COMMON_ERR_H

#define ERR_MAX 512

struct err {
	char text[ERR_MAX];
};

/* Sets the sentence and returns @r (a negative errno), so that it ends a function:
 * `return err_set(e, -EINVAL, "%s:%u: ...", file, line);`. The text is cut at ERR_MAX. */
int err_set(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(-r)>" behind the text. */
int err_sys(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " in front of the sentence that is there. Returns @r. */
int err_wrap(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
