/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people read: aligned tables, sizes and times in the unit that fits, and text from
 * elsewhere made safe for a terminal.
 */
#ifndef MOSIX_CLI_HUMAN_H
#define MOSIX_CLI_HUMAN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HUMAN_MAX 24
#define TABLE_COLS_MAX 20

struct human {
	char s[HUMAN_MAX];
};

/* By value, for printf: human_bytes(n).s is "1.2 MiB", "512 B". */
struct human human_bytes(uint64_t bytes);
/* "740 us", "23 ms", "1.25 s", "2 min 5 s", "3 h 12 min", "4 d 2 h" */
struct human human_usec(uint64_t usec);

/* A copy (free()) with everything that could drive a terminal - control characters, invalid
 * UTF-8 - replaced by '?'. NULL reads as "". NULL when out of memory. */
char *human_safe(const char *text);
/* The same of a text that is formatted. NULL when out of memory. */
char *human_vsafe(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
/* Columns that a string of human_safe() takes, one for each character. */
size_t human_width(const char *text);

struct table;

/* @columns: headers, ended by NULL, which outlive the table; one that starts with '>' is aligned to
 * the right. NULL when out of memory. */
struct table *table_new(const char *const columns[]);
struct table *table_free(struct table *t);
void table_freep(struct table **t);
/* Fills the next cell, row by row; the text is made safe. */
void table_add(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* 0, or -ENOMEM when any cell was lost on the way. The last column is cut at @width (0: not). */
int table_print(const struct table *t, FILE *out, size_t width);

#endif
