/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a program is, found at home, where it is cheap to look: elsewhere each directory of PATH
 * is asked for over the network.
 */
#ifndef MOSIX_CLI_FIND_PROGRAM_H
#define MOSIX_CLI_FIND_PROGRAM_H

#include <limits.h>

/* The file that execvp() would take for @name. @ret is empty when there is none, or when the name
 * has a slash and needs no search. */
void find_program(const char *name, char ret[PATH_MAX]);

#endif
