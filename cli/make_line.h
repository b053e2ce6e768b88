/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix-make: what to do with a command that make is about to run. Pure: looks at the command
 * only. Loaded into make itself (make_preload.c), so it uses nothing but the C library.
 */
#ifndef MOSIX_CLI_MAKE_LINE_H
#define MOSIX_CLI_MAKE_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum make_line {
	MAKE_LINE_JOB,
	MAKE_LINE_MAKE,  /* runs make again: at home, and its own lines become jobs */
	MAKE_LINE_LIGHT, /* over before a job would have started */
	MAKE_LINE_LOCAL, /* the user wants it at home */
};

/* @argv as make would run it: a program with arguments, or a shell with -c. @patterns: one a
 * line, or NULL; each is a glob that may match anywhere in a line. */
enum make_line make_line_kind(char *const argv[], const char *patterns);

/* The program that the line is about, for people: "gcc" of "cd x && A=b /usr/bin/gcc -c y.c". */
void make_line_name(char *const argv[], char *ret, size_t size);

#endif
